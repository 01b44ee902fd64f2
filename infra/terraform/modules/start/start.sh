#!/bin/bash
# A machine's start: the environment out of Secrets Manager, then containers that systemd keeps and
# CloudWatch's agent. AVATAR_MACHINE is Terraform's (main.tf beside it); AVATAR_ROOT another root, for tests.
set -euo pipefail
umask 077
machine=${AVATAR_MACHINE:?}
root=${AVATAR_ROOT:-}
of() { jq --raw-output "$@" <<<"$machine"; }

install -d -m 700 "$root/etc/avatar"
aws secretsmanager get-secret-value --secret-id "$(of .secret)" --query SecretString --output text |
    jq --raw-output 'to_entries[] | "\(.key)=\(.value)"' >"$root/etc/avatar/env"
sed -n 's/^AVATAR_METRICS_TOKEN=//p' "$root/etc/avatar/env" >"$root/etc/avatar/metrics-token"

of '[.services[].image | split("/")[0]] | unique[]' | while read -r registry; do
    aws ecr get-login-password | docker login --username AWS --password-stdin "$registry"
done

of '.services | keys[]' | while read -r name; do
    cat >"$root/etc/systemd/system/avatar-$name.service" <<UNIT
[Unit]
After=docker.service
Requires=docker.service
[Service]
ExecStart=/usr/bin/docker run --rm --name $name --env-file /etc/avatar/env --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges -v data:/app/data -v models:/app/models --log-driver awslogs --log-opt awslogs-group=$(of .log_group) --log-opt awslogs-stream=$name/%H $(of ".services[\"$name\"] | [.options, .image, .command] | join(\" \")")
ExecStop=/usr/bin/docker stop --time 330 $name
TimeoutStopSec=340
Restart=always
RestartSec=5
[Install]
WantedBy=multi-user.target
UNIT
done

of .scrape >"$root/etc/avatar/prometheus.yaml"
of .agent >"$root/etc/avatar/agent.json"
"$root/opt/aws/amazon-cloudwatch-agent/bin/amazon-cloudwatch-agent-ctl" \
    -a fetch-config -m ec2 -s -c "file:/etc/avatar/agent.json"

systemctl daemon-reload
of '.services | keys[]' | while read -r name; do
    systemctl enable --now "avatar-$name.service"
done
