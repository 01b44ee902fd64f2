from collections.abc import Sequence

import numpy as np
import pytest

from models.arrays import F32
from models.media.downmix import Downmix
from models.media.wav import rechunked
from tests.models.media.sounds import speech

VOICE = speech(3.0)
SILENCE = np.zeros_like(VOICE)
FIVE_ONE = ("FL", "FR", "FC", "LFE", "BL", "BR")


def mixed(names: Sequence[str], *channels: F32) -> F32:
    return np.concatenate([*Downmix(names).mix(rechunked([np.stack(channels)], 8_000))])


def test_equal_channels_keep_their_level() -> None:
    assert mixed(("FL", "FR"), VOICE, VOICE) == pytest.approx(VOICE, abs=1e-6)


def test_opposed_channels_do_not_cancel() -> None:
    assert mixed(("FL", "FR"), VOICE, -VOICE) == pytest.approx(VOICE, abs=1e-6)


def test_channels_that_nearly_cancel_keep_the_voice() -> None:
    both = mixed(("FL", "FR"), VOICE, -0.8 * VOICE)
    assert np.abs(both).max() == pytest.approx(0.9 * np.abs(VOICE).max(), rel=1e-3)


def test_turning_a_channel_over_is_told() -> None:
    downmix = Downmix(("FL", "FR"))
    list(downmix.mix([np.stack([VOICE, -VOICE])]))
    assert downmix.turned_over


@pytest.mark.parametrize("quiet", [SILENCE, VOICE * 1e-3])
def test_a_silent_channel_does_not_halve_the_other(quiet: F32) -> None:
    assert mixed(("FL", "FR"), quiet, VOICE) == pytest.approx(VOICE, abs=1e-3)


def test_different_channels_are_both_heard() -> None:
    other = np.roll(VOICE, 4_000)
    both = mixed(("FL", "FR"), VOICE, other)
    assert both == pytest.approx((VOICE + other) / 2, abs=1e-6)


def test_the_centre_counts_most_and_the_bass_not_at_all() -> None:
    rumble = np.ones_like(VOICE)
    assert mixed(FIVE_ONE, SILENCE, SILENCE, VOICE, rumble, SILENCE, SILENCE) == pytest.approx(
        VOICE, abs=1e-6
    )


def test_six_unnamed_channels_are_taken_as_five_one() -> None:
    rumble = np.ones_like(VOICE)
    names = ("NONE",) * 6
    assert mixed(names, SILENCE, SILENCE, VOICE, rumble, SILENCE, SILENCE) == pytest.approx(
        VOICE, abs=1e-6
    )


def test_nothing_but_bass_is_still_heard() -> None:
    assert mixed(("LFE",) * 2, VOICE, VOICE) == pytest.approx(VOICE, abs=1e-6)


def test_a_channel_that_joins_later_is_blended_in_without_a_click() -> None:
    late = -VOICE.copy()
    late[:20_000] = 0
    assert mixed(("FL", "FR"), VOICE, late) == pytest.approx(VOICE, abs=1e-6)


def test_silence_stays_silent() -> None:
    assert not mixed(("FL", "FR"), SILENCE, SILENCE).any()
