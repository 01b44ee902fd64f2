from pathlib import Path

from models.contracts import Check, FrameRate, QualityReport, VideoResult
from models.summary import markdown


def test_the_page_shows_picture_place_timings_quality_and_warnings(tmp_path: Path) -> None:
    thumbnail = tmp_path / "t.jpg"
    thumbnail.write_bytes(b"\xff\xd8\xff")
    page = markdown(
        VideoResult(
            video="/videos/talk.mp4",
            captions_srt="/videos/talk.srt",
            captions_vtt=None,
            thumbnail=str(thumbnail),
            contact_sheet=None,
            manifest="/videos/talk.manifest.json",
            width=512,
            height=512,
            fps=FrameRate.PAL,
            frames=250,
            duration_s=10.0,
            renderer="mesh",
            quality=QualityReport(
                checks=(Check(name="lips", value=0.97, bar=">= 0.95", passed=True),)
            ),
            warnings=("low resolution",),
            timings_s={"render": 1.5},
        ),
        thumbnail,
    )
    assert "data:image/jpeg;base64,/9j/" in page
    assert "`/videos/talk.mp4`" in page
    assert "* `/videos/talk.srt`" in page
    assert "| lips | 0.97 | >= 0.95 | passed |  |" in page
    assert "| render | 1.50 |" in page
    assert "* low resolution" in page
