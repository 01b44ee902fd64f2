"""Real videos through the whole gate: the right one passes, each sabotage fails by its name."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from models.clip import Scene, write_clip
from models.contracts import FrameRate, Look, QualityReport
from models.errors import BelowTheBar
from models.mesh.renderer import MeshRenderer
from models.motion.tracks import MotionTrack
from models.portrait.analyser import FaceAnalyser
from models.portrait.face import Face, Picture
from models.quality import sample
from models.quality.gate import assess, require_quality
from models.speech.mouth import follow
from models.speech.synthesis import EspeakSynthesiser

TEXT = "Papa may buy a blue map, but mama may keep it. Maybe we go home by bus."


@dataclass(frozen=True)
class Stage:
    scene: Scene
    finder: FaceAnalyser
    folder: Path

    def judged(self, spoil: Callable[[MotionTrack], MotionTrack]) -> QualityReport:
        """The report on a video whose motion is spoilt behind its command's back."""
        motion, video = self.scene.motion(), self.folder / "video.mp4"
        write_clip(MeshRenderer(), self.scene, spoil(motion), video)
        recording, fps = self.scene.spoken.recording, self.scene.look.fps.rational
        return assess(video, recording, motion, fps, self.finder)


@pytest.fixture(scope="module")
def stage(
    astronaut: tuple[Picture, Face], face_models: Path, tmp_path_factory: pytest.TempPathFactory
) -> Stage:
    folder = tmp_path_factory.mktemp("gate")
    spoken = EspeakSynthesiser().speak(TEXT, "en-us", 1.0, 1.0, folder / "speech.wav")
    look = Look(resolution=512, fps=FrameRate.PAL)
    return Stage(Scene(spoken, follow(spoken), look, *astronaut), FaceAnalyser(face_models), folder)


def never_closed(motion: MotionTrack) -> MotionTrack:
    mouth = motion.mouth.copy()
    mouth[:, sample.GAP] = np.maximum(mouth[:, sample.GAP], 0.03)
    mouth[:, sample.CLOSURE] = 0
    return replace(motion, mouth=mouth)


def mumbled(motion: MotionTrack) -> MotionTrack:
    mouth = motion.mouth.copy()
    mouth[:, sample.GAP] *= 0.4
    return replace(motion, mouth=mouth)


def late(motion: MotionTrack) -> MotionTrack:
    """By two frames, 80 ms."""
    return replace(motion, mouth=np.roll(motion.mouth, 2, axis=0))


def squinting(motion: MotionTrack) -> MotionTrack:
    return replace(motion, blink=0.6 * motion.blink)


def test_a_right_video_passes(stage: Stage) -> None:
    report = stage.judged(lambda motion: motion)
    assert require_quality(report).passed
    assert all(check.measured for check in report.checks)


@pytest.mark.parametrize(
    ("spoil", "name"),
    [
        (never_closed, "closed_lips_opening"),
        (mumbled, "lip_slope"),
        (late, "lip_correlation"),
        (squinting, "blink_depth"),
    ],
)
def test_a_spoilt_video_is_refused_by_name(
    stage: Stage, spoil: Callable[[MotionTrack], MotionTrack], name: str
) -> None:
    report = stage.judged(spoil)
    assert name in {check.name for check in report.failures()}
    with pytest.raises(BelowTheBar, match=rf"{name} .* must be"):
        require_quality(report)
