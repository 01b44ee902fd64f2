import numpy as np
import pytest

from models.arrays import U8
from models.contracts import Label, LabelPosition
from models.errors import InvalidRequest
from models.media.label import LabelBurner

WIDTH, HEIGHT = 512, 912


def burned(label: Label, channels: int = 3) -> U8:
    frames = np.full((2, HEIGHT, WIDTH, channels), 128, np.uint8)
    return LabelBurner(label, (WIDTH, HEIGHT)).burn(frames)


@pytest.mark.parametrize("position", LabelPosition)
def test_a_label_stands_in_its_corner_on_every_frame(position: LabelPosition) -> None:
    frames = burned(Label(text="AI-generated", position=position))
    assert np.array_equal(frames[0], frames[1])
    rows, columns = np.nonzero((frames[0] != 128).any(axis=2))
    down = rows.max() < 0.1 * HEIGHT if "top" in position else rows.min() > 0.9 * HEIGHT
    across = columns.min() < 0.05 * WIDTH if "left" in position else columns.max() > 0.95 * WIDTH
    assert down
    assert across
    assert columns.min() > 0
    assert columns.max() < WIDTH - 1


def test_letters_are_white_and_high_enough_to_read() -> None:
    frame = burned(Label(text="AI-generated"))[0]
    rows, _ = np.nonzero((frame > 230).all(axis=2))
    assert np.ptp(rows) >= 12


def test_over_transparency_a_label_is_opaque() -> None:
    frames = np.zeros((1, HEIGHT, WIDTH, 4), np.uint8)
    LabelBurner(Label(text="AI-generated"), (WIDTH, HEIGHT)).burn(frames)
    assert frames[0, ..., 3].max() == 255
    assert frames[0, HEIGHT // 2 :, :, 3].max() == 0


def test_the_longest_label_stays_in_the_picture() -> None:
    frame = burned(Label(text="W" * 40, position=LabelPosition.TOP_RIGHT))[0]
    _, columns = np.nonzero((frame != 128).any(axis=2))
    assert columns.min() > 0


def test_a_label_of_which_nothing_can_be_drawn_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="has no letters"):
        LabelBurner(Label(text="👋🏽"), (WIDTH, HEIGHT))
