"""The gateway under load: a loopback generator, with Prefect and an idle warm worker beside it.

`python -m tests.perf.bench_gateway [SECONDS]` lets 1, 10, 50 and 100 users work for SECONDS in
all, then has 20 videos asked for every second, then reads as fast as it can, and counts what two
gateways that share a Redis let through. What is accepted waits in a pool without a worker, so that
no rendering is measured. It prints tables, draws docs/gateway.png, and fails at a single error.
"""

import asyncio
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path
from statistics import quantiles

import matplotlib

from api.settings import Settings
from infra.pools import PoolSettings, make_pools
from tests.api.conftest import settings_for
from tests.api.running import Api, gateway_process
from tests.orchestra import free_port, server_in
from tests.perf.bench_orchestration import CPU, GPU, deploy, warm_worker
from tests.perf.http import Connection, request
from tests.perf.scenes import astronaut
from tests.perf.table import report
from tests.stack.servers import redis

matplotlib.use("Agg")
from matplotlib import pyplot

PICTURE = Path("docs/gateway.png")
SECONDS = 120
USERS = (1, 10, 50, 100)
THINK_S = 1.0  # between two calls of a user
MIX = ("create", "get", "get", "list", "get", "get", "get", "get", "get", "get")
KINDS = ("create", "get", "list")
CREATES_A_SECOND, CREATING_S = 20, 20
READERS, READING_S = 16, 10
MINUTE, ASKED = 10, 200
WAITING = "waiting"  # a pool without workers
COLUMNS = ["calls", "number", "a second", "p50 ms", "p95 ms", "p99 ms", "errors"]


@dataclass
class Measured:
    """Milliseconds of each kind of call, when each was due, and what was no success."""

    ms: dict[str, list[float]] = field(default_factory=lambda: {kind: [] for kind in KINDS})
    due_s: dict[str, list[float]] = field(default_factory=lambda: {kind: [] for kind in KINDS})
    errors: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    async def take(
        self, kind: str, line: Connection, asked: bytes, due: float | None = None
    ) -> bytes:
        """One call; its time counts from when it was due, if that was before now."""
        due = due or time.perf_counter()
        status, body = await line.call(asked)
        self.ms[kind].append(1000 * (time.perf_counter() - due))
        self.due_s[kind].append(due)
        if status >= 300:
            self.errors[f"{kind} {status}"] += 1
        return body

    def rows(self, name: str) -> Iterator[list[object]]:
        for kind in KINDS:
            if times := self.ms[kind]:
                wrong = sum(n for what, n in self.errors.items() if what.startswith(kind))
                rate = len(times) / self.seconds
                yield [f"{name}, {kind}", len(times), rate, *percentiles(times), wrong]


def percentiles(values: Sequence[float]) -> tuple[float, float, float]:
    """p50, p95, p99."""
    if len(values) < 2:
        return values[0], values[0], values[0]
    found = quantiles(values, n=100, method="inclusive")
    return found[49], found[94], found[98]


class Users:
    """Each has a key, an upload and a video of its own."""

    def __init__(self, api: Api, port: int) -> None:
        self._port = port
        self._keys = [api.key(f"user-{number}") for number in range(max(USERS))]
        image = astronaut().read_bytes()
        self._bodies = []
        for key in self._keys:
            upload = api.with_token(key).post("/v1/uploads", content=image).json()["id"]
            speech = {"type": "script", "script": "Papa may buy a map of the whole country."}
            self._bodies.append({"portrait": {"upload": upload}, "speech": speech})

    def creating(self, number: int) -> bytes:
        number %= len(self._keys)
        return request("POST", "/v1/videos", self._keys[number], self._bodies[number])

    def getting(self, number: int, video: str) -> bytes:
        return request("GET", f"/v1/videos/{video}", self._keys[number])

    def listing(self, number: int) -> bytes:
        return request("GET", "/v1/videos", self._keys[number])

    async def together(self, count: int, seconds: float) -> Measured:
        """So many users, each with a pause for thought after every answer."""
        found, end = Measured(), time.perf_counter() + seconds
        began = time.perf_counter()
        await asyncio.gather(*(self._user(number, count, found, end) for number in range(count)))
        found.seconds = time.perf_counter() - began
        return found

    async def _user(self, number: int, count: int, found: Measured, end: float) -> None:
        """Not all of them begin with the same call, or all would ask for videos at once."""
        line = Connection(self._port)
        video = id_of((await line.call(self.creating(number)))[1])
        await asyncio.sleep(THINK_S * number / count)
        for kind in islice(cycle(MIX), number % len(MIX), None):
            if time.perf_counter() > end:
                break
            body = await found.take(kind, line, self._asked(kind, number, video))
            video = id_of(body) if kind == "create" else video
            await asyncio.sleep(THINK_S)
        line.close()

    def _asked(self, kind: str, number: int, video: str) -> bytes:
        if kind == "create":
            return self.creating(number)
        return self.listing(number) if kind == "list" else self.getting(number, video)

    async def creates(self) -> Measured:
        """So many a second, whether or not the ones before are answered."""
        found, began = Measured(), time.perf_counter()
        calls = []
        for number in range(CREATES_A_SECOND * CREATING_S):
            due = began + number / CREATES_A_SECOND
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            calls.append(asyncio.create_task(self._create(number, found, due)))
        await asyncio.gather(*calls)
        found.seconds = time.perf_counter() - began
        return found

    async def _create(self, number: int, found: Measured, due: float) -> None:
        line = Connection(self._port)
        await found.take("create", line, self.creating(number), due)
        line.close()

    async def reads(self) -> Measured:
        """As fast as answers come."""
        found, began = Measured(), time.perf_counter()
        await asyncio.gather(*(self._read(number, found, began) for number in range(READERS)))
        found.seconds = time.perf_counter() - began
        return found

    async def _read(self, number: int, found: Measured, began: float) -> None:
        line = Connection(self._port)
        video = id_of((await line.call(self.creating(number)))[1])
        asked = self.getting(number, video)
        while time.perf_counter() < began + READING_S:
            await found.take("get", line, asked)
        line.close()


def main(seconds: float) -> None:
    with tempfile.TemporaryDirectory() as name, beside(Path(name)) as settings:
        port, log = free_port(), Path(name) / "gateway.log"
        with gateway_process(settings, port, log):
            api = Api(f"http://127.0.0.1:{port}", settings)
            users = Users(api, port)
            steps = {n: asyncio.run(users.together(n, seconds / len(USERS))) for n in USERS}
            creates, reads = asyncio.run(users.creates()), asyncio.run(users.reads())
            api.close()
        passed = let_through(settings, Path(name))
    rows = [row for n, found in steps.items() for row in found.rows(f"{n} users")]
    rows += [*creates.rows(f"{CREATES_A_SECOND} a second")]
    rows += [*reads.rows(f"{READERS} connections, no pause")]
    report("gateway", COLUMNS, rows)
    figures: list[list[object]] = [
        [f"of {ASKED} calls at once to two gateways, limit {MINUTE} a minute", passed],
        ["load of the machine at the end", os.getloadavg()[0]],
    ]
    report("gateway-rates", ["what", "value"], figures)
    draw(steps, creates)
    check((*steps.values(), creates, reads), passed)


@contextmanager
def beside(folder: Path) -> Iterator[Settings]:
    """Redis, a Prefect server and a warm worker that has nothing to do."""
    with (
        redis(folder) as redis_port,
        server_in(folder / "prefect") as server,
        server.client() as client,
    ):
        make_pools(client, PoolSettings(cpu=WAITING, gpu=GPU))
        make_pools(client, PoolSettings(cpu=CPU, gpu=GPU))
        deploy(client, "flows/avatar_video.py:avatar_video", WAITING, "avatar-video")
        with warm_worker(server, CPU):
            yield settings_for(
                f"sqlite:///{folder}/gateway.db",
                folder / "store",
                prefect_url=server.url,
                redis_url=f"redis://127.0.0.1:{redis_port}/0",
                video_deployment=f"avatar-video/{WAITING}",
            )


def let_through(settings: Settings, folder: Path) -> int:
    """Of many calls at once to two gateways that share a Redis, how many began work."""
    ports = (free_port(), free_port())
    with (
        gateway_process(settings, ports[0], folder / "one.log"),
        gateway_process(settings, ports[1], folder / "two.log"),
    ):
        api = Api(f"http://127.0.0.1:{ports[0]}", settings)
        key = api.key("hasty", requests_per_minute=MINUTE)
        api.close()
        statuses = asyncio.run(hasty(ports, request("POST", "/v1/videos", key, {})))
    if statuses.keys() - {422, 429}:
        raise RuntimeError(f"the rates were answered {dict(statuses)}")
    return statuses[422]  # for the empty body: the call was counted and let through


async def hasty(ports: Sequence[int], asked: bytes) -> Counter[int]:
    lines = [Connection(ports[number % len(ports)]) for number in range(ASKED)]
    answers = await asyncio.gather(*(line.call(asked) for line in lines))
    for line in lines:
        line.close()
    return Counter(status for status, _ in answers)


def check(measured: Sequence[Measured], passed: int) -> None:
    errors = sum((found.errors for found in measured), Counter[str]())
    if errors or passed != MINUTE:
        raise RuntimeError(f"errors: {dict(errors)}, let through: {passed} of {MINUTE}")


def draw(steps: dict[int, Measured], creates: Measured) -> None:
    figure, (users, times) = pyplot.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
    for colour, kind in enumerate(KINDS):
        found = [percentiles(steps[count].ms[kind]) for count in steps]
        for line, (style, share) in enumerate((("-", "p50"), ("--", "p95"), (":", "p99"))):
            values = [each[line] for each in found]
            users.plot(list(steps), values, f"C{colour}{style}o", ms=4, label=f"{kind} {share}")
    users.set(xlabel="users", ylabel="ms", yscale="log", title="1 call a second each")
    users.legend(ncols=3, fontsize=8)
    began = creates.due_s["create"][0]
    at = [due - began for due in creates.due_s["create"]]
    times.plot(at, creates.ms["create"], ".", ms=4)
    times.axhline(100, color="C3", lw=1, label="goal for p95")
    times.set(xlabel="seconds", ylabel="ms", title=f"{CREATES_A_SECOND} videos asked for a second")
    times.legend()
    for axes in (users, times):
        axes.grid(alpha=0.3)
    PICTURE.parent.mkdir(exist_ok=True)
    figure.savefig(PICTURE, dpi=90)


def id_of(body: bytes) -> str:
    """Of a video, without decoding all of the answer."""
    return body.partition(b'"id":"')[2].partition(b'"')[0].decode()


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS)
