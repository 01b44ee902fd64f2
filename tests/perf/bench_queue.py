"""A full queue on two workers of this machine: nothing lost, nothing twice, everyone in turn.

`python -m tests.perf.bench_queue [VIDEOS]` queues short videos of three callers, the one with the
most first, in three queues, and lets the real autoscaler work on them with 1 to 2 warm workers.
It prints tables and draws docs/queue.png. It fails where a video is lost, doubled or not fair.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from statistics import fmean
from uuid import UUID

import httpx
import matplotlib
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import FlowRun, StateType

from infra.pools import QUEUES, PoolSettings, make_pools
from models.fair_share import CALLER
from tasks.dispatch import submit
from tests.orchestra import Server, eventually, free_port, server_in
from tests.perf.scenes import astronaut
from tests.perf.table import report

matplotlib.use("Agg")
from matplotlib import pyplot

ROOT = Path(__file__).resolve().parents[2]
PICTURE = Path("docs/queue.png")
VIDEOS = 200
SHARES = {"large": 0.8, "middle": 0.15, "small": 0.05}  # of all videos, in the order they come
MIX = ("default", "default", "high", "batch", "default", "default", "batch", "default")
WORKERS = 2
LOOK_S = 1.0
SETTLE_S = 5.0  # two workers ask at their own times
POOL = "cpu"
NAME = "avatar-video/cpu"
WORDS = "Papa may buy a map, a map for number {number}."


@dataclass(frozen=True)
class Sample:
    at_s: float
    waiting: int
    busy: int
    workers: int


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else VIDEOS
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environment = {"AVATAR_STORE": str(folder / "store"), "AVATAR_SCALE_LOG": f"{name}/log"}
        with server_in(folder / "prefect", **environment) as server, server.client() as client:
            deploy(client)
            asked = {run: folder / f"{at}.mp4" for at, run in enumerate(queued(count, folder))}
            with autoscaler(server) as port:
                samples = list(watched(client, list(asked), port))
            runs = started(client, list(asked))
            check(runs, asked)
        tell(runs, samples)
        draw(runs, samples)


def deploy(client: SyncPrefectClient) -> None:
    make_pools(client, PoolSettings(cpu=POOL, gpu=POOL))
    here = {"prefect.deployments.steps.set_working_directory": {"directory": str(ROOT)}}
    client.create_deployment(
        client.create_flow_from_name(NAME.partition("/")[0]),
        NAME.partition("/")[2],
        version="1",
        entrypoint="flows/avatar_video.py:avatar_video",
        pull_steps=[here],
        work_pool_name=POOL,
        work_queue_name="default",
        parameter_openapi_schema={"type": "object", "properties": {}},
    )


def queued(count: int, folder: Path) -> Iterator[UUID]:
    """The largest caller's videos come first, and all before a worker is there."""
    portrait = str(astronaut().absolute())
    callers = [name for name, share in SHARES.items() for _ in range(round(share * count))]
    for number, caller in enumerate(callers):
        request = {
            "portrait": {"image": portrait},
            "speech": {"script": WORDS.format(number=number)},
            "look": {"resolution": 256, "fps": "24", "seed": number},
            "delivery": {"output": str(folder / f"{number}.mp4"), "contact_sheet": False},
        }
        queue = MIX[number % len(MIX)]
        parameters = {"request": request}
        yield submit(NAME, parameters, caller=caller, cost_s=2.0, queue=queue).id


@contextmanager
def autoscaler(server: Server) -> Iterator[int]:
    """The real one, with 1 to 2 workers; the port tells what it sees."""
    port = free_port()
    changes = {
        "AVATAR_SCALE_POOL": POOL,
        "AVATAR_SCALE_AT_MOST": str(WORKERS),
        "AVATAR_SCALE_EVERY_S": str(LOOK_S),
        "AVATAR_SCALE_PORT": str(port),
        "AVATAR_SCALE_FOLDER": str(server.home / "autoscaler"),
        "PREFECT_LOGGING_LEVEL": "WARNING",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "infra.autoscaler"], env=server.environment | changes, cwd=ROOT
    )
    try:
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def watched(client: SyncPrefectClient, runs: list[UUID], port: int) -> Iterator[Sample]:
    """What the autoscaler sees, each second, until every run has ended."""
    began, url = time.monotonic(), f"http://127.0.0.1:{port}/scale"
    eventually(lambda: _seen(url), 30)
    while True:
        if seen := _seen(url):
            yield Sample(time.monotonic() - began, seen["waiting"], seen["busy"], seen["workers"])
            if not seen["waiting"] and not seen["busy"] and _all_ended(client, runs):
                return
        time.sleep(LOOK_S)


def _seen(url: str) -> dict[str, int] | None:
    try:
        answer = httpx.get(url, timeout=5)
    except httpx.TransportError:
        return None
    if not answer.is_success:
        return None
    found: dict[str, int] = answer.json()
    return found


def _all_ended(client: SyncPrefectClient, runs: list[UUID]) -> bool:
    found = (client.read_flow_run(run) for run in runs)
    return all(run.state is not None and run.state.is_final() for run in found)


def started(client: SyncPrefectClient, runs: list[UUID]) -> list[FlowRun]:
    """In the order of their starts."""
    return sorted((client.read_flow_run(run) for run in runs), key=start_of)


def start_of(run: FlowRun) -> datetime:
    if run.start_time is None:
        raise RuntimeError(f"{run.name} never started: {run.state}")
    return run.start_time


def caller_of(run: FlowRun) -> str:
    return next(tag for tag in run.tags if tag.startswith(CALLER)).removeprefix(CALLER)


def check(runs: list[FlowRun], asked: dict[UUID, Path]) -> None:
    lost = [run.name for run in runs if run.state_type is not StateType.COMPLETED]
    lost += [str(path) for path in asked.values() if not path.is_file()]
    doubled = [run.name for run in runs if run.run_count != 1]
    late = list(overtaken(runs))
    unfair = {queue: most for queue in QUEUES if (most := most_ahead(runs, queue)) > WORKERS + 2}
    for what, found in (("lost", lost), ("doubled", doubled), ("overtaken", late)):
        if found:
            raise RuntimeError(f"{len(found)} videos were {what}: {', '.join(map(str, found[:5]))}")
    if unfair:
        raise RuntimeError(f"another caller's videos came first in a row: {unfair}")


def overtaken(runs: list[FlowRun]) -> Iterator[str]:
    """Runs that started later than one of a less urgent queue did, by more than workers differ."""
    for queue, priority in QUEUES.items():
        mine = [start_of(run) for run in runs if run.work_queue_name == queue]
        below = [start_of(run) for run in runs if QUEUES[str(run.work_queue_name)] > priority]
        if mine and below and (max(mine) - min(below)).total_seconds() > SETTLE_S:
            yield queue


def most_ahead(runs: list[FlowRun], queue: str) -> int:
    """Most runs of one other caller between two starts of a caller who had more waiting."""
    order = [caller_of(run) for run in runs if run.work_queue_name == queue]
    worst = 0
    for caller in set(order):
        places = [-1, *(at for at, one in enumerate(order) if one == caller)]
        for before, after in pairwise(places):
            ahead = Counter(order[before + 1 : after])
            worst = max(worst, *ahead.values(), 0)
    return worst


def tell(runs: list[FlowRun], samples: list[Sample]) -> None:
    begin = start_of(runs[0])
    rows: list[list[object]] = []
    for queue in QUEUES:
        for caller in SHARES:
            mine = [r for r in runs if (r.work_queue_name, caller_of(r)) == (queue, caller)]
            if mine:
                at = [(start_of(run) - begin).total_seconds() for run in mine]
                rows.append([queue, caller, len(mine), min(at), fmean(at), max(at)])
    columns = ["queue", "caller", "videos", "first start s", "mean start s", "last start s"]
    report("queue", columns, rows)
    ends: list[datetime] = [run.end_time for run in runs if run.end_time]
    whole = (max(ends) - begin).total_seconds()
    seconds = [run.total_run_time.total_seconds() for run in runs]
    figures: list[list[object]] = [
        ["videos", len(runs)],
        ["lost, doubled, overtaken", 0],
        ["first start to last end, s", whole],
        ["videos a minute", 60 * len(runs) / whole],
        ["a run, mean s", fmean(seconds)],
        ["autoscaler to first start, s", first_start_s(samples)],
        ["most of one other caller in between", max(most_ahead(runs, queue) for queue in QUEUES)],
        ["load of the machine at the end", os.getloadavg()[0]],
    ]
    report("queue-whole", ["what", "value"], figures)


def first_start_s(samples: list[Sample]) -> float:
    """From the autoscaler's first look, without a worker, until a worker held a run."""
    return next(sample.at_s for sample in samples if sample.busy) - samples[0].at_s


def draw(runs: list[FlowRun], samples: list[Sample]) -> None:
    """Depth and workers over time above, who started when below."""
    figure, (depth, starts) = pyplot.subplots(2, figsize=(11, 7.5), layout="constrained")
    at = [sample.at_s for sample in samples]
    depth.plot(at, [sample.waiting for sample in samples], label="waiting")
    depth.set(xlabel="seconds", ylabel="videos waiting", title=f"{len(runs)} videos, two workers")
    count = depth.twinx()
    count.step(at, [sample.workers for sample in samples], "C1", where="post", label="workers")
    count.set(ylabel="workers", ylim=(0, WORKERS + 1), yticks=range(WORKERS + 2))
    depth.legend(handles=[*depth.lines, *count.lines], loc="upper right")
    begin = start_of(runs[0])
    for colour, caller in enumerate(SHARES):
        mine = [run for run in runs if caller_of(run) == caller]
        starts.scatter(
            [(start_of(run) - begin).total_seconds() for run in mine],
            [_lane(run, colour) for run in mine],
            s=14,
            color=f"C{colour}",
            label=f"{caller}: {len(mine)} videos",
        )
    starts.set(xlabel="start, seconds after the first", title="Urgent first, then every caller")
    starts.set(yticks=list(QUEUES.values()), yticklabels=list(QUEUES), ylim=(3.5, 0.5))
    starts.legend(loc="lower left")
    for axes in (depth, starts):
        axes.grid(alpha=0.3)
    PICTURE.parent.mkdir(exist_ok=True)
    figure.savefig(PICTURE, dpi=90)


def _lane(run: FlowRun, caller: int) -> float:
    return QUEUES[str(run.work_queue_name)] + (caller - 1) * 0.2


if __name__ == "__main__":
    main()
