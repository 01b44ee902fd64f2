"""Each panel and rule has something to show of services that run and have made a video."""

import io
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from PIL import Image

from infra.monitoring.dashboards import DASHBOARDS
from infra.pools import PoolSettings, make_pools
from tests.api.conftest import portrait_png, settings_for, video_body
from tests.api.running import gateway
from tests.flows.pools import deploy_one
from tests.infra.monitoring.test_alerts_arrive import exporter_command
from tests.infra.monitoring.watching import MONITORING, TOKEN, listener, watching
from tests.infra.worker.nvml_here import library
from tests.orchestra import eventually, free_port, server_in, worker_for
from tests.stack.servers import serving

__all__ = ["listener", "portrait_png", "video_body"]

POOL = "gpu"
MADE_S, SEEN_S = 240.0, 30.0  # bounds on hangs
ELSEWHERE = "probe_ssl"  # the blackbox exporter's
PANELS = sorted({panel.expr for panels in DASHBOARDS.values() for panel in panels})


class Watched:
    """A Prometheus that has seen a gateway, a worker with cards and the exporter work."""

    def __init__(self, prometheus: str, video: str) -> None:
        self._http, self.video = httpx.Client(base_url=prometheus), video

    def ask(self, expr: str) -> list[dict[str, Any]]:
        answer = self._http.get("/api/v1/query", params={"query": expr}).raise_for_status()
        return list(answer.json()["data"]["result"])

    def exemplars(self, expr: str) -> set[str]:
        """Videos on the dots of a curve."""
        given = {"query": expr, "start": "0", "end": "99999999999"}
        answer = self._http.get("/api/v1/query_exemplars", params=given).raise_for_status()
        found = (one for series in answer.json()["data"] for one in series["exemplars"])
        return {one["labels"]["video"] for one in found}

    def close(self) -> None:
        self._http.close()


@pytest.fixture(scope="module")
def watched(
    face_models: Path,
    video_body: Callable[..., dict[str, object]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Watched]:
    folder = tmp_path_factory.mktemp("watched")
    exporter, worker = free_port(), free_port()
    with ExitStack() as running:
        server = running.enter_context(server_in(folder / "prefect"))
        with server.client() as client:
            make_pools(client, PoolSettings(cpu=POOL, gpu=POOL, preload=[]))
            deploy_one(client, "avatar-video", POOL)
        store = {"AVATAR_STORE": str(folder / "store"), "AVATAR_WORKER_PORT": str(worker)}
        running.enter_context(worker_for(server, POOL, library(folder) | store))
        command, environment = exporter_command(server, exporter)
        running.enter_context(serving(command, folder / "exporter.log", environment))
        given = {"prefect_url": server.url, "video_deployment": "avatar-video/here"}
        database = f"sqlite:///{folder}/g.db"
        settings = settings_for(database, folder / "store", metrics_token=TOKEN, **given)
        api = running.enter_context(gateway(settings))
        ports = {"gateway": api.url.removeprefix("http://"), "queue": f"127.0.0.1:{exporter}"}
        targets = {job: [place] for job, place in ports.items()}
        targets["worker"] = [f"127.0.0.1:{worker}"]
        prometheus = running.enter_context(watching(folder, targets, "http://127.0.0.1:9"))
        made = Watched(prometheus, make_videos(api.client("anna"), video_body))
        running.callback(made.close)
        yield made


def make_videos(client: httpx.Client, body: Callable[..., dict[str, object]]) -> str:
    """One that is made, whose id is returned, and one that fails."""
    look = {"resolution": 256, "fps": "24"}
    good = client.post("/v1/videos", json=body(client, look=look)).json()["id"]
    grey = io.BytesIO()
    Image.new("RGB", (400, 400), "grey").save(grey, "PNG")
    upload = client.post("/v1/uploads", content=grey.getvalue()).json()["id"]
    bad = body(client, look=look) | {"portrait": {"upload": upload}}
    failing = client.post("/v1/videos", json=bad).json()["id"]
    for video, status in ((good, "done"), (failing, "failed")):

        def ended(video: str = video, status: str = status) -> bool | None:
            return client.get(f"/v1/videos/{video}").json()["status"] == status or None

        eventually(ended, MADE_S, lambda video=video: client.get(f"/v1/videos/{video}").text)  # type: ignore[misc]
    return str(good)


@pytest.mark.parametrize("expr", PANELS)
def test_a_panel_shows_something(watched: Watched, expr: str) -> None:
    asked = expr.replace("$stage", ".*")
    assert eventually(lambda: watched.ask(asked) or None, SEEN_S)


def test_the_rules_read_what_is_there(watched: Watched) -> None:
    rules = yaml.safe_load((MONITORING / "alerts.yaml").read_text("utf-8"))["groups"]
    for rule in (rule for group in rules for rule in group["rules"]):
        if ELSEWHERE in rule["expr"]:
            continue
        for metric in {*_metrics(rule["expr"])}:
            assert watched.ask(metric), metric


def test_a_dot_on_a_curve_is_a_video(watched: Watched) -> None:
    for metric in ("avatar_gateway_video_seconds_bucket", "avatar_gateway_stage_seconds_bucket"):
        assert watched.video in eventually(lambda m=metric: watched.exemplars(m) or None, SEEN_S)  # type: ignore[misc]


def _metrics(expr: str) -> list[str]:
    return re.findall(r"\bavatar[a-z_]+", expr)
