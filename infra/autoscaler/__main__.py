"""`python -m infra.autoscaler` scales a pool as the environment says, until SIGTERM or Ctrl-C."""

import sys

from infra.autoscaler.service import AutoscalerSettings, serve_until_told
from models.errors import AvatarError


def main() -> None:
    try:
        serve_until_told(AutoscalerSettings())
    except AvatarError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
