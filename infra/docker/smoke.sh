#!/usr/bin/env bash
# Builds the gateway's image without a container engine and asks it how it is, as a user without rights.
# Needs root, and Debian's buildah and mmdebstrap. BASE_TAR keeps the base between runs; BUILD_OPTIONS,
# such as --volume of a CA bundle or of pip's settings, go to the build.
set -euo pipefail
cd "$(dirname "$0")/../.."
base=${BASE_TAR:-$(mktemp --dry-run --suffix=.tar)}
port=${PORT:-18005}
store=(buildah --storage-driver vfs)
container=""
trap 'if [ -n "$container" ]; then "${store[@]}" rm "$container" >/dev/null; fi' EXIT

[ -e "$base" ] || mmdebstrap --variant=minbase --include=python3,python3-venv,ca-certificates bookworm "$base"
made=$("${store[@]}" from scratch)
"${store[@]}" add "$made" "$base" / >/dev/null
"${store[@]}" commit --rm "$made" avatar-base >/dev/null
# shellcheck disable=SC2086
"${store[@]}" bud --isolation chroot --network host --format docker --target gateway \
    --build-arg BASE=localhost/avatar-base ${BUILD_OPTIONS:-} \
    --tag avatar-gateway:local --file infra/docker/Dockerfile .

container=$("${store[@]}" from avatar-gateway:local)
inside=("${store[@]}" run --isolation chroot --network host --env "AVATAR_PORT=$port" "$container" --)
user=$("${inside[@]}" id --user)
[ "$user" = 10001 ] || { echo "runs as $user" >&2; exit 1; }
timeout 90 "${inside[@]}" avatar serve &
server=$!
for _ in $(seq 80); do
    if curl --silent --fail "http://127.0.0.1:$port/readyz"; then
        echo " answered as user $user"
        kill "$server"
        wait "$server" || true
        exit 0
    fi
    sleep 1
done
kill "$server"
echo "no answer on port $port" >&2
exit 1
