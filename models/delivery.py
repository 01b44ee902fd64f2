"""A video and what goes beside it, delivered together or not at all."""

import os
import shutil
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from models.errors import InvalidRequest, OutputNotWritable
from models.media.files import replacing, writing_to
from models.storage import Store

# The stem of what lies beside is the video's, so that players find the captions; other suffixes
# are double, so that no portrait or recording of the same name is ever replaced.
SRT, VTT = ".srt", ".vtt"
MAX_NAME_BYTES = 255  # of every file system in use
THUMBNAIL, SHEET, MANIFEST = ".thumbnail.jpg", ".sheet.png", ".manifest.json"
CREDENTIALS = ".c2pa"  # of a WebM, where readers look for them
# Under a key prefix each file has a name of its own.
NAMES = {
    ".mp4": "video.mp4",
    ".webm": "video.webm",
    SRT: "captions.srt",
    VTT: "captions.vtt",
    THUMBNAIL: "thumbnail.jpg",
    SHEET: "sheet.png",
    MANIFEST: "manifest.json",
    CREDENTIALS: "video.c2pa",
}


def deliver(files: Mapping[str, Path], video: Path) -> dict[str, Path]:
    """Copy each file to the video's name with the suffix it goes under; the places, by suffix.

    Raises DiskFull and OutputNotWritable; then nothing is changed there.
    """
    places = {suffix: video.with_name(video.stem + suffix) for suffix in files}
    with ExitStack() as stack:
        for suffix, source in files.items():
            part = stack.enter_context(replacing(places[suffix]))
            with writing_to(places[suffix]):
                shutil.copyfile(source, part)
    return places


def keep_under(prefix: str, files: Mapping[str, Path], store: Store) -> dict[str, str]:
    """Put each file into the store under the prefix; the keys, by the suffix it goes under.

    Raises what `Store.put` raises; then nothing is there.
    """
    keys = {suffix: f"{prefix}/{NAMES[suffix]}" for suffix in files}
    with ExitStack() as undo:
        for suffix, source in files.items():
            undo.callback(store.delete, keys[suffix])
            store.put(source, keys[suffix])
        undo.pop_all()
    return keys


def place_of(output: str) -> Path:
    """The output's absolute path; what stands before a `..` in it need not exist."""
    return Path(os.path.abspath(output))


def check_names(output: Path) -> None:
    """Raises OutputNotWritable where the names beside the video would be too long."""
    longest = max(len(os.fsencode(output.stem + suffix)) for suffix in (THUMBNAIL, MANIFEST))
    if longest > MAX_NAME_BYTES:
        raise OutputNotWritable(
            f"output {output.name[:20]}… has too long a name: use at most "
            f"{MAX_NAME_BYTES - len(MANIFEST)} letters"
        )


def check_not_input(output: Path, *inputs: str | None) -> None:
    """Raises InvalidRequest where the video would replace what it is made from."""
    for name in inputs:
        if name is not None and Path(name).resolve() == output.resolve():
            raise InvalidRequest(f"output {output} is an input too: choose another name")
