"""Words that stand in a corner of every frame, such as that it was made by a machine."""

from dataclasses import replace

from models.arrays import U8
from models.contracts import Label, LabelPosition
from models.errors import InvalidRequest
from models.media.burn import Plate, blend, drawn, letter_size
from models.media.fonts import drawable, lettering_for

MARGIN = 0.03  # of the short side
SMALLER = 0.72  # than captions
LEAST_LETTERS_PX = 10


class LabelBurner:
    """Raises MissingDependency if no font here can draw it, InvalidRequest if nothing is left."""

    def __init__(self, label: Label, size: tuple[int, int]) -> None:
        """`size` is the video's (width, height)."""
        text = drawable(label.text)
        if not text:
            raise InvalidRequest(f"label {label.text!r} has no letters: write words")
        letters_px = max(LEAST_LETTERS_PX, round(SMALLER * letter_size(size)))
        plate = drawn([text], lettering_for(text, letters_px), letters_px, size)
        self._plate = _placed(plate, label.position, size)

    def burn(self, batch: U8) -> U8:
        """(B, H, W, 3 or 4) frames, painted in place and returned."""
        for picture in batch:
            blend(picture, self._plate)
        return batch


def _placed(plate: Plate, position: LabelPosition, size: tuple[int, int]) -> Plate:
    height, width, _ = plate.keep.shape
    margin = round(MARGIN * min(size))
    down, _, across = position.value.partition("-")
    return replace(
        plate,
        top=margin if down == "top" else size[1] - margin - height,
        left=margin if across == "left" else size[0] - margin - width,
    )
