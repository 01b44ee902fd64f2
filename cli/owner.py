"""`avatar owner`: what is held about somebody, handed over or deleted, by whoever runs this."""

import asyncio
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Argument, Option

from models.errors import InvalidRequest

if TYPE_CHECKING:
    from api.database import Database
    from models.storage import Store

owner = typer.Typer(
    name="owner", help="What is held about an owner of the HTTP API.", no_args_is_help=True
)
Name = Annotated[str, Argument(help="As in `avatar keys list`.")]


@owner.command()
def export(
    name: Name, output: Annotated[Path, Option("--output", "-o", help="A new .zip.")]
) -> None:
    """Write every record, and every file of uploads and videos, into one archive."""
    from api.settings import Settings
    from models.storage import store_at

    if output.exists():
        raise InvalidRequest(f"{output} is there already: name a new file")
    store = store_at(Settings().store)
    records = asyncio.run(_held(store, name))
    with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as archive:
        lines = "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in records)
        archive.writestr("records.ndjson", lines)
        for key in sorted(set(_files(store, records))):
            archive.write(store.path(key), key)
    typer.echo(f"{len(records)} records in {output}", err=True)


@owner.command()
def forget(
    name: Name, sure: Annotated[bool, Option("--yes", help="It cannot be undone.")] = False
) -> None:
    """Delete all that is held about an owner; a running gateway deletes the files."""
    from api.settings import Settings
    from models.storage import store_at

    if not sure:
        raise InvalidRequest(f"all of {name} would be deleted: say --yes")
    videos = asyncio.run(_forget(store_at(Settings().store), name))
    typer.echo(f"{name} is forgotten, with {videos} videos")


async def _held(store: "Store", name: str) -> list[dict[str, Any]]:
    from api.holdings import held

    database = await _database()
    try:
        return [record async for record in held(database, store, name)]
    finally:
        await database.close()


async def _forget(store: "Store", name: str) -> int:
    from api.holdings import forget_owner

    database = await _database()
    try:
        return await forget_owner(database, store, name)
    finally:
        await database.close()


async def _database() -> "Database":
    from api.database import Database
    from api.settings import Settings

    database = Database(Settings().async_database_url)
    await database.migrate()
    return database


def _files(store: "Store", records: list[dict[str, Any]]) -> Iterator[str]:
    for record in records:
        if record["table"] == "uploads" and store.exists(record["key"]):
            yield record["key"]
        elif record["table"] == "videos":
            yield from (entry.key for entry in store.entries(f"videos/{record['id']}/"))
