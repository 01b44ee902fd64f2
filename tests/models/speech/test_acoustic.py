from pathlib import Path

import numpy as np
import pytest
import torch

from models.arrays import F32
from models.errors import MissingModels
from models.speech.acoustic import WEIGHTS, acoustic_posteriors, viseme_net
from models.speech.features import listen, normalised
from models.speech.synthesis import EspeakSynthesiser
from models.speech.visemes import VISEMES, phoneme_posteriors


def noise(rows: int) -> F32:
    return np.random.default_rng(0).normal(size=(rows, 40)).astype(np.float32)


def test_the_shipped_weights_are_small() -> None:
    assert WEIGHTS.stat().st_size <= 2_000_000


def test_posteriors_sum_to_one() -> None:
    rows = acoustic_posteriors(noise(123))
    assert rows.shape == (123, len(VISEMES))
    np.testing.assert_allclose(rows.sum(axis=1), 1, atol=1e-5)


def test_windows_leave_no_seam() -> None:
    features = noise(6_100)
    whole = viseme_net()(_as_batch(features))[0].softmax(dim=0).T.detach().numpy()
    np.testing.assert_allclose(acoustic_posteriors(features), whole, atol=1e-4)


def _as_batch(features: F32) -> torch.Tensor:
    return torch.from_numpy(normalised(features).T.copy())[None]


def test_it_hears_a_voice_it_was_not_trained_on(
    synthesiser: EspeakSynthesiser, tmp_path: Path
) -> None:
    text = "Maybe Bob will move home before June. We choose to go to the moon."
    speech = synthesiser.speak(text, "it+f3", 1, 1, tmp_path / "out.wav")
    heard = listen(speech.recording)
    truth = phoneme_posteriors(speech.phonemes, len(heard.log_mel))
    found = acoustic_posteriors(heard.log_mel)
    assert (found.argmax(axis=1) == truth.argmax(axis=1)).mean() > 0.6


def test_no_sound_gives_no_rows() -> None:
    assert acoustic_posteriors(noise(0)).shape == (0, len(VISEMES))


def test_missing_weights_name_the_command_that_makes_them(tmp_path: Path) -> None:
    with pytest.raises(MissingModels, match=r"python -m models\.speech\.train"):
        viseme_net(tmp_path / "viseme_net.safetensors")
