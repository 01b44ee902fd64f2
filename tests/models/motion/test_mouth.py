from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from models.arrays import F32
from models.media.waveform import Phoneme, SpokenAudio
from models.motion.mouth import LEAD_ROWS, mouth_track, sample_mouth
from models.motion.tracks import MOUTH_CHANNELS, MouthTrack
from models.speech.mouth import follow
from models.speech.synthesis import EspeakSynthesiser
from models.speech.visemes import phoneme_posteriors, visemes_of

GAP, JAW, WIDE, PUCKER = range(4)
FF, CLOSURE = MOUTH_CHANNELS.index("ff"), MOUTH_CHANNELS.index("closure")
RATES = [Fraction(24), Fraction(25), Fraction(30_000, 1001), Fraction(30)]
SCRIPT = (
    "Bob bought a pumpkin, but maybe Pam's mum jumped up to help him. "
    "Simple problems become big ones. Do you move the blue moon? Five fathers give way."
)


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> SpokenAudio:
    out: Path = tmp_path_factory.mktemp("speech") / "script.wav"
    return EspeakSynthesiser().speak(SCRIPT, "en-us", 1.1, 1, out)


@pytest.fixture(scope="module")
def track(speech: SpokenAudio) -> MouthTrack:
    return follow(speech)


def said(*phonemes: Phoneme, rows: int = 200) -> MouthTrack:
    loud: F32 = np.zeros(rows, np.float32)
    return mouth_track(phoneme_posteriors(phonemes, rows), loud)


@pytest.mark.parametrize("fps", RATES)
def test_every_lip_closure_of_a_script_owns_a_closed_frame(
    speech: SpokenAudio, track: MouthTrack, fps: Fraction
) -> None:
    frames = sample_mouth(track, fps, range(round(speech.recording.duration_s * fps)))
    times = (np.arange(len(frames)) + 0.5) / float(fps)
    lips = [phoneme for phoneme in speech.phonemes if visemes_of(phoneme.ipa) == ("PP",)]
    assert len(lips) > 25
    for phoneme in lips:
        own = (times > phoneme.start_s - 0.06) & (times < phoneme.end_s + 0.02)
        assert frames[own, CLOSURE].max() > 0.95, phoneme
        assert frames[own, GAP].min() < 0.004, phoneme


@pytest.mark.parametrize("fps", RATES)
@pytest.mark.parametrize("length_s", [0.03, 0.045, 0.06])
def test_a_short_b_is_seen_wherever_the_frames_fall(fps: Fraction, length_s: float) -> None:
    for start in np.linspace(0.5, 0.55, 11):
        track = said(
            Phoneme("ɑ", 0.1, start),
            Phoneme("b", start, start + length_s),
            Phoneme("ɑ", start + length_s, 1.5),
        )
        frames = sample_mouth(track, fps, range(int(fps * 2)))
        assert frames[:, CLOSURE].max() > 0.95
        assert frames[int(fps * Fraction(2, 5)) : int(fps * Fraction(7, 10)), GAP].min() < 0.004


@pytest.mark.parametrize("fps", RATES)
def test_any_span_gives_the_same_rows(track: MouthTrack, fps: Fraction) -> None:
    whole = sample_mouth(track, fps, range(150))
    pieces = [sample_mouth(track, fps, span) for span in (range(7), range(7, 93), range(93, 150))]
    np.testing.assert_array_equal(np.concatenate(pieces), whole)


def test_the_same_speech_moves_the_same(speech: SpokenAudio, track: MouthTrack) -> None:
    np.testing.assert_array_equal(follow(speech).values, track.values)


def test_silence_keeps_the_mouth_shut_and_still() -> None:
    quiet = np.full(300, -60, np.float32)
    frames = sample_mouth(mouth_track(phoneme_posteriors([], 300), quiet), Fraction(25), range(75))
    assert np.abs(frames[:, : MOUTH_CHANNELS.index("press")]).max() < 1e-6
    assert np.ptp(frames, axis=0).max() < 1e-6


def test_pauses_between_sentences_are_shut(speech: SpokenAudio, track: MouthTrack) -> None:
    frames = sample_mouth(track, Fraction(25), range(round(speech.recording.duration_s * 25)))
    times = (np.arange(len(frames)) + 0.5) / 25
    pauses = [p for p in speech.phonemes if not p.ipa and p.end_s - p.start_s > 0.35]
    assert len(pauses) >= 3
    for pause in pauses:
        inside = (times > pause.start_s + 0.12) & (times < pause.end_s - 0.14)
        assert frames[inside, GAP].max(initial=0) < 0.005


def test_vowels_open_round_and_spread() -> None:
    open_vowel, rounded, spread = (
        said(Phoneme(ipa, 0.3, 0.9)).values[60] for ipa in ("ɑː", "uː", "iː")
    )
    assert open_vowel[GAP] > 0.1 > rounded[GAP] > 0.02
    assert open_vowel[JAW] > 0.07
    assert rounded[WIDE] < -0.05 < 0.02 < spread[WIDE]
    assert rounded[PUCKER] > 0.9


def test_lips_lead_the_sound_by_twenty_milliseconds() -> None:
    track = said(Phoneme("ɑ", 0.5, 0.7))
    middle = np.average(np.arange(200), weights=track.values[:, GAP])
    assert middle == pytest.approx(59.5 - LEAD_ROWS, abs=0.2)


def test_a_frame_between_two_rows_lies_between_their_values() -> None:
    track = said(Phoneme("ɑ", 0.5, 1.5))
    frames = sample_mouth(track, Fraction(50), range(100))  # frame i is midway of rows 2i, 2i + 1
    expected = (track.values[0::2, JAW] + track.values[1::2, JAW]) / 2
    np.testing.assert_allclose(frames[:, JAW], expected, atol=1e-6)


def test_f_brings_the_lip_to_the_teeth() -> None:
    track = said(Phoneme("ɑ", 0.2, 0.6), Phoneme("f", 0.6, 0.7), Phoneme("ɑ", 0.7, 1.2))
    frames = sample_mouth(track, Fraction(25), range(50))
    bite = frames[:, FF].argmax()
    assert frames[bite, FF] > 0.9
    assert frames[bite, GAP] < 0.04
    assert frames[bite, CLOSURE] < 0.1


def test_curves_move_as_fast_as_lips_do_and_no_faster(track: MouthTrack) -> None:
    speed = np.abs(np.diff(track.values[:, [GAP, JAW, WIDE]], axis=0)) * 100  # units of S a second
    assert speed.max() < 3  # a quarter of a metre a second on a face
    turns = np.diff(np.sign(np.diff(track.values[:, GAP]))) != 0
    moving = track.values[1:-1, GAP] > 0.01
    assert (turns & moving).sum() / (moving.sum() / 100) < 16  # turns a second: no flutter


def test_expressiveness_opens_wider_but_still_closes(speech: SpokenAudio) -> None:
    frames = range(round(speech.recording.duration_s * 25))
    calm, lively = (sample_mouth(follow(speech, e), Fraction(25), frames) for e in (0.6, 1.4))
    assert lively[:, GAP].max() > 1.8 * calm[:, GAP].max()
    np.testing.assert_array_equal(lively[:, CLOSURE], calm[:, CLOSURE])
    assert lively[lively[:, CLOSURE] == 1, GAP].max() == 0


def test_frames_past_the_end_hold_and_no_speech_is_shut() -> None:
    track = said(Phoneme("ɑ", 0.1, 2.0))
    frames = sample_mouth(track, Fraction(25), range(45, 60))
    np.testing.assert_allclose(frames[-1], frames[-2])
    empty = mouth_track(np.zeros((0, 15), np.float32), np.zeros(0, np.float32))
    assert (sample_mouth(empty, Fraction(25), range(3)) == 0).all()
