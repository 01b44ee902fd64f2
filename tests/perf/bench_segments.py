"""A long video by one process and by two warm workers: the same frames, and how long each takes.

`python -m tests.perf.bench_segments [MINUTES]` starts a Prefect server, two workers that render
segments and a flow run here, twice: segments here, then in the pool. Every decoded frame of the
two videos is compared.
"""

import hashlib
import os
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import av
import cv2
import torch

from cli.local_prefect import local_prefect
from models.contracts import VideoRequest, VideoResult
from models.storage import LocalStore
from tests.encoded import packets
from tests.perf import scenes
from tests.perf.table import report

WORKERS = 2


def main(minutes: float) -> None:
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    sound, portrait = scenes.recording(60 * minutes), scenes.astronaut()
    with scenes.work_folder() as name, ExitStack() as stack:
        folder = Path(name).resolve()
        os.environ["AVATAR_STORE"] = str(folder / "here")
        from tasks.settings import settings

        stack.enter_context(local_prefect(settings().prefect_home, folder / "results"))
        os.environ["PREFECT_LOCAL_STORAGE_PATH"] = str(folder / "results")
        rows = compared(stack, folder, request(sound, portrait))
    report("segments", ["way", "seconds", "frames/s", "segments"], rows)


def request(sound: Path, portrait: Path) -> VideoRequest:
    return VideoRequest.model_validate(
        {
            "portrait": {"image": str(portrait.resolve())},
            "speech": {"audio": str(sound.resolve())},
            "delivery": {"key_prefix": "videos/long"},
        }
    )


def compared(stack: ExitStack, folder: Path, asked: VideoRequest) -> list[list[object]]:
    from prefect.client.orchestration import get_client

    from tests.flows.pools import GPU, SEGMENTS, deploy, worker

    here, one, rendering = made(asked, folder / "here", "")
    with get_client(sync_client=True) as client:
        deploy(client, preload=["tasks.loaded:preload"])
    os.environ["AVATAR_STORE"] = str(folder / "pool")
    for number in range(WORKERS):
        stack.enter_context(worker(GPU, folder / f"{number}.log"))
    time.sleep(10)  # for the children to be warm
    pool, other, spread = made(asked, folder / "pool", SEGMENTS)
    frames = one.frames
    same = sum(a == b for a, b in zip(pictures(here), pictures(pool), strict=True))
    parts = sum(1 for entry in LocalStore(folder / "pool").entries("segments/"))
    return [
        ["one process, whole request", rendering, frames / rendering, parts // 2],
        [f"{WORKERS} workers, whole request", spread, other.frames / spread, parts // 2],
        ["join", one.timings_s["join"], None, None],
        [f"equal frames of {frames}", None, same, None],
        ["equal packets", None, packets(here) == packets(pool), None],
    ]


def made(asked: VideoRequest, store: Path, deployment: str) -> tuple[Path, VideoResult, float]:
    """The video's file and the seconds that the whole request took."""
    from prefect.settings import PREFECT_TASKS_REFRESH_CACHE, temporary_settings

    from flows.avatar_video import avatar_video
    from tasks.settings import settings

    os.environ["AVATAR_STORE"], os.environ["AVATAR_SEGMENT_DEPLOYMENT"] = str(store), deployment
    settings.cache_clear()
    began = time.perf_counter()
    with temporary_settings({PREFECT_TASKS_REFRESH_CACHE: True}):
        result = avatar_video(asked)
    return store / result.video, result, time.perf_counter() - began


def pictures(video: Path) -> Iterator[str]:
    with av.open(str(video)) as container:
        container.streams.video[0].thread_type = "AUTO"
        for frame in container.decode(video=0):
            yield hashlib.sha256(frame.to_ndarray().tobytes()).hexdigest()


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 5.0)
