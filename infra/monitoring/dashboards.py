"""`python -m infra.monitoring.dashboards` writes Grafana's dashboards beside it, as JSON.

Prometheus has no series for one video, since each would be a new one. Its dashboard shows how long
each stage takes for all, and where one id's story is told.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).with_name("dashboards")
SOURCE = {"type": "prometheus", "uid": "prometheus"}
WIDTH, HEIGHT, COLUMNS = 8, 8, 3  # of Grafana's 24 columns
PER_VIDEO = "one-video"
STORY = """The whole story of **${video}**: who asked, stages, attempts, machines, costs and hashes:

```sh
avatar explain ${video}
```

What gateway and workers said about it, one JSON object a line:

```sh
jq -c 'select(.video == "${video}")' *.log
```

Its flow runs on Prefect's page carry the tag `video:${video}`. A dot on the curves below is one
video: click it to have its id here."""


@dataclass(frozen=True)
class Panel:
    title: str
    expr: str
    unit: str = "short"
    legend: str = ""
    kind: str = "timeseries"


def quantile(part: float, metric: str = "avatar_gateway_video_seconds") -> str:
    return f"histogram_quantile({part}, sum by (le) (rate({metric}_bucket[5m])))"


def by_stage(part: float) -> str:
    buckets = "sum by (le, stage) (rate(avatar_gateway_stage_seconds_bucket[15m]))"
    return f"histogram_quantile({part}, {buckets})"


FRAMES = "sum by (renderer, engine, device) (rate(avatar_worker_frames_total[5m]))"
RENDERING = "sum by (renderer, engine, device) (rate(avatar_worker_render_seconds_total[5m]))"
ENGINE = "{{renderer}}, {{engine}} on {{device}}"

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
        Panel(
            "Found in the store",
            'sum by (stage) (rate(avatar_worker_cache_total{result="found"}[15m])) '
            "/ sum by (stage) (rate(avatar_worker_cache_total[15m]))",
            "percentunit",
            "{{stage}}",
        ),
    ),
    PER_VIDEO: (
        Panel("From accepted to done, 19 of 20", quantile(0.95), "s"),
        Panel("Each stage, half of all videos", by_stage(0.5), "s", "{{stage}}"),
        Panel("Each stage, 19 of 20", by_stage(0.95), "s", "{{stage}}"),
        Panel(
            "How long the stage takes",
            'sum by (le) (increase(avatar_gateway_stage_seconds_bucket{stage=~"$stage"}[5m]))',
            "s",
            "{{le}}",
            "heatmap",
        ),
        Panel(
            "Seconds of each stage, for a second of video",
            "sum by (stage) (rate(avatar_gateway_stage_seconds_sum[15m])) "
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
        Panel("Frames a second, by engine in use", FRAMES, legend=ENGINE),
        Panel("Frames a second while rendering", f"{FRAMES} / {RENDERING}", legend=ENGINE),
        Panel(
            "Segments found in the store",
            'sum(rate(avatar_worker_cache_total{stage="segment",result="found"}[15m])) '
            '/ sum(rate(avatar_worker_cache_total{stage="segment"}[15m]))',
            "percentunit",
        ),
        Panel("GPU memory", "avatar_worker_gpu_memory_used_bytes", "bytes", "{{instance}} {{gpu}}"),
        Panel(
            "GPU memory taken",
            "avatar_worker_gpu_memory_used_bytes / avatar_worker_gpu_memory_bytes",
            "percentunit",
            "{{instance}} {{gpu}}",
        ),
        Panel("GPU busy", "avatar_worker_gpu_busy_ratio", "percentunit", "{{instance}} {{gpu}}"),
    ),
    "cost": (
        Panel("Workers cost, USD a month", "avatar:usd_per_month", "currencyUSD"),
        Panel("Billed an hour", "sum(rate(avatar_gateway_price_total[1h])) * 3600"),
        Panel(
            "Minutes of video an hour",
            "sum(rate(avatar_gateway_speech_seconds_total[1h])) * 60",
        ),
        Panel(
            "USD of workers for a minute of video",
            "avatar:usd_per_month / 730 "
            "/ (sum(rate(avatar_gateway_speech_seconds_total[1h])) * 60)",
            "currencyUSD",
        ),
        Panel(
            "A video costs, by receipts",
            "sum by (currency) (rate(avatar_gateway_video_cost_sum[1h])) "
            "/ sum by (currency) (rate(avatar_gateway_video_cost_count[1h]))",
            legend="{{currency}}",
        ),
        Panel("19 of 20 videos cost up to", quantile(0.95, "avatar_gateway_video_cost"), "short"),
        Panel(
            "Seconds of a card for a second of video",
            "sum(rate(avatar_gateway_gpu_seconds_total[1h])) "
            "/ sum(rate(avatar_gateway_speech_seconds_total[1h]))",
            "s",
        ),
        Panel(
            "Seconds of a core for a second of video",
            "sum(rate(avatar_gateway_cpu_seconds_total[1h])) "
            "/ sum(rate(avatar_gateway_speech_seconds_total[1h]))",
            "s",
        ),
    ),
}


def dashboard(name: str) -> dict[str, Any]:
    top = HEIGHT if name == PER_VIDEO else 0
    panels = [_panel(number, panel, top) for number, panel in enumerate(DASHBOARDS[name])]
    made: dict[str, Any] = {
        "uid": f"avatar-{name}",
        "title": f"Avatar: {name.replace('-', ' ')}",
        "schemaVersion": 39,
        "time": {"from": "now-6h", "to": "now"},
        "refresh": "30s",
        "panels": panels,
    }
    if name == PER_VIDEO:
        made["templating"] = {"list": [_asked_for("video"), _stages()]}
        made["panels"] = [_story(), *panels]
    return made


def text(name: str) -> str:
    return json.dumps(dashboard(name), indent=1) + "\n"


def _panel(number: int, panel: Panel, top: int) -> dict[str, Any]:
    row, column = divmod(number, COLUMNS)
    heat = panel.kind == "heatmap"
    target = {
        "refId": "A",
        "datasource": SOURCE,
        "expr": panel.expr,
        "legendFormat": panel.legend,
        "exemplar": not heat and "_bucket" in panel.expr,
        "format": "heatmap" if heat else "time_series",
    }
    made = {
        "id": number + 1,
        "type": panel.kind,
        "title": panel.title,
        "datasource": SOURCE,
        "gridPos": {"x": column * WIDTH, "y": top + row * HEIGHT, "w": WIDTH, "h": HEIGHT},
        "fieldConfig": {"defaults": {} if heat else {"unit": panel.unit}, "overrides": []},
        "targets": [target],
    }
    if heat:
        made["options"] = {"calculate": False, "yAxis": {"unit": panel.unit}}
    return made


def _story() -> dict[str, Any]:
    return {
        "id": len(DASHBOARDS[PER_VIDEO]) + 1,
        "type": "text",
        "title": "${video}",
        "gridPos": {"x": 0, "y": 0, "w": WIDTH * COLUMNS, "h": HEIGHT},
        "options": {"mode": "markdown", "content": STORY},
    }


def _asked_for(name: str) -> dict[str, Any]:
    return {"name": name, "label": "Video's id", "type": "textbox", "query": ""}


def _stages() -> dict[str, Any]:
    return {
        "name": "stage",
        "label": "Stage",
        "type": "query",
        "datasource": SOURCE,
        "query": "label_values(avatar_gateway_stage_seconds_bucket, stage)",
        "refresh": 2,  # whenever the time changes
        "includeAll": True,
        "allValue": ".*",
    }


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for name in DASHBOARDS:
        (FOLDER / f"{name}.json").write_text(text(name), encoding="utf-8")


if __name__ == "__main__":
    main()
