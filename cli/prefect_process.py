"""Prefect's API in a process of its own, for as long as somebody holds its standard input open.

`python -m cli.prefect_process` serves on a free port of this machine and prints the number;
calls made before it is ready wait. `--migrate` makes the database that the environment names.
"""

import asyncio
import gc
import os
import socket
import sys
import threading


def main() -> None:
    if sys.argv[1:] == ["--migrate"]:
        asyncio.run(_migrate())
        return
    listener = socket.create_server(("127.0.0.1", 0))
    sys.stdout.write(f"{listener.getsockname()[1]}\n")
    sys.stdout.flush()
    _serve(listener)


def _serve(listener: socket.socket) -> None:
    threading.Thread(target=_exit_with_owner, daemon=True).start()
    gc.disable()  # nothing that importing makes is garbage: half a second less
    import uvicorn
    from prefect.server.api.server import create_app

    from infra.prefect_server import queue_writers

    queue_writers()
    app = create_app(ephemeral=True, final=True)
    gc.freeze()
    gc.enable()
    uvicorn.Server(uvicorn.Config(app, log_level="critical")).run(sockets=[listener])


def _exit_with_owner() -> None:
    """The owner's death closes our input, however it died. Nothing here is worth saving."""
    sys.stdin.buffer.read()
    os._exit(0)


async def _migrate() -> None:
    from prefect.server.database import provide_database_interface

    database = provide_database_interface()
    await database.create_db()
    await (await database.engine()).dispose()


if __name__ == "__main__":
    main()
