"""One finished video on one page of Markdown, for Prefect's artifacts."""

import base64
from collections.abc import Iterable, Iterator
from pathlib import Path

from models.contracts import Check, VideoResult


def markdown(result: VideoResult, thumbnail: Path) -> str:
    """Picture, where the files are, timings, quality, warnings."""
    return "\n".join(_lines(result, thumbnail)) + "\n"


def _lines(result: VideoResult, thumbnail: Path) -> Iterator[str]:
    yield f"![a frame of the video]({data_uri(thumbnail)})\n"
    yield f"`{result.video}`\n"
    yield (
        f"{result.duration_s:.1f} s, {result.frames} frames, {result.width} x {result.height} "
        f"at {result.fps} fps, renderer {result.renderer}\n"
    )
    beside = (result.captions_srt, result.captions_vtt, result.contact_sheet, result.manifest)
    yield from (f"* `{path}`" for path in beside if path)
    if result.warnings:
        yield "\n### Warnings\n"
        yield from (f"* {warning}" for warning in result.warnings)
    yield "\n### Quality\n"
    yield from _table(
        ("check", "value", "bar", "result", "note"),
        (
            (check.name, f"{check.value:.3g}", check.bar, _mark(check), check.detail)
            for check in result.quality.checks
        ),
    )
    yield "\n### Timings\n"
    seconds = ((stage, f"{value:.2f}") for stage, value in result.timings_s.items())
    yield from _table(("stage", "seconds"), seconds)


def data_uri(picture: Path) -> str:
    """The picture itself as an address: the page then needs no other file."""
    return "data:image/jpeg;base64," + base64.b64encode(picture.read_bytes()).decode()


def _mark(check: Check) -> str:
    if not check.measured:
        return "not measured"
    return "passed" if check.passed else "**failed**"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield "|" + "---|" * len(head)
    yield from (f"| {' | '.join(row)} |" for row in rows)
