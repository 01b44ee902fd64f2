"""What is judged beside the command: lips against sound, the film, the photo, the captions."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from models.motion.tracks import MOUTH_CHANNELS, MotionTrack
from models.quality import beyond, sample
from models.quality.measured import Film, Frames, Likeness, Speech
from models.quality.sync import sync_of

FPS, COUNT = Fraction(25), 250
SPEECH = Speech(
    np.abs(np.cumsum(np.random.default_rng(2).normal(0, 0.02, 1000))).astype(np.float32) % 0.12,
    None,
)


def frames(late_rows: int = 0) -> Frames:
    index = np.arange(0, COUNT, 2)
    rows = np.clip((index + 0.5) * 4 - 0.5 - late_rows, 0, 999)
    opening = np.interp(rows, np.arange(1000), SPEECH.wanted).astype(np.float32)
    nothing = np.full(len(index), np.nan, np.float32)
    return Frames(index, 512, opening, nothing, nothing, nothing, nothing, nothing, nothing)


def still() -> MotionTrack:
    zeros = np.zeros(COUNT, np.float32)
    mouth = np.zeros((COUNT, len(MOUTH_CHANNELS)), np.float32)
    return MotionTrack(
        mouth, zeros, np.zeros((COUNT, 2), np.float32), zeros, np.zeros((COUNT, 5), np.float32)
    )


def film() -> Film:
    zeros = np.zeros(COUNT, np.float32)
    return Film(np.arange(COUNT), zeros + 90, zeros + 1, zeros - 1, zeros, zeros)


@pytest.mark.parametrize("rows", [-8, 0, 8])
def test_lips_are_found_to_be_as_late_as_they_are(rows: int) -> None:
    found = sync_of(frames(rows).opening, (frames().index + 0.5) / 25, SPEECH.wanted)
    assert found is not None
    assert found.lag_s == pytest.approx(rows / 100)
    assert found.correlation > 0.99


def test_lips_two_frames_late_fail_by_their_lag() -> None:
    correlation, lag = beyond.sync(frames(8), SPEECH, FPS)
    assert correlation.passed
    assert not lag.passed
    assert lag.detail == "lips late"


def test_lips_that_say_something_else_fail() -> None:
    other = replace(frames(), opening=frames().opening[::-1].copy())
    correlation, _ = beyond.sync(other, SPEECH, FPS)
    assert not correlation.passed


def test_lips_that_do_not_move_fail_where_the_sound_wants_them_to() -> None:
    frozen = replace(frames(), opening=np.zeros_like(frames().opening))
    assert not beyond.sync(frozen, SPEECH, FPS)[0].passed


def test_lips_that_only_tremble_are_not_taken_to_speak() -> None:
    trembling = replace(frames(), opening=0.05 * frames().opening)
    assert not beyond.sync(trembling, SPEECH, FPS)[0].passed


def test_without_speech_there_is_no_sync_to_judge() -> None:
    silent = Speech(np.zeros(1000, np.float32), None)
    assert not any(check.measured for check in beyond.sync(frames(), silent, FPS))


def test_a_frame_out_of_its_place_is_named() -> None:
    back = film().back.copy()
    back[41] = 1.2
    check = beyond.order(replace(film(), back=back), still())
    assert not check.passed
    assert check.detail == "at 41"


def test_lips_that_only_touch_are_in_their_place() -> None:
    back, motion = film().back.copy(), still()
    back[41] = 1.2
    motion.mouth[:, sample.GAP] = 0.08
    motion.mouth[41, sample.GAP] = 0
    assert beyond.order(replace(film(), back=back), motion).passed


def test_a_border_that_changes_and_a_picture_that_flickers_fail() -> None:
    moved = np.full(COUNT, 9, np.float32)
    assert beyond.edge(film()).passed
    assert not beyond.edge(replace(film(), edge=moved)).passed
    assert beyond.flicker(film()).passed
    assert not beyond.flicker(replace(film(), edge_step=moved)).passed


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("face_likeness", (0.4, 0.01, 1.0)),
        ("face_misfit", (0.97, 0.2, 1.0)),
        ("mouth_sharpness", (0.97, 0.01, 0.3)),
    ],
)
def test_another_face_or_a_softer_mouth_fails_by_its_name(
    name: str, row: tuple[float, float, float]
) -> None:
    found = beyond.identity(Likeness(*(np.full(9, value, np.float32) for value in row)))
    assert [check.name for check in found if not check.passed] == [name]


def test_captions_beside_their_words_fail() -> None:
    assert beyond.captions(Speech(SPEECH.wanted, 0.05)).passed
    assert not beyond.captions(Speech(SPEECH.wanted, -0.3)).passed
    assert not beyond.captions(SPEECH).measured
