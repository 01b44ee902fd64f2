#!/bin/bash
# A machine's start: the environment out of Secrets Manager, then one container that systemd keeps.
set -euo pipefail
install -d -m 700 /etc/avatar
aws secretsmanager get-secret-value --secret-id '${secret}' --query SecretString --output text |
    jq -r 'to_entries[] | "\(.key)=\(.value)"' >/etc/avatar/env
chmod 600 /etc/avatar/env
registry='${image}'
registry="$${registry%%/*}"
aws ecr get-login-password | docker login --username AWS --password-stdin "$registry"
cat >/etc/systemd/system/avatar.service <<UNIT
[Unit]
After=docker.service
Requires=docker.service
[Service]
ExecStart=/usr/bin/docker run --rm --name avatar --env-file /etc/avatar/env --read-only --tmpfs /tmp -v data:/app/data -v models:/app/models ${options} ${image} ${command}
ExecStop=/usr/bin/docker stop --time 330 avatar
TimeoutStopSec=340
Restart=always
[Install]
WantedBy=multi-user.target
UNIT
systemctl enable --now avatar.service
