"""A real Prefect server whose worker is the test: it moves runs and leaves what a flow leaves."""

import os
from pathlib import Path
from typing import Any

import httpx

from models.contracts import (
    Check,
    Failure,
    FrameRate,
    PreflightReport,
    QualityReport,
    VideoResult,
)

POOL = "by-hand"
DEPLOYMENTS = ("avatar-video/cpu", "preflight/cpu")


class PrefectByHand:
    def __init__(self, url: str, auth: str | None, store: Path) -> None:
        name, _, password = (auth or "").partition(":")
        self.url, self.auth, self._store = url, auth, store
        self.http = httpx.Client(base_url=url, auth=(name, password) if auth else None, timeout=30)

    @classmethod
    def here(cls, store: Path) -> "PrefectByHand":
        """The server of the fixture `prefect_server`."""
        url, auth = os.environ["PREFECT_API_URL"], os.environ.get("PREFECT_API_AUTH_STRING")
        made = cls(url, auth, store)
        made._deploy()
        return made

    def _deploy(self) -> None:
        self.http.post("/work_pools/", json={"name": POOL, "type": "process"})
        for queue, priority in (("high", 1), ("default", 2), ("batch", 3)):
            body = {"name": queue, "priority": priority}
            self.http.post(f"/work_pools/{POOL}/queues", json=body)
        for name in DEPLOYMENTS:
            flow, _, deployment = name.partition("/")
            flow_id = self._made("/flows/", {"name": flow})["id"]
            body = {"name": deployment, "flow_id": flow_id, "work_pool_name": POOL}
            self._made("/deployments/", {**body, "work_queue_name": "default"})

    def runs_of(self, video: str) -> list[dict[str, Any]]:
        filters = {"flow_runs": {"tags": {"all_": [f"video:{video}"]}}}
        return list(self._made("/flow_runs/filter", filters))

    def move(self, run: str, state: str, **more: object) -> None:
        body = {"state": {"type": state, "name": state.title(), **more}, "force": True}
        self._made(f"/flow_runs/{run}/set_state", body)

    def delete(self, run: str) -> None:
        self.http.delete(f"/flow_runs/{run}").raise_for_status()

    def tell_progress(self, run: str, stage: str, percent: float) -> None:
        body = {"type": "progress", "description": stage, "data": percent, "flow_run_id": run}
        self._made("/artifacts/", body)

    def deliver(self, video: str, video_bytes: bytes = b"moving pictures") -> None:
        """What the flow puts into the store."""
        prefix = f"videos/{video}"
        for name in ("captions.srt", "captions.vtt", "thumbnail.jpg", "manifest.json"):
            self.put(f"{prefix}/{name}", name.encode())
        self.put(f"{prefix}/video.mp4", video_bytes)
        self.put(f"{prefix}/result.json", result(prefix).model_dump_json().encode())

    def fail(self, video: str, failure: Failure) -> None:
        self.put(f"videos/{video}/error.json", failure.model_dump_json().encode())

    def report(self, prefix: str, report: PreflightReport) -> None:
        self.put(f"{prefix}/report.json", report.model_dump_json().encode())

    def put(self, key: str, content: bytes) -> None:
        place = self._store / key
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)

    def _made(self, path: str, body: dict[str, Any]) -> Any:  # noqa: ANN401, Prefect's JSON
        answer = self.http.post(path, json=body)
        answer.raise_for_status()
        return answer.json()


def result(prefix: str) -> VideoResult:
    return VideoResult(
        video=f"{prefix}/video.mp4",
        captions_srt=f"{prefix}/captions.srt",
        captions_vtt=f"{prefix}/captions.vtt",
        thumbnail=f"{prefix}/thumbnail.jpg",
        contact_sheet=None,
        manifest=f"{prefix}/manifest.json",
        width=512,
        height=512,
        fps=FrameRate.PAL,
        frames=250,
        duration_s=10.0,
        renderer="mesh",
        quality=QualityReport(checks=(Check(name="frames", value=250, bar="250", passed=True),)),
        timings_s={"render": 2.0, "speech": 1.0},
    )
