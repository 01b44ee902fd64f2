"""Rates: exact under concurrency, shared by processes through Redis, alive without it."""

import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.api.conftest import settings_for
from tests.api.running import Api, eventually, gateway, gateway_process
from tests.orchestra import free_port

MINUTE, ASKED = 10, 60


def asked_of(clients: list[httpx.Client], times: int) -> list[httpx.Response]:
    """Requests that begin work and are then refused for their body: only the rate is tested."""

    def ask(index: int) -> httpx.Response:
        return clients[index % len(clients)].post("/v1/videos", json={})

    with ThreadPoolExecutor(20) as pool:
        return list(pool.map(ask, range(times)))


def test_ten_a_minute_are_exactly_ten(sqlite_api: Api) -> None:
    client = sqlite_api.client("hasty", requests_per_minute=MINUTE)
    answers = asked_of([client], ASKED)
    assert Counter(answer.status_code for answer in answers) == {422: MINUTE, 429: ASKED - MINUTE}
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.json()["code"] == "rate_limited"
    assert 1 <= int(refused.headers["retry-after"]) <= 61
    assert refused.headers["ratelimit-limit"] == "10"
    assert refused.headers["ratelimit-remaining"] == "0"
    assert client.get("/v1/videos").status_code == 200  # what begins no work is counted apart


def test_keys_of_one_owner_share_their_rate(sqlite_api: Api) -> None:
    clients = [sqlite_api.client("team", requests_per_minute=MINUTE) for _ in range(3)]
    answers = asked_of(clients, ASKED)
    assert Counter(answer.status_code for answer in answers)[422] == MINUTE


def test_two_processes_share_one_count_in_redis(tmp_path: Path, redis_port: int) -> None:
    settings = settings_for(
        f"sqlite:///{tmp_path}/g.db", tmp_path, redis_url=f"redis://127.0.0.1:{redis_port}/3"
    )
    ports = (free_port(), free_port())
    with (
        gateway_process(settings, ports[0], tmp_path / "one.log"),
        gateway_process(settings, ports[1], tmp_path / "two.log"),
    ):
        both = [Api(f"http://127.0.0.1:{port}", settings) for port in ports]
        key = both[0].key("twofold", requests_per_minute=MINUTE)
        answers = asked_of([api.with_token(key) for api in both], ASKED)
        for api in both:
            api.close()
    assert Counter(answer.status_code for answer in answers) == {422: MINUTE, 429: ASKED - MINUTE}


@pytest.fixture
def mortal_redis(tmp_path: Path) -> Iterator[tuple[int, "subprocess.Popen[bytes]"]]:
    import shutil

    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("rates over Redis need Debian's package redis-server")
    port = free_port()
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    with subprocess.Popen([*command, "--dir", str(tmp_path)], stdout=subprocess.DEVNULL) as process:
        eventually(lambda: _listens(port))
        yield port, process
        process.kill()


def test_a_dead_redis_is_said_and_calls_are_counted_here(
    tmp_path: Path,
    mortal_redis: "tuple[int, subprocess.Popen[bytes]]",
    caplog: pytest.LogCaptureFixture,
) -> None:
    port, process = mortal_redis
    url = f"redis://127.0.0.1:{port}/0"
    with gateway(settings_for(f"sqlite:///{tmp_path}/g.db", tmp_path, redis_url=url)) as api:
        client = api.client("steady", requests_per_minute=MINUTE)
        assert client.get("/v1/videos").status_code == 200
        assert api.http.get("/readyz").json()["redis"] == "ok"
        process.send_signal(signal.SIGKILL)
        process.wait(10)
        began = time.monotonic()
        answers = asked_of([client], ASKED)
        assert time.monotonic() - began < 20  # a bound on hanging: each call does not wait anew
        assert api.http.get("/readyz").json()["redis"].startswith("away")
        assert "avatar_gateway_redis_up 0.0" in api.http.get("/metrics").text
    statuses = Counter(answer.status_code for answer in answers)
    assert statuses == {422: MINUTE, 429: ASKED - MINUTE}
    assert "Redis does not answer" in caplog.text


def _listens(port: int) -> bool:
    import socket

    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True
