"""Runs a command that gets SIGTERM when the process that started it is gone, however it died.

`python infra/leash.py PARENT COMMAND...` becomes the command. A file and no module: it starts in
a fraction of the time, and with nothing imported. Elsewhere than on Linux there is no leash.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # prctl(2); outlives the exec below


def main() -> None:
    parent, *command = sys.argv[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != int(parent):  # it went before we asked
            sys.exit(1)
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
