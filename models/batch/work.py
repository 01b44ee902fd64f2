"""What a batch has to do: its rows grouped by what they ask for, or what is wrong with them."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import Field

from models.batch.fill import Item, fill_rows
from models.batch.manifest import Problem, read_rows
from models.batch.source import SCHEME
from models.contracts import Contract, Delivery, VideoRequest
from models.storage import Store, digest, file_sha256

Groups = dict[str, tuple[Item, ...]]


class Batch(Contract):
    """A manifest with its template."""

    manifest: str
    digest: str
    groups: Groups = Field(default_factory=dict)  # rows that ask for the same, by what they ask for
    problems: tuple[Problem, ...] = ()  # then there are no groups


def make_batch(manifest: str, content: bytes, template: Mapping[str, Any], store: Store) -> Batch:
    """Every row is checked. Raises InvalidRequest for what is no manifest at all."""
    rows, problems = read_rows(content, manifest.partition("?")[0])
    items, unfit = fill_rows(rows, template)
    missing = [problem for item in items for problem in missing_files(item.line, item, store)]
    problems = [*problems, *unfit, *missing]
    groups = {} if problems else group(items)
    problems += _collisions(groups)
    return Batch(
        manifest=manifest,
        digest=digest(content.decode("utf-8", errors="replace"), repr(template)),
        groups={} if problems else groups,
        problems=tuple(sorted(problems, key=lambda problem: problem.line)),
    )


def group(items: Iterable[Item]) -> Groups:
    groups: Groups = {}
    for item in items:
        name = name_of(item.request)
        groups[name] = (*groups.get(name, ()), item)
    return groups


def name_of(request: VideoRequest) -> str:
    """A digest of the request and the content of the files of this machine that it names."""
    local = [place for place in inputs(request).values() if not place.startswith(SCHEME)]
    return digest(request.model_dump_json(), *(file_sha256(Path(place)) for place in local))


def inputs(request: VideoRequest) -> dict[str, str]:
    """Files that the request names, by the field."""
    named = {
        "portrait.image": request.portrait.image,
        "speech.audio": getattr(request.speech, "audio", None),
        "look.background.picture": request.look.background.picture,
    }
    return {field: place for field, place in named.items() if place}


def missing_files(line: int, item: Item, store: Store) -> Iterator[Problem]:
    for field, place in inputs(item.request).items():
        if not _is_there(place, store):
            yield Problem(line=line, message=f"{field}: there is no file {place}")


def delivered(request: VideoRequest, name: str) -> VideoRequest:
    """With a place of its own in the store, unless it names its place."""
    delivery = request.delivery
    if delivery.output or delivery.key_prefix:
        return request
    into = Delivery(key_prefix=f"batches/videos/{name}", contact_sheet=delivery.contact_sheet)
    return request.model_copy(update={"delivery": into})


def _collisions(groups: Groups) -> Iterator[Problem]:
    taken: dict[str, int] = {}
    for first, *_ in groups.values():
        place = first.request.delivery.output or first.request.delivery.key_prefix
        if place and place in taken:
            message = f"delivery: {place} is line {taken[place]}'s too: put a column into the name"
            yield Problem(line=first.line, message=message)
        elif place:
            taken[place] = first.line


def _is_there(place: str, store: Store) -> bool:
    if not place.startswith(SCHEME):
        return Path(place).is_file()
    try:
        return store.exists(place.removeprefix(SCHEME))
    except ValueError:  # no key at all
        return False
