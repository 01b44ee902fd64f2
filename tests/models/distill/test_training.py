"""A student learns, and one that was stopped goes on as if it had not been."""

from pathlib import Path

import pytest
import torch

from models.distill import checkpoint
from models.distill.corpus import Corpus
from models.distill.judge import Judge
from models.distill.losses import importance, loss, psnr_db, ssim
from models.distill.report import Score
from models.distill.training import Recipe, Training, schedule
from models.errors import DiskFull, InvalidRequest
from models.wav2lip.folding import fold
from tests.models.media.limits import files_of_at_most
from tests.models.wav2lip import published

CPU = torch.device("cpu")
RECIPE = Recipe(
    teacher="a" * 64, corpus="b" * 64, activation="relu", share=0.5, seed=1, faces=2, windows=2
)
SCORE = Score(step=3, loss=0.1, psnr_db=20.0, ssim=0.5, seconds=1.0)


@pytest.fixture
def begun(corpus: Corpus, small_state: published.State) -> Training:
    return Training(RECIPE, 6, corpus, small_state, CPU)


def again(learnt: Corpus, state: published.State, **changes: object) -> Training:
    return Training(RECIPE.model_copy(update=changes), 6, learnt, state, CPU)


def test_a_student_comes_closer_to_its_teacher(
    corpus: Corpus, small_state: published.State
) -> None:
    training = Training(RECIPE.model_copy(update={"rate": 4e-3}), 24, corpus, small_state, CPU)
    judge = Judge.of(corpus, fold(small_state), CPU)
    before = judge.score(training)
    for _ in range(24):
        training.advance()
    after = judge.score(training)
    assert after[0] > before[0] + 0.5
    assert after[1] > before[1] + 0.01


def test_what_was_stopped_goes_on_bit_by_bit(
    begun: Training, corpus: Corpus, small_state: published.State, tmp_path: Path
) -> None:
    for _ in range(3):
        begun.advance()
    checkpoint.save(tmp_path, begun, (SCORE,))
    rest = [begun.advance() for _ in range(3)]
    resumed = again(corpus, small_state)
    assert checkpoint.resume(tmp_path, resumed) == (SCORE,)
    assert resumed.step == 3
    assert [resumed.advance() for _ in range(3)] == rest
    for key, value in begun.student().items():
        assert torch.equal(resumed.student()[key], value), key


@pytest.mark.gpu
def test_a_card_trains_what_a_processor_does(
    corpus: Corpus, small_state: published.State, tmp_path: Path
) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device: training on one is NOT tested here")
    found = []
    for device in (CPU, torch.device("cuda")):
        training = Training(RECIPE, 6, corpus, small_state, device)
        losses = [training.advance() for _ in range(3)]
        checkpoint.save(tmp_path, training, ())
        checkpoint.resume(tmp_path, training)
        judge = Judge.of(corpus, fold(small_state), device)
        found.append([*losses, training.advance(), *judge.score(training)])
    assert found[1] == pytest.approx(found[0], rel=0.05)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"teacher": "c" * 64}, "another teacher"),
        ({"corpus": "c" * 64}, "other portraits or recordings"),
        ({"seed": 2}, "another seed"),
    ],
)
def test_a_checkpoint_of_something_else_is_refused(
    begun: Training,
    corpus: Corpus,
    small_state: published.State,
    tmp_path: Path,
    change: dict[str, object],
    told: str,
) -> None:
    checkpoint.save(tmp_path, begun, ())
    with pytest.raises(InvalidRequest, match=rf"is of {told}: choose another --out"):
        checkpoint.resume(tmp_path, again(corpus, small_state, **change))


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_damaged_checkpoint_says_so(begun: Training, tmp_path: Path, share: float) -> None:
    checkpoint.save(tmp_path, begun, ())
    file = tmp_path / checkpoint.FILE
    content = file.read_bytes()
    file.write_bytes(content[: int(share * len(content))])
    with pytest.raises(InvalidRequest, match="damaged"):
        checkpoint.resume(tmp_path, begun)


def test_a_full_disk_is_told_and_leaves_the_former_checkpoint(
    begun: Training, tmp_path: Path
) -> None:
    checkpoint.save(tmp_path, begun, (SCORE,))
    with files_of_at_most(10_000), pytest.raises(DiskFull, match=checkpoint.FILE):
        checkpoint.save(tmp_path, begun, ())
    assert checkpoint.resume(tmp_path, begun) == (SCORE,)
    assert [file.name for file in tmp_path.iterdir()] == [checkpoint.FILE]


def test_the_rate_rises_then_falls() -> None:
    rates = [schedule(step, 1000) for step in range(1000)]
    top = max(rates)
    assert rates.index(top) == 50
    assert rates[0] < 0.05
    assert rates[-1] == pytest.approx(0.02, abs=1e-3)
    assert all(0 < rate <= 1 for rate in (*rates, schedule(2000, 1000), schedule(0, 1)))


def test_errors_at_the_mouth_count_most() -> None:
    weight = importance(96)
    blank = torch.zeros(1, 3, 96, 96)
    mouth, brow = blank.clone(), blank.clone()
    mouth[:, :, 68:76, 40:56] = 0.5
    brow[:, :, 10:18, 40:56] = 0.5
    assert loss(mouth, blank, weight) > 3 * loss(brow, blank, weight)
    assert weight.mean() == pytest.approx(1, abs=1e-5)


def test_measures_know_what_is_alike() -> None:
    picture = torch.rand(2, 3, 50, 96, generator=torch.Generator().manual_seed(1))
    noise = torch.randn(picture.shape, generator=torch.Generator().manual_seed(2))
    assert psnr_db(picture, picture) == 100
    assert psnr_db(picture + 0.1, picture) == pytest.approx(20, abs=1e-3)
    assert ssim(picture, picture) == pytest.approx(1)
    assert ssim(picture + 0.05, picture) > 0.9 > ssim(picture + 0.3 * noise, picture)
