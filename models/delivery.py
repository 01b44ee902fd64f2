"""A video and what goes beside it, delivered together or not at all."""

import shutil
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from models.errors import InvalidRequest
from models.media.files import replacing, writing_to

# The stem of what lies beside is the video's, so that players find the captions; other suffixes
# are double, so that no portrait or recording of the same name is ever replaced.
SRT, VTT = ".srt", ".vtt"
THUMBNAIL, SHEET, MANIFEST = ".thumbnail.jpg", ".sheet.png", ".manifest.json"


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


def check_not_input(output: Path, *inputs: str | None) -> None:
    """Raises InvalidRequest where the video would replace what it is made from."""
    for name in inputs:
        if name is not None and Path(name).resolve() == output.resolve():
            raise InvalidRequest(f"output {output} is an input too: choose another name")
