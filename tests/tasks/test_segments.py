"""What a segment's name and its mark follow from."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from models.clip import Plan
from models.contracts import FaceReport, Look, PortraitReport
from models.media.waveform import Recording, SpokenAudio
from models.motion.tracks import MOUTH_CHANNELS, MouthTrack
from models.stages import CheckedPortrait, Segment
from tasks import loaded, policies
from tasks.segments import segments_of
from tasks.settings import settings

SECONDS = 2


@dataclass(frozen=True)
class Wanted:
    sha256: str = "0" * 64
    seed: int = 0


def segment(wanted: Wanted) -> Segment:
    recording = Recording(Path("speech.wav"), 16_000, 16_000 * SECONDS)
    rows = SECONDS * 100
    mouth = MouthTrack(
        np.zeros((rows, len(MOUTH_CHANNELS)), np.float32), np.zeros(rows, np.float32)
    )
    plan = Plan(SpokenAudio(recording), mouth, Look(seed=wanted.seed))
    portrait = portrait_of(wanted.sha256)
    chosen = loaded.chosen("mesh")
    return segments_of(plan, plan.motion(), portrait, "clips/0.motion.npz", chosen)[0]


def portrait_of(sha256: str) -> CheckedPortrait:
    face = FaceReport(
        index=0,
        box=(0, 0, 1, 1),
        confidence=1,
        height_px=300,
        yaw_deg=0,
        pitch_deg=0,
        roll_deg=0,
        sharpness=1,
        eyes="open",
        mouth="closed",
    )
    return CheckedPortrait(
        image=f"{policies.key_of('portraits', sha256)}.image",
        sha256=sha256,
        face_index=0,
        report=PortraitReport(width=512, height=512, faces=(face,), chosen=0),
        seconds=0,
    )


def test_a_mark_outlives_the_version_of_our_code(monkeypatch: pytest.MonkeyPatch) -> None:
    before = segment(Wanted())
    monkeypatch.setattr(policies, "code_version", lambda: "another")
    after = segment(Wanted())
    assert after.key != before.key
    assert after.mark == before.mark is not None


@pytest.mark.parametrize("other", [Wanted(sha256="1" * 64), Wanted(seed=1)])
def test_other_frames_have_another_mark(other: Wanted) -> None:
    assert segment(other).mark != segment(Wanted()).mark


def test_without_the_setting_nothing_is_marked(monkeypatch: pytest.MonkeyPatch) -> None:
    marked = segment(Wanted())
    monkeypatch.setenv("AVATAR_WATERMARK", "false")
    settings.cache_clear()
    plain = segment(Wanted())
    settings.cache_clear()
    assert plain.mark is None
    assert plain.key != marked.key
