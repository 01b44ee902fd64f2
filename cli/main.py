"""The `avatar` command: what every subcommand shares, and how errors end."""

import os
import sys
import traceback
from importlib.metadata import version
from typing import Annotated

import typer
from typer.exceptions import TyperException

from cli.autoscale import autoscale
from cli.check import check
from cli.consent import consent
from cli.cost import cost
from cli.distill import distill
from cli.explain import explain, reproduce
from cli.keys import keys
from cli.owner import owner
from cli.render import render
from cli.serve import serve
from cli.submit import submit
from cli.up import up
from cli.verify import verify
from cli.voices import voices
from cli.weights import weights
from models.errors import AvatarError, BelowTheBar, InputError, ServiceError, SetupError

EXIT_CODES: tuple[tuple[type[AvatarError], int], ...] = (
    (InputError, 2),
    (SetupError, 3),
    (ServiceError, 4),
    (BelowTheBar, 5),
)
UNEXPECTED = 1
INTERRUPTED = 130  # what a shell expects after Ctrl-C

app = typer.Typer(
    name="avatar",
    help="A portrait and a voice in, a talking-head video out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command()(render)
app.command()(submit)
app.command()(up)
app.command()(check)
app.command()(cost)
app.command()(verify)
app.command()(explain)
app.command()(reproduce)
app.command()(voices)
app.command()(serve)
app.add_typer(keys)
app.add_typer(consent)
app.add_typer(owner)
app.add_typer(weights)
app.command()(distill)
app.command()(autoscale)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"avatar {version('avatar-orchestrator')}")
        raise typer.Exit()


@app.callback()
def options(
    print_version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Say which."),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show where an error comes from; may stand anywhere.")
    ] = False,
) -> None:
    """A portrait and a voice in, a talking-head video out."""


def main() -> None:
    code = run(sys.argv[1:])
    if code == INTERRUPTED:
        os._exit(code)  # libraries that were cut short would write about it on their way out
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """The exit code; an error is one sentence on stderr, unless --debug asks for its place."""
    debug = "--debug" in arguments
    try:
        kept = [item for item in arguments if item != "--debug"]
        code = app(args=kept, prog_name="avatar", standalone_mode=False)
    except Exception as error:
        if debug:
            traceback.print_exc()
        return _fail(*_told(error))
    if code == INTERRUPTED:  # typer's own answer to Ctrl-C
        return _fail("stopped", INTERRUPTED)
    return code if isinstance(code, int) else 0


def _told(error: Exception) -> tuple[str, int]:
    if isinstance(error, AvatarError):
        code = next((code for kind, code in EXIT_CODES if isinstance(error, kind)), UNEXPECTED)
        return f"{error.code}: {error}", code
    if isinstance(error, TyperException):
        return f"invalid_request: {error.format_message()}", 2
    return f"error: {type(error).__name__}: {error} (--debug shows where)", UNEXPECTED


def _fail(sentence: str, code: int) -> int:
    line = "".join(char if char.isprintable() else " " for char in sentence)
    sys.stderr.write(" ".join(line.split()) + "\n")
    return code
