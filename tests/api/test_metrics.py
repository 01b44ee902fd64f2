"""What finished videos leave in the metrics."""

import pytest

from api.metrics import Metrics
from models.contracts import FrameRate, QualityReport, VideoResult


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
    told = metrics.text().decode()
    assert 'avatar_gateway_frames_total{renderer="mesh"} 250.0' in told
    assert 'avatar_gateway_render_seconds_total{renderer="mesh"} 2.0' in told
    assert 'avatar_gateway_stage_seconds_total{stage="speech"} 1.0' in told
    assert "avatar_gateway_price_total 0.25" in told


def test_a_video_out_of_the_cache_tells_nothing_of_the_speed() -> None:
    metrics = Metrics()
    metrics.done(result(), took_s=0.5, price=0.0)
    told = metrics.text().decode()
    assert "avatar_gateway_frames_total{" not in told
    assert 'avatar_gateway_videos_total{code="",status="done"} 1.0' in told


@pytest.mark.parametrize(("status", "code"), [("failed", "segment_failed"), ("cancelled", "")])
def test_what_was_not_made_is_told_by_its_code(status: str, code: str) -> None:
    metrics = Metrics()
    metrics.not_done(status, code)
    line = f'avatar_gateway_videos_total{{code="{code}",status="{status}"}} 1.0'
    assert line in metrics.text().decode()
