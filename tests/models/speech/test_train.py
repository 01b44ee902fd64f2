from pathlib import Path

import numpy as np
import pytest
import torch

from models.speech.augmentation import Augmentation, normalised_batch
from models.speech.corpus import LANGUAGES, Reader, Sample, training_variants
from models.speech.espeak import EspeakProcess
from models.speech.features import normalised
from models.speech.human_spectra import PHONES, human_spectra
from models.speech.train import accuracy, engine_spectra, stack, train, write
from models.speech.visemes import VISEMES


@pytest.fixture(scope="module")
def samples() -> list[Sample]:
    process = EspeakProcess()
    variants = training_variants(process.listing()["variants"])
    found = list(Reader(process, seed=3).samples(12, LANGUAGES, variants))
    process.close()
    return found


def test_the_same_seed_reads_the_same_words(samples: list[Sample]) -> None:
    process = EspeakProcess()
    variants = training_variants(process.listing()["variants"])
    again = next(Reader(process, seed=3).samples(1, LANGUAGES, variants))
    process.close()
    np.testing.assert_array_equal(again.log_mel, samples[0].log_mel)
    np.testing.assert_array_equal(again.visemes, samples[0].visemes)


def test_states_agree_with_visemes(samples: list[Sample]) -> None:
    lips = [3 * PHONES.index(phone) + third for phone in "BMP" for third in range(3)]
    for sample in samples:
        of_lips = np.isin(sample.states, lips)
        assert sample.visemes[of_lips, VISEMES.index("PP")].mean() > 0.85


def test_people_hiss_in_s_and_hum_in_m() -> None:
    spectra = human_spectra()
    np.testing.assert_allclose(spectra.weights.sum(axis=1), 1, atol=1e-5)

    def middle(phone: str) -> "np.ndarray[tuple[int], np.dtype[np.float32]]":
        index = PHONES.index(phone)
        mean: np.ndarray[tuple[int], np.dtype[np.float32]] = (
            spectra.weights[3 * index + 1] @ spectra.means[index]
        )
        return mean

    assert middle("S")[-5:].mean() > middle("S")[:5].mean() + 5
    assert middle("M")[:3].mean() > middle("M")[-5:].mean() + 2
    assert middle("P").mean() < middle("AA").mean() - 3


def test_augmentation_changes_every_row_and_stays_finite(samples: list[Sample]) -> None:
    corpus = stack(samples)
    generator = torch.Generator().manual_seed(1)
    augment = Augmentation(human_spectra(), engine_spectra(samples), generator)
    log_mel, _, states = corpus.batch(generator)
    changed = augment(log_mel, states)
    assert changed.shape == log_mel.shape
    assert torch.isfinite(changed).all()
    assert (changed - log_mel).abs().mean() > 0.3


def test_a_batch_is_normalised_as_a_recording_is(samples: list[Sample]) -> None:
    row = torch.from_numpy(samples[0].log_mel)
    np.testing.assert_allclose(
        normalised_batch(row[None])[0], normalised(samples[0].log_mel), atol=1e-2
    )


def test_a_few_steps_learn_something_and_are_repeatable(
    samples: list[Sample], tmp_path: Path
) -> None:
    torch.manual_seed(1)
    untrained = accuracy(train(stack(samples), _augment(samples), 1, _seeded(), 0), samples)
    nets = []
    for _ in range(2):
        torch.manual_seed(1)
        nets.append(train(stack(samples), _augment(samples), 6, _seeded(), 0))
    assert accuracy(nets[0], samples) > untrained + 0.05
    for first, second in zip(nets[0].parameters(), nets[1].parameters(), strict=True):
        torch.testing.assert_close(first, second)
    write(nets[0], {"steps": 6}, tmp_path)
    assert (tmp_path / "viseme_net.safetensors").stat().st_size < 2_000_000
    assert "| steps | 6 |" in (tmp_path / "viseme_net.report.md").read_text()


def _seeded() -> torch.Generator:
    return torch.Generator().manual_seed(1)


def _augment(samples: list[Sample]) -> Augmentation:
    return Augmentation(human_spectra(), engine_spectra(samples), _seeded())
