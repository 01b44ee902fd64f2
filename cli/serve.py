"""`avatar serve`: the HTTP API and the studio page."""

from typing import Annotated

import typer

from models.errors import InvalidRequest

LOOPBACK = ("127.0.0.1", "localhost", "::1")
DRAIN_S = 20


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 takes a free one.")] = None,
    open_access: Annotated[
        bool | None, typer.Option("--open/--keys", help="Callers of this machine need no key.")
    ] = None,
) -> None:
    """Serve the HTTP API on port 8005; settings come from the environment."""
    import uvicorn

    from api.app import create_app
    from api.logs import configure
    from api.memory import return_large_buffers
    from api.settings import Settings

    given = {"host": host, "port": port, "open_access": open_access}
    chosen = Settings(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]
    if chosen.open_access and chosen.host not in LOOPBACK:
        raise InvalidRequest(
            f"--open serves anyone who reaches {chosen.host}: use it with --host 127.0.0.1, "
            "or make keys with `avatar keys create`"
        )
    configure()
    return_large_buffers()
    uvicorn.run(
        create_app(chosen),
        host=chosen.host,
        port=chosen.port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=True,
        forwarded_allow_ips=chosen.forwarded_allow_ips,
        timeout_graceful_shutdown=DRAIN_S,
        timeout_keep_alive=30,
        h11_max_incomplete_event_size=32_768,
    )
