"""What a person sees: a bar while it runs, a summary when it is done."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from models.contracts import VideoResult

Listener = Callable[[str, int, int], None]


@contextmanager
def showing_progress(unit: str = "frames") -> Iterator[Listener]:
    """A line on stderr that follows the stages; it leaves nothing behind. The unit may be "%"."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[count]}"),
        TimeElapsedColumn(),
    )
    console = Console(stderr=True)
    hidden = not console.is_terminal  # a log would only get its last line break
    with Progress(*columns, console=console, transient=True, disable=hidden) as progress:
        line = progress.add_task("Starting", total=None, count="")

        def follow(stage: str, done: int, total: int) -> None:
            count = (f"{done} %" if unit == "%" else f"{done}/{total} {unit}") if total else ""
            progress.update(
                line, description=stage, completed=done, total=total or None, count=count
            )

        yield follow


def show_result(result: VideoResult, seconds: float) -> None:
    """A table on stdout: what was made, how good it is, where everything lies."""
    facts = list(_facts(result, seconds))
    width = max(len(name) for name, _ in facts)
    console = Console(highlight=False, markup=False)
    for name, value in facts:
        console.print(f"{name:{width}}  {value}", soft_wrap=True)


def _facts(result: VideoResult, seconds: float) -> Iterator[tuple[str, str]]:
    size_mb = Path(result.video).stat().st_size / 1e6
    yield "video", f"{_near(result.video)} ({size_mb:.1f} MB)"
    yield (
        "length",
        f"{result.duration_s:.1f} s, {result.frames} frames, "
        f"{result.width}x{result.height} at {result.fps} fps",
    )
    rendering = result.timings_s.get("render", 0)
    speed = f", rendering {result.frames / rendering:.0f} frames/s" if rendering else ""
    yield "took", f"{seconds:.1f} s{speed}"
    for check in result.quality.checks:
        value = f"{check.value:.3g}" if check.measured else "not measured"
        yield f"  {check.name}", f"{value} ({check.bar}) {check.detail}".rstrip()
    for path in (result.captions_srt, result.captions_vtt, result.contact_sheet, result.manifest):
        if path:
            yield "beside it", _near(path)
    for warning in result.warnings:
        yield "warning", warning


def _near(path: str) -> str:
    """As seen from the current folder, where that is shorter."""
    return min(path, os.path.relpath(path), key=len)
