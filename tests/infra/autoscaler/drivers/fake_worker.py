"""A worker without Prefect: SIGTERM lets it finish its run, which takes as long as it is told.

`fake_worker.py FOLDER RUN_S`: writes FOLDER/PID.on when it is ready, FOLDER/PID.done when drained.
"""

import os
import signal
import sys
import threading
from pathlib import Path

folder, run_s = Path(sys.argv[1]), float(sys.argv[2])
told = threading.Event()
signal.signal(signal.SIGTERM, lambda number, frame: told.set())
(folder / f"{os.getpid()}.on").touch()
told.wait()
threading.Event().wait(run_s)
(folder / f"{os.getpid()}.done").touch()
