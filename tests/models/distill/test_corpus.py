"""What a step learns from is decided by its number, and never what a student is judged by."""

import pytest
import torch

from models.distill.corpus import PIECE, Corpus, corpus_of
from models.errors import InvalidRequest
from tests.models.distill.conftest import noisy_faces, noisy_sound


def test_a_step_s_batch_is_drawn_from_its_number_alone(corpus: Corpus) -> None:
    first, again = corpus.batch(3, 7, 2, 3), corpus.batch(3, 7, 2, 3)
    assert first.faces.shape == (2, 6, 96, 96)
    assert first.mel.shape == (6, 1, 80, 16)
    assert torch.equal(first.faces, again.faces)
    assert torch.equal(first.mel, again.mel)
    for other in (corpus.batch(3, 8, 2, 3), corpus.batch(4, 7, 2, 3)):
        assert not torch.equal(first.faces, other.faces)
        assert not torch.equal(first.mel, other.mel)


def test_the_network_sees_a_masked_face_and_the_face(corpus: Corpus) -> None:
    masked, face = corpus.batch(0, 0, 4, 1).faces.chunk(2, dim=1)
    assert (masked[:, :, 48:] == 0).all()
    assert torch.equal(masked[:, :, :48], face[:, :, :48])
    assert face[:, :, 48:].mean() > 0.1


def test_sound_to_judge_by_is_never_learnt_from(corpus: Corpus) -> None:
    learnt = {int(row) for start in corpus.starts for row in range(start, start + 16)}
    judged = {int(row) for start in corpus.unheard for row in range(start, start + 16)}
    assert judged
    assert learnt.isdisjoint(judged)


def test_no_window_reaches_into_another_recording(corpus: Corpus) -> None:
    border = 9 * PIECE
    for starts in (corpus.starts, corpus.unheard):
        assert not ((starts < border) & (starts + 16 > border)).any()


def test_a_fifth_of_the_faces_is_kept_where_there_are_five() -> None:
    sound = [noisy_sound(12.0)]
    some, few = corpus_of(noisy_faces(11), sound), corpus_of(noisy_faces(3), sound)
    assert some.unseen.tolist() == [4, 9]
    assert not set(some.seen.tolist()) & {4, 9}
    assert (few.held_faces, few.unseen.tolist()) == (0, [0, 1, 2])


def test_each_judged_face_hears_different_sound(corpus: Corpus) -> None:
    batch = corpus.judged(8, 4)
    assert batch.faces.shape[0] == 1  # of six faces one is kept
    assert len(batch.mel) == 4
    assert (batch.mel[0] != batch.mel[1]).any()


def test_too_little_sound_is_told_with_its_length() -> None:
    with pytest.raises(InvalidRequest, match=r"6\.0 s of sound are too little: give at least 10"):
        corpus_of(noisy_faces(1), [noisy_sound(6.0)])


def test_another_picture_or_sound_is_another_corpus(corpus: Corpus) -> None:
    same = corpus_of(noisy_faces(6), [noisy_sound(9.0), noisy_sound(8.0)])
    other = corpus_of(noisy_faces(6), [noisy_sound(9.0, seed=9), noisy_sound(8.0)])
    assert corpus.digest == same.digest != other.digest
