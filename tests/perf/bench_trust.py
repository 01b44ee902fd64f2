"""What traces, consent, screening, receipts, credentials and the mark add to a 10 s video.

`python -m tests.perf.bench_trust [PAIRS]`. Whole flow runs in this process against Prefect's local
API, each with an empty store, in pairs side by side: one with all of it, one with none. The median
of the pairs' ratios counts: of the clock's time and, as a busy machine moves that, of the CPU's.
"""

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import NamedTuple
from unittest.mock import patch

from cli.local_prefect import local_prefect
from models.journal import Journal
from tasks.settings import Settings, settings
from tests.langfuse_here import langfuse
from tests.perf import scenes
from tests.perf.table import report

SECONDS, PAIRS = 10.0, 5
GOAL = 1.10
OURS = ("screen-words", "check-consent", "sign-video")
NOTHING = {"AVATAR_SCREENING": "off", "AVATAR_CONSENT": "off", "AVATAR_WATERMARK": "false"}
EVERYTHING = {
    "AVATAR_SCREENING": "words",
    "AVATAR_CONSENT": "warn",
    "AVATAR_WATERMARK": "true",
    "LANGFUSE_PUBLIC_KEY": "pk",
    "LANGFUSE_SECRET_KEY": "sk",
}


class Took(NamedTuple):
    wall_s: float
    cpu_s: float
    stages: Mapping[str, float]  # seconds


def main(pairs: int = PAIRS) -> None:
    with (
        TemporaryDirectory() as name,
        langfuse() as server,
        local_prefect(Settings().prefect_home, Path(name) / "results"),
    ):
        everything = EVERYTHING | {"LANGFUSE_BASE_URL": server.url}
        sound, portrait = scenes.recording(SECONDS), scenes.astronaut()

        def run(changes: Mapping[str, str], *, signed: bool) -> Took:
            with TemporaryDirectory(dir=name) as store, _environment(changes, Path(store), signed):
                return _made(sound, portrait, Path(store))

        run(NOTHING, signed=False)  # models and imports
        run(everything, signed=True)
        rows = [(run(NOTHING, signed=False), run(everything, signed=True)) for _ in range(pairs)]
    report("trust", ["what", "without", "with", "ratio", "goal"], list(_table(rows)))


def _table(rows: list[tuple[Took, Took]]) -> Iterator[list[object]]:
    def line(what: str, of: Callable[[Took], float], goal: str | None) -> list[object]:
        bare, full = ([of(pair[side]) for pair in rows] for side in (0, 1))
        ratio = median(of(full_) / of(bare_) for bare_, full_ in rows)
        return [what, median(bare), median(full), ratio, goal]

    yield line("clock, s", lambda took: took.wall_s, f"<= {GOAL}")
    yield line("processor, s", lambda took: took.cpu_s, f"<= {GOAL}")
    for stage in OURS:
        seconds = median(full.stages.get(stage, 0.0) for _, full in rows)
        yield [f"of it {stage}, s", None, seconds, None, None]


def _made(sound: Path, portrait: Path, store: Path) -> Took:
    from flows.avatar_video import avatar_video
    from models.contracts import VideoRequest

    request = {
        "portrait": {"image": str(portrait)},
        "speech": {"audio": str(sound)},
        "delivery": {"key_prefix": "videos/vid_1"},
    }
    began, cpu = time.perf_counter(), time.process_time()
    avatar_video(VideoRequest.model_validate(request))
    took = time.perf_counter() - began, time.process_time() - cpu
    journal = Journal.model_validate_json((store / "videos/vid_1/journal.json").read_text())
    return Took(*took, {stage.name: stage.seconds for stage in journal.stages})


@contextmanager
def _environment(changes: Mapping[str, str], store: Path, signed: bool) -> Iterator[None]:
    from tasks import screening

    kept = dict(os.environ)
    os.environ |= {**changes, "AVATAR_STORE": str(store)}
    caches = (settings, screening.screens)  # not what tells Langfuse: it is one for a process
    for one in caches:
        one.cache_clear()
    as_without_trust = nullcontext() if signed else patch("tasks.provenance.find_spec", nothing)
    try:
        with as_without_trust:
            yield
    finally:
        os.environ.clear()
        os.environ |= kept
        for one in caches:
            one.cache_clear()


def nothing(name: str) -> None:
    """As where the extra `trust` is not installed."""


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
