"""`avatar consent`: who agreed to be shown, recorded in the store that all machines share."""

import secrets
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from typer import Argument, Option

from models.contracts import MAX_IMAGE_BYTES
from models.errors import InvalidRequest

if TYPE_CHECKING:
    from models.consent import Consents
    from models.storage import Store

consent = typer.Typer(name="consent", help="Who agreed to be shown speaking.", no_args_is_help=True)
Owner = Annotated[str, Option(help="Whose videos it is for; as in `avatar keys`.")]


@consent.command()
def add(
    portrait: Annotated[Path, Argument(help="The very picture that will be used.")],
    subject: Annotated[str, Option(help="Who is shown, and agreed.")],
    method: Annotated[str, Option(help="How: a signed form, by email, in a recording.")],
    purpose: Annotated[str, Option(help="For what.")],
    given: Annotated[str, Option(help="When, such as 2026-11-24. Empty: now.")] = "",
    until: Annotated[str, Option(help="The last moment. Empty: without an end.")] = "",
    evidence: Annotated[str, Option(help="Where its proof is.")] = "",
    owner: Owner = "local",
) -> None:
    """Record a consent; it is never changed afterwards."""
    from models.consent import Consent, Consents
    from models.storage import file_sha256
    from models.validation import made

    if not portrait.is_file():
        raise InvalidRequest(f"{portrait} is not there: name the picture")
    now = datetime.now(UTC)
    record = made(
        Consent,
        id=f"con_{time.time_ns() // 1_000_000:012x}{secrets.token_hex(10)}",
        owner=owner,
        portrait=file_sha256(portrait, MAX_IMAGE_BYTES),
        subject=subject,
        method=method,
        purpose=purpose,
        given_at=_time(given, "--given") or now,
        valid_until=_time(until, "--until"),
        evidence=evidence,
        recorded_at=now,
        recorded_by="avatar consent",
    )
    Consents(_store()).add(record)
    typer.echo(record.id)


@consent.command("list")
def list_consents(owner: Owner = "local") -> None:
    """List an owner's consents, the newest first."""
    table = Table("id", "state", "subject", "for", "until", "portrait", box=None, pad_edge=False)
    for held in _consents().of_owner(owner):
        record = held.consent
        until = f"{record.valid_until:%Y-%m-%d}" if record.valid_until else "no end"
        state = held.state(datetime.now(UTC))
        table.add_row(record.id, state, record.subject, record.purpose, until, record.portrait[:12])
    Console(highlight=False, width=200).print(table)


@consent.command()
def withdraw(
    consent_id: Annotated[str, Argument(help="From `avatar consent list`.")],
    reason: Annotated[str, Option(help="Kept with it.")] = "",
    owner: Owner = "local",
) -> None:
    """Make nothing more of the portrait under it, and list the videos that there are."""
    from models.consent import Withdrawal

    held = _consents().find(owner, consent_id)
    gone = Withdrawal(consent=consent_id, at=datetime.now(UTC), reason=reason)
    _consents().withdraw(held.consent, gone)
    videos = _videos_of(_store(), held.consent.portrait)
    typer.echo(f"{consent_id} is withdrawn; videos of the portrait: {len(videos)}", err=True)
    for video in videos:
        typer.echo(video)


def _videos_of(store: "Store", portrait: str) -> list[str]:
    """Ids of delivered videos, by their manifests."""
    from models.manifest import Manifest

    found = []
    for entry in store.entries("videos/"):
        if entry.key.endswith("/manifest.json"):
            text = store.path(entry.key).read_text(encoding="utf-8")
            manifest = Manifest.model_validate_json(text)
            if manifest.inputs.get("portrait") == portrait:
                found.append(manifest.id or entry.key)
    return found


def _time(text: str, option: str) -> datetime | None:
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidRequest(
            f"{option} cannot be {text!r}: give a day such as 2026-11-24"
        ) from error
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _consents() -> "Consents":
    from models.consent import Consents

    return Consents(_store())


def _store() -> "Store":
    from models.storage import store_at
    from tasks.settings import settings

    return store_at(settings().store)
