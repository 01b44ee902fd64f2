"""`python -m infra.autoscaler` scales a pool as the environment says, until SIGTERM or Ctrl-C."""

import logging
import signal
import threading

from infra.autoscaler.service import AutoscalerSettings, serve


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, frame: stop.set())
    serve(AutoscalerSettings(), stop)


if __name__ == "__main__":
    main()
