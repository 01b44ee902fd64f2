from fractions import Fraction

import numpy as np
import pytest
from PIL import ImageFont

from models.arrays import U8
from models.errors import MissingDependency
from models.media.burn import CaptionBurner, columns_for
from models.media.captions import Cue
from models.media.fonts import BuiltIn, drawable, lettering_for

FPS = Fraction(25)
CUES = (Cue(0.2, 0.6, ("Hello, this is", "a caption.")), Cue(1.0, 1.4, ("Größe",)))


def grey(count: int, size: tuple[int, int] = (256, 256), channels: int = 3) -> U8:
    return np.full((count, size[1], size[0], channels), 128, np.uint8)


def burned(
    first: int = 0,
    count: int = 40,
    cues: tuple[Cue, ...] = CUES,
    size: tuple[int, int] = (256, 256),
) -> U8:
    return CaptionBurner(cues, size, FPS).burn(grey(count, size), first)


def changed(frames: U8) -> list[int]:
    return [int(i) for i in np.flatnonzero((frames != 128).any(axis=(1, 2, 3)))]


def test_captions_show_while_their_words_are_said() -> None:
    assert changed(burned()) == [*range(5, 15), *range(25, 35)]


def test_a_part_of_the_video_is_burned_like_the_whole() -> None:
    assert np.array_equal(burned(first=10, count=20), burned()[10:30])


def test_letters_are_white_on_a_darker_plate() -> None:
    frame = burned()[8]
    assert frame.max() == 255
    assert 30 < frame.min() < 70
    assert (frame == 255).all(axis=2).mean() > 0.002


@pytest.mark.parametrize("size", [(256, 256), (512, 512), (720, 1280), (1280, 720), (1080, 1920)])
def test_captions_keep_clear_of_the_edges(size: tuple[int, int]) -> None:
    widest = "W" * columns_for(size)
    frame = burned(5, 1, (Cue(0, 1, (widest, widest)),), size)[0]
    rows, columns = np.nonzero((frame != 128).any(axis=2))
    assert columns.min() >= 0.02 * size[0]
    assert columns.max() <= 0.98 * size[0]
    assert size[1] / 2 < rows.min()
    assert rows.max() <= 0.95 * size[1]


def test_captions_are_in_the_middle() -> None:
    frame = burned()[8]
    _, columns = np.nonzero((frame != 128).any(axis=2))
    assert (columns.min() + columns.max()) / 2 == pytest.approx(127.5, abs=1)


def test_over_transparency_captions_are_opaque() -> None:
    frames = grey(10, channels=4)
    frames[..., 3] = 0
    out = CaptionBurner(CUES, (256, 256), FPS).burn(frames, 0)[8]
    assert out[..., 3].max() == 255
    assert (out[..., :3][out[..., 3] == 255] > 250).all()
    assert (out[:100, :, 3] == 0).all()


def test_over_an_opaque_picture_alpha_changes_nothing() -> None:
    frames = grey(10, channels=4)
    frames[..., 3] = 255
    out = CaptionBurner(CUES, (256, 256), FPS).burn(frames, 0)[8]
    assert np.abs(out[..., :3].astype(int) - burned()[8].astype(int)).max() <= 1
    assert (out[..., 3] == 255).all()


@pytest.mark.parametrize(
    "text", ["žluťoučký kůň", "Привет", "Ελληνικά", "字幕です", "한국어", "¿Qué?"]
)
def test_the_built_in_font_draws_most_scripts(text: str) -> None:
    assert isinstance(lettering_for(text, 24), BuiltIn)


def test_letters_that_no_font_has_are_named() -> None:
    with pytest.raises(MissingDependency, match="𞤀"):
        CaptionBurner((Cue(0, 1, ("𞤀𞤁",)),), (256, 256), FPS)


def test_emoji_are_left_out() -> None:
    assert drawable("Hello 👋🏽 world ☀️!") == "Hello world !"
    assert changed(burned(0, 5, (Cue(0, 1, ("👋🏽",)),))) == []


def has_font(name: str) -> bool:
    try:
        ImageFont.truetype(name, 20)
    except OSError:
        return False
    return True


@pytest.mark.skipif(not has_font("DejaVuSans.ttf"), reason="needs Debian's fonts-dejavu-core")
def test_hebrew_runs_from_right_to_left() -> None:
    """The first letter, lamed, is the only one that rises above the line: it belongs right."""
    ink = lettering_for("לממממ", 40).draw("לממממ")
    above = ink[: ink.shape[0] // 3].sum(axis=0)
    assert np.average(np.arange(len(above)), weights=above) > 0.6 * len(above)
