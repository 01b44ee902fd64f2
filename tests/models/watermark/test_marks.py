"""A mark is put into a moving portrait, the file is ill-treated, and the mark is read again."""

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage import data

from models.arrays import F32, U8
from models.media.colour import plane_pixels, video_frame
from models.media.encode import VideoWriter
from models.watermark.code import SIDE, read, square
from models.watermark.detect import LEAST_SCORE, chance, find_marks
from models.watermark.embed import Marker
from tests.models.watermark.treated import Spoil, as_it_is, cropped, encoded_again, half

PAYLOAD = 0xC0FFEE123456
SIZE = (512, 512)
FRAMES = 100


def moving() -> U8:
    """(F, H, W, 3): a photograph that sways."""
    photo: U8 = data.astronaut()  # type: ignore[no-untyped-call]
    frames = np.empty((FRAMES, 512, 512, 3), np.uint8)
    for index, frame in enumerate(frames):
        sway = np.asarray(cv2.getRotationMatrix2D((230, 300), np.sin(index / 17), 1.0), np.float64)
        frame[:] = cv2.warpAffine(photo, sway, SIZE, borderMode=cv2.BORDER_REFLECT)
    return frames


@pytest.fixture(scope="module")
def marked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("marked") / "marked.mp4", Marker(PAYLOAD, SIZE))


def written(out: Path, mark: Marker | None) -> Path:
    with VideoWriter(out, SIZE, Fraction(25), frames=FRAMES, mark=mark) as writer:
        writer.write(moving())
    return out


@pytest.mark.parametrize("spoil", [as_it_is, half, cropped], ids=["crf28", "half", "cropped"])
def test_a_mark_survives(marked: Path, tmp_path: Path, spoil: Spoil) -> None:
    again = encoded_again(marked, tmp_path / "again.mp4", spoil)
    assert [mark.payload for mark in find_marks(again)] == [PAYLOAD]


def test_a_mark_survives_trimming(marked: Path, tmp_path: Path) -> None:
    again = encoded_again(marked, tmp_path / "again.mp4", as_it_is, slice(40, 80))
    assert [mark.payload for mark in find_marks(again)] == [PAYLOAD]


def test_what_was_never_marked_says_nothing(tmp_path: Path) -> None:
    assert find_marks(written(tmp_path / "plain.mp4", None)) == ()


def test_nobody_sees_it() -> None:
    luma = plane_pixels(video_frame(moving()[0]).planes[0])
    change: F32 = Marker(PAYLOAD, SIZE)(luma).astype(np.float32) - luma
    in_rgb = np.square(change * 255 / 219).mean()
    assert 10 * np.log10(255**2 / in_rgb) >= 42


def test_a_square_is_read_through_noise_stronger_than_itself() -> None:
    noise = 2.5 * np.random.default_rng(0).standard_normal((SIDE, SIDE)).astype(np.float32)
    reading = read(square(PAYLOAD) + noise)
    assert (reading.payload, reading.whole) == (PAYLOAD, True)


def test_noise_alone_is_not_believed() -> None:
    noise = np.random.default_rng(0).standard_normal((200, SIDE, SIDE)).astype(np.float32)
    assert max(read(cells).score for cells in noise) < LEAST_SCORE


def test_a_chance_reading_is_rarer_than_one_in_a_hundred_thousand() -> None:
    assert chance(LEAST_SCORE) < 1e-5
    assert chance(LEAST_SCORE + 1) < chance(LEAST_SCORE)
    assert chance(0) == 1
