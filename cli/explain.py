"""`avatar explain` and `avatar reproduce`: how a video was made, and if it can be made again."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from itertools import zip_longest
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from typer import Argument, Option

from cli.story import lines, story_of
from models.contracts import Delivery
from models.errors import InvalidRequest
from models.manifest import Manifest

DIFFERENT = 1

Video = Annotated[str, Argument(help="A video that was made here, or its id in the store.")]


def explain(
    video: Video,
    as_json: Annotated[bool, Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Tell a video's whole story: who asked, each stage, what it cost, how to make it again."""
    story = story_of(video)
    if as_json:
        parts = {"manifest": story.manifest, "journal": story.journal, "failure": story.failure}
        known = {name: part.model_dump(mode="json") for name, part in parts.items() if part}
        typer.echo(json.dumps({"id": story.name, **known}, indent=2, ensure_ascii=False))
        return
    for name, value in lines(story):
        typer.echo(f"{name}: {value}")


def reproduce(video: Video) -> None:
    """Make a video again from nothing but its manifest; exit code 1 where a frame differs."""
    from tasks.inputs import input_file, with_files

    file, manifest = _found(video)
    request = with_files(manifest.request, lambda place, most: str(input_file(place)))
    with TemporaryDirectory() as name:
        again = Path(name) / f"again{file.suffix}"
        delivery = Delivery(output=str(again), contact_sheet=False)
        with _empty_store(Path(name) / "store"):
            from cli.render import run_here

            run_here(request.model_copy(update={"delivery": delivery}))
        pairs = zip_longest(_frames(file), _frames(again))
        different = [index for index, (was, is_now) in enumerate(pairs) if was != is_now]
    if different:
        typer.echo(
            f"{len(different)} frames differ, the first is {different[0]}: {_other(manifest)}"
        )
        raise typer.Exit(DIFFERENT)
    typer.echo(f"all {manifest.frames} frames are the same")


def _found(video: str) -> tuple[Path, Manifest]:
    """The file and its manifest. Raises InvalidRequest."""
    story = story_of(video)
    if story.file is None or story.manifest is None:
        raise InvalidRequest(f"{video} was not made: `avatar explain {video}` says why")
    return story.file, story.manifest


def _other(manifest: Manifest) -> str:
    from models.manifest import versions
    from tasks.policies import code_version

    now = versions() | {"our code": code_version()}
    then = manifest.versions | {"our code": manifest.code}
    changed = [name for name in now if now[name] != then.get(name)]
    return f"other versions of {', '.join(changed)}" if changed else "the versions are the same"


@contextmanager
def _empty_store(folder: Path) -> Iterator[None]:
    """Where nothing is kept that a stage could take instead of making it, and no other machine."""
    from tasks.settings import settings

    kept = dict(os.environ)
    os.environ |= {"AVATAR_STORE": str(folder), "AVATAR_SEGMENT_DEPLOYMENT": ""}
    settings.cache_clear()
    try:
        yield
    finally:
        os.environ.clear()
        os.environ |= kept
        settings.cache_clear()


def _frames(video: Path) -> Iterator[bytes]:
    """A digest of each decoded frame."""
    from models.media.colour import plane_pixels
    from models.media.probe import opened

    with opened(video) as container:
        for frame in container.decode(video=0):
            planes = b"".join(plane_pixels(plane).tobytes() for plane in frame.planes)
            yield sha256(planes).digest()
