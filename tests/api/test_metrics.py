"""What finished videos leave in the metrics."""

import pytest

from api.metrics import Metrics
from models.contracts import FrameRate, Item, QualityReport, Receipt, Usage, VideoResult


def result(**timings_s: float) -> VideoResult:
    return VideoResult(
        video="v",
        captions_srt=None,
        captions_vtt=None,
        thumbnail="t",
        contact_sheet=None,
        manifest="m",
        width=512,
        height=512,
        fps=FrameRate.PAL,
        frames=250,
        duration_s=10,
        renderer="mesh",
        quality=QualityReport(checks=()),
        timings_s=timings_s,
    )


def test_speed_is_told_by_frames_and_the_seconds_they_took() -> None:
    metrics = Metrics()
    metrics.done(result(prepare=0.5, render=1.5, speech=1.0), took_s=4.0, price=0.25)
    told = metrics.text()[0].decode()
    assert 'avatar_gateway_frames_total{renderer="mesh"} 250.0' in told
    assert 'avatar_gateway_render_seconds_total{renderer="mesh"} 2.0' in told
    assert 'avatar_gateway_stage_seconds_sum{stage="speech"} 1.0' in told
    assert "avatar_gateway_price_total 0.25" in told


def test_a_video_out_of_the_cache_tells_nothing_of_the_speed() -> None:
    metrics = Metrics()
    metrics.done(result(speech=0.0), took_s=0.5, price=0.0)
    told = metrics.text()[0].decode()
    assert "avatar_gateway_frames_total{" not in told
    assert "avatar_gateway_stage_seconds_sum" not in told
    assert 'avatar_gateway_videos_total{code="",status="done"} 1.0' in told


@pytest.mark.parametrize(("status", "code"), [("failed", "segment_failed"), ("cancelled", "")])
def test_what_was_not_made_is_told_by_its_code(status: str, code: str) -> None:
    metrics = Metrics()
    metrics.not_done(status, code)
    line = f'avatar_gateway_videos_total{{code="{code}",status="{status}"}} 1.0'
    assert line in metrics.text()[0].decode()


def test_a_receipt_tells_what_a_video_costs() -> None:
    metrics = Metrics()
    item = Item(name="gpu", quantity=5, unit="s", rate=0.0002, amount=0.001)
    receipt = Receipt(items=(item,), usage=Usage(gpu_s=5, cpu_s=2))
    metrics.done(result().model_copy(update={"receipt": receipt}), took_s=4.0, price=0.25)
    told = metrics.text()[0].decode()
    assert 'avatar_gateway_video_cost_sum{currency="USD"} 0.001' in told
    assert "avatar_gateway_gpu_seconds_total 5.0" in told
    assert "avatar_gateway_cpu_seconds_total 2.0" in told


def test_ids_stand_on_exemplars_and_are_no_labels() -> None:
    metrics = Metrics()
    metrics.done(result(speech=1.0), took_s=4.0, price=0.25, video="vid_1")
    told, kind = metrics.text("application/openmetrics-text; version=1.0.0")
    lines = [line for line in told.decode().splitlines() if "vid_1" in line]
    assert kind.startswith("application/openmetrics-text")
    assert {line.partition("{")[0] for line in lines} == {
        "avatar_gateway_video_seconds_bucket",
        "avatar_gateway_stage_seconds_bucket",
    }
    assert all('# {video="vid_1"}' in line for line in lines)
    assert b"vid_1" not in metrics.text("text/plain")[0]
