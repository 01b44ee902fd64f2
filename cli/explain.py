"""`avatar explain` and `avatar reproduce`: how a video was made, and if it can be made again."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from itertools import zip_longest
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from typer import Argument

from models.contracts import Delivery
from models.delivery import MANIFEST
from models.errors import InvalidRequest
from models.manifest import Manifest
from models.storage import file_sha256

DIFFERENT = 1

Video = Annotated[str, Argument(help="A video that was made here, or its id in the store.")]


def explain(video: Video) -> None:
    """Say what a video was made of, by what, how long each stage took, and what it warned of."""
    file, manifest = _found(video)
    for name, value in _facts(file, manifest):
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
    from tasks.policies import store

    file, beside = Path(video), Path(video).with_suffix(MANIFEST)
    key = f"videos/{video}/manifest.json"
    if not beside.is_file():
        if "/" in video or not store().exists(key):
            raise InvalidRequest(f"{video} has no manifest beside it or in the store: name another")
        beside = store().path(key)
        kind = ".webm" if store().exists(f"videos/{video}/video.webm") else ".mp4"
        file = store().path(f"videos/{video}/video{kind}")
    return file, Manifest.model_validate_json(beside.read_text(encoding="utf-8"))


def _facts(file: Path, manifest: Manifest) -> Iterator[tuple[str, str]]:
    yield "id", manifest.id or "not known"
    yield "renderer", f"{manifest.renderer}, {manifest.frames} frames, seed {manifest.seed}"
    yield "code", manifest.code
    for role, digest in manifest.inputs.items():
        yield f"made of {role}", digest
    kept = file_sha256(file) == manifest.outputs.get(file.suffix)
    yield "file", "as it was delivered" if kept else "changed since it was delivered"
    yield "marks", ", ".join(manifest.marks) or "none"
    for stage, seconds in manifest.timings_s.items():
        yield f"{stage} took", f"{seconds:.2f} s"
    for check in manifest.quality.checks:
        yield check.name, f"{check.value:.4g}, must be {check.bar}"
    for warning in manifest.warnings:
        yield "warning", warning
    yield "make it again", f"avatar reproduce {manifest.id or file}"


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
