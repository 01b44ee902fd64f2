import numpy as np
import pytest

from models.media.waveform import Phoneme
from models.speech.visemes import VISEMES, phoneme_posteriors, timed_visemes, visemes_of


@pytest.mark.parametrize(
    ("ipa", "shapes"),
    [
        ("p", ("PP",)),
        ("ˈm", ("PP",)),
        ("bʲ", ("PP",)),
        ("f", ("FF",)),
        ("θ", ("TH",)),
        ("t̪", ("DD",)),
        ("ts", ("SS",)),
        ("t͡ʃ", ("CH",)),
        ("dʒ", ("CH",)),
        ("ç", ("KK",)),
        ("ɚ", ("RR",)),
        ("w", ("WW",)),
        ("ˈɑː", ("AA",)),
        ("ã", ("AA",)),
        ("ˈeɪ", ("EE", "IY")),
        ("aʊ", ("AA", "UU")),
        ("ˈɔːɹ", ("OO", "RR")),
        ("aɪə", ("AA", "IY", "EE")),
        ("œ̃", ("EE",)),
        ("y", ("UU",)),
        ("ʁ", ("KK",)),
        ("", ()),
        ("ː", ()),
        ("1", ()),
    ],
)
def test_ipa_has_its_mouth_shapes(ipa: str, shapes: tuple[str, ...]) -> None:
    assert visemes_of(ipa) == shapes


def test_a_diphthong_shares_its_time() -> None:
    spans = timed_visemes([Phoneme("aɪ", 1.0, 1.2)])
    assert [VISEMES[index] for index, _, _ in spans] == ["AA", "IY"]
    assert spans[0][2] == spans[1][1] == pytest.approx(1.11)


def test_a_short_closure_starts_earlier() -> None:
    vowel, lips = timed_visemes([Phoneme("a", 0.0, 0.2), Phoneme("b", 0.2, 0.23)])
    assert lips[1] == vowel[2] == pytest.approx(0.17)


def test_posteriors_sum_to_one_and_split_a_row_by_time() -> None:
    rows = phoneme_posteriors([Phoneme("m", 0.02, 0.105), Phoneme("a", 0.105, 0.2)], 30)
    assert rows.shape == (30, len(VISEMES))
    np.testing.assert_allclose(rows.sum(axis=1), 1, atol=1e-6)
    assert rows[0, VISEMES.index("sil")] == 1
    assert rows[10, VISEMES.index("PP")] == pytest.approx(0.5, abs=1e-4)
    assert rows[10, VISEMES.index("AA")] == pytest.approx(0.5, abs=1e-4)
    assert rows[25, VISEMES.index("sil")] == 1


def test_phonemes_past_the_end_are_left_out() -> None:
    rows = phoneme_posteriors([Phoneme("a", 0.0, 5.0)], 10)
    assert (rows.argmax(axis=1) == VISEMES.index("AA")).all()
