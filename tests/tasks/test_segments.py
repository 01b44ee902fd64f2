"""What a segment's name and its mark follow from."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from models.clip import Plan
from models.contracts import Encoder, Look, PortraitReport
from models.errors import EngineUnusable
from models.media.encoder import has_nvenc
from models.media.waveform import Recording, SpokenAudio
from models.motion.tracks import MOUTH_CHANNELS, MouthTrack
from models.stages import CheckedPortrait, Segment
from tasks import loaded, policies
from tasks.segments import segments_of
from tasks.settings import settings
from tests.faces import face

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
    return CheckedPortrait(
        image=f"{policies.key_of('portraits', sha256)}.image",
        sha256=sha256,
        face_index=0,
        report=PortraitReport(width=512, height=512, faces=(face(),), chosen=0),
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


@pytest.fixture
def asked_for(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Sets AVATAR_… for this test."""

    def given(**names: str) -> None:
        for name, value in names.items():
            monkeypatch.setenv(f"AVATAR_{name.upper()}", value)
        settings.cache_clear()

    yield given
    settings.cache_clear()


def test_a_processor_s_frames_are_encoded_by_it(asked_for: Callable[..., None]) -> None:
    asked_for(encoder="auto", device="cpu")
    assert segment(Wanted()).encoder is Encoder.X264


def test_a_pool_s_cards_encode_where_they_are_asked_to(asked_for: Callable[..., None]) -> None:
    plain = segment(Wanted())
    asked_for(encoder="nvenc", segment_deployment="render-segment/gpu")
    by_card = segment(Wanted())
    assert by_card.encoder is Encoder.NVENC
    assert by_card.key != plain.key
    assert by_card.mark == plain.mark  # it is of what is shown


def test_a_machine_without_such_a_card_says_what_to_set(asked_for: Callable[..., None]) -> None:
    if has_nvenc():
        pytest.skip("this machine has one")
    asked_for(encoder="nvenc")
    with pytest.raises(EngineUnusable, match="set AVATAR_ENCODER=x264"):
        segment(Wanted())
