from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.contracts import FrameRate
from models.media.waveform import Phoneme
from models.segments import LONGEST_S, SHORTEST_S, Pause, pauses, spans

FPS = Fraction(25)
RATES = [rate.rational for rate in FrameRate]


@st.composite
def silences(draw: st.DrawFn) -> list[Pause]:
    starts = draw(st.lists(st.floats(0, 400), max_size=40).map(sorted))
    lengths = draw(st.lists(st.floats(0, 3), min_size=len(starts), max_size=len(starts)))
    return [Pause(at, at + length) for at, length in zip(starts, lengths, strict=True)]


@given(frames=st.integers(1, 12_000), fps=st.sampled_from(RATES), found=silences())
def test_every_frame_is_in_one_span(frames: int, fps: Fraction, found: list[Pause]) -> None:
    cut = spans(frames, fps, found)
    assert [frame for span in cut for frame in range(span.first, span.stop)] == list(range(frames))


@given(frames=st.integers(1, 12_000), fps=st.sampled_from(RATES), found=silences())
def test_spans_keep_their_bounds(frames: int, fps: Fraction, found: list[Pause]) -> None:
    cut = spans(frames, fps, found)
    lengths = [(span.stop - span.first) / fps for span in cut]
    assert max(lengths) <= LONGEST_S
    assert len(cut) == 1 or min(lengths) >= SHORTEST_S


@pytest.mark.parametrize("seconds", [1, 10, 30])
def test_short_speech_is_one_span(seconds: int) -> None:
    assert len(spans(seconds * 25, FPS, [Pause(5, 6)])) == 1


def test_a_boundary_is_the_middle_of_a_pause() -> None:
    assert spans(1_000, FPS, [Pause(17, 18)])[0].stop == round(17.5 * 25)


def test_the_longer_pause_wins() -> None:
    assert spans(1_000, FPS, [Pause(18.0, 18.2), Pause(22.0, 23.0)])[0].stop == round(22.5 * 25)


def test_of_equal_pauses_the_one_near_the_target_wins() -> None:
    found = [Pause(at, at + 0.4) for at in (12.0, 19.0, 26.0)]
    assert spans(1_000, FPS, found)[0].stop == round(19.2 * 25)


def test_without_a_pause_the_cut_is_at_the_target() -> None:
    assert [span.stop for span in spans(1_500, FPS, [])] == [500, 1_000, 1_500]


def test_known_phonemes_say_where_the_pauses_are() -> None:
    phonemes = [Phoneme("", 0, 0.2), Phoneme("a", 0.2, 1), Phoneme("", 1, 1.5)]
    assert pauses(phonemes, np.zeros(200, np.float32)) == [Pause(0, 0.2), Pause(1, 1.5)]


def test_else_the_quiet_parts_are_pauses() -> None:
    energy = np.zeros(300, np.float32)
    energy[100:150] = energy[290:] = -50
    assert pauses([], energy) == [Pause(1.0, 1.5), Pause(2.9, 3.0)]
