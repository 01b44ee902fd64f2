"""`avatar verify`: whether a video comes from here, by its signature and by its unseen mark."""

import json
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Argument, Option

from models.errors import InvalidRequest

if TYPE_CHECKING:
    from models.provenance.credentials import Statement
    from models.watermark.detect import Mark

UNKNOWN = 1


def verify(
    video: Annotated[Path, Argument(help="Any video, also one that was encoded again.")],
    as_json: Annotated[bool, Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Read content credentials and the invisible mark; exit code 1 where neither is whole.

    Those of a WebM lie beside it, as NAME.c2pa.
    """
    from models.watermark.detect import find_marks

    if not video.is_file():
        raise InvalidRequest(f"{video} is not there: name a video file")
    marks, statement = find_marks(video), _statement(video)
    if as_json:
        document = {
            "credentials": statement and asdict(statement),
            "marks": [
                asdict(mark)
                | {"payload": _hex(mark), "chance": mark.chance, "videos": _videos(mark)}
                for mark in marks
            ],
        }
        typer.echo(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        typer.echo("\n".join([_credentials(statement), *_marks(marks)]))
    if not marks and not (statement and statement.intact and statement.video):
        raise typer.Exit(UNKNOWN)


def _statement(video: Path) -> "Statement | None":
    if find_spec("c2pa") is None:
        return None
    from models.provenance.credentials import read_statement

    return read_statement(video)


def _credentials(statement: "Statement | None") -> str:
    if statement is None:
        missing = find_spec("c2pa") is None
        return "credentials: " + ("not read, install the extra `trust`" if missing else "none")
    by = f"signed by {statement.issuer or 'nobody'}"
    told = f"video {statement.video['id']}" if "id" in statement.video else "not made here"
    return f"credentials: {statement.state.lower()}, {by}, {told} {', '.join(statement.problems)}"


def _marks(marks: "tuple[Mark, ...]") -> list[str]:
    return [_line(mark) for mark in marks] or ["mark: none"]


def _line(mark: "Mark") -> str:
    videos = ", ".join(_videos(mark)) or "not in this store"
    return (
        f"mark: {_hex(mark)} from {mark.start_s:.1f} to {mark.stop_s:.1f} s, "
        f"by chance below {mark.chance:.1e}, video {videos}"
    )


def _hex(mark: "Mark") -> str:
    from models.stages import PAYLOAD_DIGITS

    return f"{mark.payload:0{PAYLOAD_DIGITS}x}"


def _videos(mark: "Mark") -> list[str]:
    """Ids of the videos in our store that show these frames."""
    from models.watermark.ledger import carriers
    from tasks.policies import store

    return sorted(carrier.video for carrier in carriers(_hex(mark), store()))
