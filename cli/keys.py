"""`avatar keys`: who may call the gateway, and how much."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from models.errors import InvalidRequest

if TYPE_CHECKING:
    from api.database import Database
    from api.tables import ApiKey

T = TypeVar("T")
keys = typer.Typer(name="keys", help="Keys of the HTTP API.", no_args_is_help=True)


@keys.command()
def create(
    owner: Annotated[str, typer.Argument(help="Whose videos it sees: a user or a team.")],
    name: Annotated[str, typer.Option(help="What it is for.")] = "",
    scopes: Annotated[
        str, typer.Option(help="Of read, write, webhooks; with commas.")
    ] = "read,write,webhooks",
    days: Annotated[int | None, typer.Option(min=1, help="It ends after so many days.")] = None,
    rate: Annotated[
        int | None, typer.Option(min=1, help="Videos, batches and preflights a minute.")
    ] = None,
    calls: Annotated[int | None, typer.Option(min=1, help="Other calls a minute.")] = None,
    budget: Annotated[str | None, typer.Option(help="Most to be spent in a month.")] = None,
    soft: Annotated[
        bool, typer.Option("--soft", help="Only tell, at 80 and 100 % of the budget.")
    ] = False,
) -> None:
    """Make a key. It is shown once and kept only as a hash."""
    from api.clock import now
    from api.keys import make_key

    made = make_key(
        _owner(owner),
        name or owner,
        scopes=tuple(scope.strip() for scope in scopes.split(",")),
        expires_at=now() + timedelta(days=days) if days else None,
        requests_per_minute=rate,
        calls_per_minute=calls,
        monthly_budget=None if budget is None else _micros(budget),
        hard_stop=not soft,
    )

    async def add(database: "Database") -> None:
        async with database.writing() as session:
            session.add(made.row)

    _with_database(add)
    typer.echo(made.secret)
    typer.echo(f"{made.row.id} of {owner}: keep it now, it is not shown again", err=True)


@keys.command("list")
def list_keys() -> None:
    """List the keys, without what opens anything."""
    from sqlalchemy import select

    from api.tables import ApiKey

    async def read(database: "Database") -> "list[ApiKey]":
        async with database.reading() as session:
            return list(await session.scalars(select(ApiKey).order_by(ApiKey.id)))

    table = Table("id", "owner", "name", "key", "scopes", "state", box=None, pad_edge=False)
    for row in _with_database(read):
        table.add_row(row.id, row.owner, row.name, f"{row.prefix}…", row.scopes, _state(row))
    Console(highlight=False, width=200).print(table)


@keys.command()
def revoke(key_id: Annotated[str, typer.Argument(help="From `avatar keys list`.")]) -> None:
    """End a key; the next request with it is refused."""
    from api.clock import now
    from api.tables import ApiKey

    async def end(database: "Database") -> bool:
        async with database.writing() as session:
            row = await session.get(ApiKey, key_id)
            if row is not None:
                row.revoked_at = row.revoked_at or now()
            return row is not None

    if not _with_database(end):
        raise InvalidRequest(f"there is no key {key_id!r}: `avatar keys list` shows their ids")
    typer.echo(f"{key_id} is revoked")


def _with_database(work: "Callable[[Database], Awaitable[T]]") -> T:
    from api.database import Database
    from api.settings import Settings

    async def run() -> T:
        database = Database(Settings().async_database_url)
        try:
            await database.migrate()
            return await work(database)
        finally:
            await database.close()

    return asyncio.run(run())


def _state(row: "ApiKey") -> str:
    from api.clock import now
    from api.keys import is_valid

    if row.revoked_at is not None:
        return f"revoked {row.revoked_at:%Y-%m-%d}"
    if not is_valid(row, now()):
        return f"expired {row.expires_at:%Y-%m-%d}"
    return "valid" if row.expires_at is None else f"until {row.expires_at:%Y-%m-%d}"


def _owner(text: str) -> str:
    if not (0 < len(text) <= 100 and text.isprintable()):
        raise InvalidRequest(f"{text[:100]!r} is no name: use 1 to 100 letters")
    return text


def _micros(text: str) -> int:
    from api.contracts import MICROS

    try:
        return int(Decimal(text) * MICROS)
    except (InvalidOperation, ValueError) as error:
        raise InvalidRequest(f"--budget cannot be {text!r}: give an amount such as 50") from error
