#!/usr/bin/env bash
# images.sh PORTRAIT builds the gateway's and the CPU worker's images and has them work as a user
# without rights: the gateway answers, the worker renders a short video of the portrait.
#
# By docker or podman where one answers, else by buildah, which needs no engine but root, and Debian's
# mmdebstrap for a base. ENGINE says which, BASE another base, BASE_TAR keeps mmdebstrap's between runs,
# BUILD_OPTIONS go to each build: --volume of a CA bundle, --build-arg PIP_EXTRA_INDEX_URL=…
# What is built stays, unless KEEP=no.
set -euo pipefail
cd "$(dirname "$0")/../.."
portrait=$(realpath "${1:?usage: images.sh PORTRAIT}")
port=${PORT:-18005}
answer_s=90
out=$(mktemp --directory)
started=()

engine() {
    local name
    for name in docker podman; do
        if command -v "$name" >/dev/null && "$name" info >/dev/null 2>&1; then
            echo "$name"
            return
        fi
    done
    if command -v buildah >/dev/null && [ "$(id --user)" = 0 ]; then
        echo buildah
        return
    fi
    echo "images need docker or podman, or root and Debian's packages buildah and mmdebstrap" >&2
    return 1
}

by_buildah() { buildah --storage-driver vfs "$@"; }

# Debian alone, where no registry's base is given: it needs no account and no mirror of images.
make_base() {
    local tar=${BASE_TAR:-$out/base.tar} made
    [ -e "$tar" ] || mmdebstrap --variant=minbase --include=python3,python3-venv,ca-certificates bookworm "$tar"
    made=$(by_buildah from scratch)
    by_buildah add "$made" "$tar" / >/dev/null
    by_buildah commit --rm --quiet "$made" avatar-base >/dev/null
}

build() {
    local given=(--target "$1" --tag "avatar-$1:local" --file infra/docker/Dockerfile)
    [ -z "${BASE:-}" ] || given+=(--build-arg "BASE=$BASE")
    # shellcheck disable=SC2206  # several words
    given+=(${BUILD_OPTIONS:-})
    if [ "$ENGINE" = buildah ]; then  # chroot needs no name spaces; docker's format keeps HEALTHCHECK
        by_buildah bud --isolation chroot --network host --format docker "${given[@]}" .
    else
        "$ENGINE" build "${given[@]}" .
    fi
}

# A container of the image, in which `inside` runs commands as the image's own user.
start() {
    if [ "$ENGINE" = buildah ]; then
        container=$(by_buildah from "avatar-$1:local")
    else
        container=$("$ENGINE" run --detach --init --network host --read-only --tmpfs /tmp --cap-drop ALL \
            --security-opt no-new-privileges --entrypoint sleep "avatar-$1:local" infinity)
    fi
    started+=("$container")
}

inside() {
    if [ "$ENGINE" = buildah ]; then
        by_buildah run --isolation chroot --network host "$container" -- "$@"
    else
        "$ENGINE" exec --interactive "$container" "$@"
    fi
}

# The picture goes in, and the video comes out, by pipes: so no folder must be open to the image's user.
with_portrait() { inside sh -c "cat > /tmp/portrait && $*" <"$portrait"; }

remove() {
    local engine=("$ENGINE") drop=(rm --force) images=(avatar-gateway:local avatar-worker-cpu:local)
    if [ "$ENGINE" = buildah ]; then
        engine=(by_buildah)
        drop=(rm)
        images+=(avatar-base)
    fi
    ((${#started[@]} == 0)) || "${engine[@]}" "${drop[@]}" "${started[@]}"
    [ "${KEEP:-yes}" = yes ] || "${engine[@]}" rmi --force "${images[@]}"
}

leave() {
    [ -z "${server:-}" ] || kill "$server" 2>/dev/null || true
    remove >/dev/null || true
    rm -rf "$out"
}
trap leave EXIT

is_nobody_special() {
    local user
    user=$(inside id --user)
    [ "$user" = 10001 ] || { echo "avatar-$1 runs as user $user" >&2; return 1; }
}

gateway_answers() {
    start gateway
    is_nobody_special gateway
    inside env "AVATAR_PORT=$port" timeout "$answer_s" avatar serve 2>"$out/gateway.log" &
    server=$!
    curl --silent --fail --retry "$answer_s" --retry-delay 1 --retry-connrefused \
        --retry-max-time "$answer_s" --output /dev/null "http://127.0.0.1:$port/healthz" ||
        { tail "$out/gateway.log" >&2; return 1; }
    inside python -m infra.health "http://127.0.0.1:$port/healthz"
    echo "avatar-gateway answers on /healthz as user 10001"
}

worker_renders() {
    start worker-cpu
    is_nobody_special worker-cpu
    with_portrait "tini -- avatar render /tmp/portrait --script 'Hello, this is an image.' \
        -o /app/data/hello.mp4 >&2 && cat /app/data/hello.mp4" >"$out/hello.mp4"
    [ "$(head --bytes 8 "$out/hello.mp4" | tail --bytes 4)" = ftyp ] ||
        { echo "avatar-worker-cpu rendered no MP4" >&2; return 1; }
    echo "avatar-worker-cpu rendered $(stat --format %s "$out/hello.mp4") bytes of MP4 as user 10001"
}

size() {  # of the file system that a container of the image sees
    { inside du --summarize --block-size=1M /opt /app /usr /var 2>/dev/null || true; } |
        awk -v image="avatar-$1" '{sum += $1} END {printf "%s: %d MB\n", image, sum}'
}

ENGINE=${ENGINE:-$(engine)}
if [ "$ENGINE" = buildah ] && [ -z "${BASE:-}" ]; then
    make_base
    BASE=localhost/avatar-base
fi
build gateway
gateway_answers
size gateway
build worker-cpu
worker_renders
size worker-cpu
