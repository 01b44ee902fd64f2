"""What Prefect adds to a video: from the request to Running, to Completed, and its calls.

`python -m tests.perf.bench_orchestration [RUNS [VIDEOS]]` times a flow that loads what a video
needs, on Prefect's own process worker and on warm processes by turns, each worker as it comes out
of the box; then videos of ten seconds, their segments rendered in their own process and on another
pool. All times are the server's.
"""

import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.workers.process import ProcessWorker

from infra.pools import PoolSettings, make_pools
from infra.supervisor import answers
from tests.orchestra import ROOT, Server, eventually, free_port, server_in, worker_for
from tests.perf.scenes import astronaut
from tests.perf.table import report

RUNS, VIDEOS = 30, 10
LOOK_S = 0.2
STOCK, CPU, GPU = "stock", "cpu", "gpu"
WARM = "warm-process"
SEGMENTS = "render-segment/gpu"
SCRIPT = (  # about ten seconds
    "This sentence, number {number}, is as long as it has to be. It tells how quickly a picture "
    "learns to speak, when everything that it needs has been loaded before. That is all it says."
)
POLLS = ("get_scheduled_flow_runs", "heartbeat", "/work_pools/", "/concurrency_limits", "/admin/")
COLUMNS = [
    "10 s video",
    "runs",
    "Running p50, s",
    "Completed p50, s",
    "p95, s",
    "in tasks p50, s",
    "Prefect's own p50, s",
    "calls p50",
]
AS_IT_COMES = {"AVATAR_WORKER_POLL_S": "0.5"}


@dataclass(frozen=True)
class Times:
    run: UUID
    running_s: float  # after the request
    completed_s: float
    looks: int  # calls of the benchmark itself


def main(runs: int, videos: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        env = {"AVATAR_STORE": str(folder / "store"), "AVATAR_SEGMENT_DEPLOYMENT": ""}
        with server_in(folder / "prefect", **env) as server, server.client() as client:
            make_pools(client, PoolSettings(cpu=CPU, gpu=GPU))
            compare(server, client, runs)
            rows = [
                timed_videos(server, client, videos, "segments in its own process", ""),
                timed_videos(server, client, videos, "segments on another pool", SEGMENTS),
            ]
            report("orchestration-videos", COLUMNS, rows)


def compare(server: Server, client: SyncPrefectClient, runs: int) -> None:
    """Both workers are there all the time, and work by turns."""
    template = ProcessWorker.get_default_base_job_template()
    client.create_work_pool(WorkPoolCreate(name=STOCK, type="process", base_job_template=template))
    on = {pool: deploy(client, "tests/perf/loading.py:loading", pool) for pool in (STOCK, CPU)}
    times: dict[str, list[Times]] = {pool: [] for pool in on}
    with (
        worker_for(server, STOCK, name="stock"),
        warm_worker(server, CPU),
    ):
        for number in range(runs):
            for pool, deployment in on.items():
                times[pool].append(timed(client, deployment, {}))
                show(f"{number + 1} of {runs}, {pool}: {times[pool][-1]}")
    columns = ["worker", "runs", "Running p50, s", "p95, s ", "Completed p50, s", "p95, s"]
    rows = [[name, runs, *spread(times[pool])] for name, pool in (("process", STOCK), (WARM, CPU))]
    report("orchestration", columns, rows)


def timed_videos(
    server: Server, client: SyncPrefectClient, videos: int, name: str, segments: str
) -> list[object]:
    """A row. No two videos are the same: nothing is in the store already."""
    video = deploy(client, "flows/avatar_video.py:avatar_video", CPU, "avatar-video")
    deploy(client, "flows/render_segment.py:render_segment", GPU, "render-segment")
    changes = {"AVATAR_SEGMENT_DEPLOYMENT": segments}
    times, inside, calls = [], [], []
    with ExitStack() as workers:
        workers.enter_context(warm_worker(server, CPU, changes))
        if segments:
            workers.enter_context(warm_worker(server, GPU, changes))
        for number in range(videos):
            before = len(server.calls())
            times.append(timed(client, video, {"request": asked(number, bool(segments))}))
            calls.append(asked_of(server.calls(before)) - times[-1].looks)
            inside.append(in_tasks_s(client, times[-1].run))
            show(f"{number + 1} of {videos}, {name}: {times[-1]}")
    running, _, completed, late = spread(times)
    own = median(each.completed_s - most for each, most in zip(times, inside, strict=True))
    return [name, videos, running, completed, late, median(inside), own, median(calls)]


def asked_of(calls: list[str]) -> int:
    """How many there are, without what workers ask while they wait."""
    return sum(not any(poll in call for poll in POLLS) for call in calls)


def asked(number: int, pooled: bool) -> dict[str, Any]:
    return {
        "portrait": {"image": str(astronaut().absolute())},
        "speech": {"script": SCRIPT.format(number=number)},
        "look": {"seed": number + 1000 * pooled},
        "delivery": {"key_prefix": f"videos/{'pool' if pooled else 'here'}-{number}"},
    }


def timed(client: SyncPrefectClient, deployment: UUID, parameters: Mapping[str, Any]) -> Times:
    """Of one run, by the server's clock. Raises where it does not complete."""
    run = client.create_flow_run_from_deployment(deployment, parameters=dict(parameters))
    looks = 1
    while not ((now := client.read_flow_run(run.id)).state and now.state.is_final()):
        looks += 1
        time.sleep(LOOK_S)
    at = {state.name: state.timestamp for state in client.read_flow_run_states(run.id)}
    if "Completed" not in at or now.run_count != 1:
        raise RuntimeError(f"a run ended as {now.state_name}: {now.state and now.state.message}")
    since = min(at.values())
    return Times(
        run.id,
        (at["Running"] - since).total_seconds(),
        (at["Completed"] - since).total_seconds(),
        looks + 1,
    )


def in_tasks_s(client: SyncPrefectClient, run: UUID) -> float:
    """Seconds of the run in which at least one of its tasks ran."""
    only = FlowRunFilter(id=FlowRunFilterId(any_=[run]))
    found = client.read_task_runs(flow_run_filter=only)
    spans = sorted((t.start_time, t.end_time) for t in found if t.start_time and t.end_time)
    inside_s, until = 0.0, spans[0][0]
    for start, end in spans:
        inside_s += max((end - max(start, until)).total_seconds(), 0.0)
        until = max(until, end)
    return inside_s


def deploy(client: SyncPrefectClient, entrypoint: str, pool: str, flow: str = "loading") -> UUID:
    here = {"prefect.deployments.steps.set_working_directory": {"directory": str(ROOT)}}
    return client.create_deployment(
        client.create_flow_from_name(flow),
        pool,
        version="1",
        entrypoint=entrypoint,
        pull_steps=[here],
        work_pool_name=pool,
        parameter_openapi_schema={"type": "object", "properties": {}},
    )


@contextmanager
def warm_worker(
    server: Server, pool: str, changes: Mapping[str, str] | None = None
) -> Iterator[None]:
    """One slot, and its child has loaded everything."""
    port = free_port()
    env = AS_IT_COMES | {"AVATAR_WORKER_PORT": str(port)} | dict(changes or {})
    with worker_for(server, pool, env, name=f"warm-{pool}"):
        eventually(lambda: answers(f"http://127.0.0.1:{port}/readyz") or None, 90)
        yield


def spread(times: list[Times]) -> tuple[float, float, float, float]:
    """p50 and p95 to Running and to Completed, seconds."""
    ways: tuple[Callable[[Times], float], ...] = (
        lambda each: each.running_s,
        lambda each: each.completed_s,
    )
    found: list[float] = []
    for way in ways:
        values = [way(each) for each in times]
        found += [median(values), quantiles(values, n=20, method="inclusive")[-1]]
    return found[0], found[1], found[2], found[3]


def show(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    given = [int(word) for word in sys.argv[1:]]
    main(*(given + [RUNS, VIDEOS][len(given) :]))
