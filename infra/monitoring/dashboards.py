"""`python -m infra.monitoring.dashboards` writes Grafana's dashboards beside it, as JSON."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).with_name("dashboards")
SOURCE = {"type": "prometheus", "uid": "prometheus"}
WIDTH, HEIGHT, COLUMNS = 8, 8, 3  # of Grafana's 24 columns


@dataclass(frozen=True)
class Panel:
    title: str
    expr: str
    unit: str = "short"
    legend: str = ""


def quantile(part: float) -> str:
    return (
        f"histogram_quantile({part}, sum by (le) (rate(avatar_gateway_video_seconds_bucket[5m])))"
    )


DASHBOARDS = {
    "overview": (
        Panel("Videos a minute", "sum by (status) (rate(avatar_gateway_videos_total[5m])) * 60"),
        Panel("Half of all videos take", quantile(0.5), "s"),
        Panel("19 of 20 take", quantile(0.95), "s"),
        Panel("Open videos", "max(avatar_gateway_open_videos)"),
        Panel("Runs that wait", "avatar_pool_waiting_runs", legend="{{pool}}"),
        Panel("The oldest waits", "avatar_pool_oldest_waiting_seconds", "s", "{{pool}}"),
        Panel(
            "Failures by code",
            'sum by (code) (rate(avatar_gateway_videos_total{status="failed"}[5m]))',
            legend="{{code}}",
        ),
        Panel("Calls a second", "sum by (status) (rate(avatar_gateway_requests_total[5m]))"),
        Panel("Prefect answers", "max(avatar_gateway_prefect_up)"),
    ),
    "one-video": (
        Panel(
            "Seconds of each stage, for a second of video",
            "sum by (stage) (rate(avatar_gateway_stage_seconds_total[15m])) "
            "/ on () group_left () sum(rate(avatar_gateway_speech_seconds_total[15m]))",
            "s",
            "{{stage}}",
        ),
        Panel(
            "Frames a second while rendering",
            "sum by (renderer) (rate(avatar_gateway_frames_total[15m])) "
            "/ sum by (renderer) (rate(avatar_gateway_render_seconds_total[15m]))",
            legend="{{renderer}}",
        ),
        Panel("From accepted to done, 19 of 20", quantile(0.95), "s"),
    ),
    "fleet": (
        Panel("Workers", "avatar_pool_workers", legend="{{pool}}"),
        Panel("Wanted", "avatar_pool_desired_workers", legend="{{pool}}"),
        Panel("Runs under way", "avatar_pool_busy_runs", legend="{{pool}}"),
        Panel(
            "Places taken",
            "avatar_worker_busy / avatar_worker_slots",
            "percentunit",
            "{{instance}}",
        ),
        Panel("Memory of a worker", "avatar_worker_memory_bytes", "bytes", "{{instance}}"),
        Panel(
            "Processes that died", "rate(avatar_worker_crashes_total[5m])", legend="{{instance}}"
        ),
        Panel("GPU memory (DCGM)", "DCGM_FI_DEV_FB_USED * 1048576", "bytes", "{{Hostname}}"),
        Panel("GPU busy (DCGM)", "DCGM_FI_DEV_GPU_UTIL", "percent", "{{Hostname}}"),
    ),
    "cost": (
        Panel("Workers cost, USD a month", "avatar:usd_per_month", "currencyUSD"),
        Panel("Billed an hour", "sum(rate(avatar_gateway_price_total[1h])) * 3600"),
        Panel(
            "Minutes of video an hour",
            "sum(rate(avatar_gateway_speech_seconds_total[1h])) * 60",
        ),
        Panel(
            "USD for a minute of video",
            "avatar:usd_per_month / 730 "
            "/ (sum(rate(avatar_gateway_speech_seconds_total[1h])) * 60)",
            "currencyUSD",
        ),
    ),
}


def dashboard(name: str) -> dict[str, Any]:
    return {
        "uid": f"avatar-{name}",
        "title": f"Avatar: {name.replace('-', ' ')}",
        "schemaVersion": 39,
        "time": {"from": "now-6h", "to": "now"},
        "refresh": "30s",
        "panels": [_panel(number, panel) for number, panel in enumerate(DASHBOARDS[name])],
    }


def text(name: str) -> str:
    return json.dumps(dashboard(name), indent=1) + "\n"


def _panel(number: int, panel: Panel) -> dict[str, Any]:
    row, column = divmod(number, COLUMNS)
    target = {"refId": "A", "datasource": SOURCE, "expr": panel.expr, "legendFormat": panel.legend}
    return {
        "id": number + 1,
        "type": "timeseries",
        "title": panel.title,
        "datasource": SOURCE,
        "gridPos": {"x": column * WIDTH, "y": row * HEIGHT, "w": WIDTH, "h": HEIGHT},
        "fieldConfig": {"defaults": {"unit": panel.unit}, "overrides": []},
        "targets": [target],
    }


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for name in DASHBOARDS:
        (FOLDER / f"{name}.json").write_text(text(name), encoding="utf-8")


if __name__ == "__main__":
    main()
