"""Real videos through the whole gate: the right one passes, each sabotage fails by its name."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from models.arrays import F32, U8
from models.clip import Scene
from models.contracts import FrameRate, Look, QualityReport
from models.errors import BelowTheBar
from models.media.probe import sample_frames
from models.mesh.renderer import MeshRenderer
from models.motion.tracks import MotionTrack
from models.portrait.analyser import FaceAnalyser
from models.portrait.face import Face, Picture
from models.quality import sample
from models.quality.gate import assess, require_quality
from models.quality.likeness import Photo, span_px
from models.speech.mouth import follow
from models.speech.synthesis import EspeakSynthesiser
from tests.perf import spoilt
from tests.perf.spoilt import Spoiling

TEXT = "Papa may buy a blue map, but mama may keep it. Maybe we go home by bus."


@dataclass(frozen=True)
class Stage:
    scene: Scene
    finder: FaceAnalyser
    folder: Path

    def judged(
        self,
        spoil: Callable[[MotionTrack], MotionTrack] = lambda motion: motion,
        *,
        told: bool = False,
        repaint: Callable[[U8], U8] = lambda frames: frames,
    ) -> QualityReport:
        """The report on a video whose motion is spoilt, behind its command's back unless `told`."""
        motion, video = self.scene.motion(), self.folder / "video.mp4"
        renderer = Spoiling(MeshRenderer(), repaint)
        spoilt.made(renderer, self.scene, spoil(motion), video, mark=0xC0FFEE)
        return assess(
            video,
            self.scene.spoken.recording,
            spoil(motion) if told else motion,
            self.scene.look.fps.rational,
            self.finder,
            photo=Photo(self.scene.picture.rgb, self.scene.face.landmarks),
            words=self.scene.spoken.words,
        )

    def first_face(self) -> F32:
        self.judged()
        ((_, rgb),) = sample_frames(self.folder / "video.mp4", [0])
        face = self.finder.landmarks(rgb)
        assert face is not None
        return face.landmarks


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
    return spoilt.late(motion, 2)


def squinting(motion: MotionTrack) -> MotionTrack:
    return replace(motion, blink=0.6 * motion.blink)


def test_a_right_video_passes(stage: Stage) -> None:
    report = stage.judged()
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


@pytest.mark.parametrize(
    ("spoil", "name"), [(late, "sync_lag_s"), (spoilt.frozen, "sync_correlation")]
)
def test_a_command_that_is_wrong_itself_is_found_by_the_sound(
    stage: Stage, spoil: Callable[[MotionTrack], MotionTrack], name: str
) -> None:
    report = stage.judged(spoil, told=True)
    assert name in {check.name for check in report.failures()}


def test_two_frames_in_each_other_s_place_are_found(stage: Stage) -> None:
    report = stage.judged(repaint=spoilt.swapped(stage.scene.look.fps.rational))
    assert "out_of_place" in {check.name for check in report.failures()}


def test_a_mouth_softer_than_the_photo_is_found(stage: Stage) -> None:
    face = stage.first_face()
    report = stage.judged(repaint=spoilt.blurred(face, span_px(face)))
    assert "mouth_sharpness" in {check.name for check in report.failures()}


def test_a_picture_that_flickers_is_found(stage: Stage) -> None:
    report = stage.judged(repaint=spoilt.flickering)
    assert "flicker" in {check.name for check in report.failures()}
