from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

from models.arrays import U8
from models.media.sheet import CELL_PX, GAP_PX, calm_frame, contact_sheet, thumbnail
from models.motion.tracks import MOUTH_CHANNELS, MotionTrack


def plain(red: int, size: tuple[int, int] = (400, 300)) -> U8:
    frame = np.zeros((size[1], size[0], 3), np.uint8)
    frame[..., 0] = red
    frame[100:140, 150:250, 1] = 255  # where the mouth is
    return frame


def test_frames_and_their_close_ups_are_on_the_sheet(tmp_path: Path) -> None:
    out = tmp_path / "sheet.png"
    frames = [(index * 0.5, plain(100 + index * 10)) for index in range(7)]
    contact_sheet(frames, out, crops={"mouth": (150, 100, 250, 140), "eyes": (0, 0, 100, 50)})
    with Image.open(out) as picture:
        sheet = np.asarray(picture)
    width = CELL_PX + GAP_PX
    assert sheet.shape[1] == 5 * width + GAP_PX
    for index in range(7):
        row, column = divmod(index, 5)
        cell = sheet[row * sheet.shape[0] // 2 :, GAP_PX + column * width :][:, :CELL_PX]
        assert (cell[:, 10, 0] == 100 + index * 10).any()
    mouth_rows = (sheet[:, GAP_PX + 5 : GAP_PX + CELL_PX - 5, 1] > 250).all(axis=1).sum()
    assert mouth_rows > 2 * CELL_PX * 0.3  # both rows' close-ups are full of it


def test_few_frames_make_a_narrow_sheet(tmp_path: Path) -> None:
    contact_sheet([(0.0, plain(50))], tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.width == CELL_PX + 2 * GAP_PX


def test_boxes_beyond_the_edge_are_cut(tmp_path: Path) -> None:
    contact_sheet([(0.0, plain(50))], tmp_path / "a.png", crops={"eyes": (-50, -9, 900, 2)})
    assert (tmp_path / "a.png").exists()


def test_a_thumbnail_is_a_jpeg_of_the_frame(tmp_path: Path) -> None:
    thumbnail(plain(200), tmp_path / "a.jpg")
    with Image.open(tmp_path / "a.jpg") as picture:
        assert (picture.format, picture.size) == ("JPEG", (400, 300))
        assert abs(int(np.asarray(picture)[10, 10, 0]) - 200) < 6


def still(frames: int) -> MotionTrack:
    return MotionTrack(
        mouth=np.zeros((frames, len(MOUTH_CHANNELS)), np.float32),
        blink=np.zeros(frames, np.float32),
        gaze=np.zeros((frames, 2), np.float32),
        brow=np.zeros(frames, np.float32),
        head=np.zeros((frames, 5), np.float32),
    )


def test_the_calm_frame_has_open_eyes_and_a_resting_mouth() -> None:
    motion = still(100)
    motion.mouth[:, MOUTH_CHANNELS.index("gap")] = 0.1
    motion.mouth[[60, 80], MOUTH_CHANNELS.index("gap")] = 0.015
    motion.blink[60] = 1.0
    assert calm_frame(motion, Fraction(25)) == 80


def test_one_frame_is_calm_enough() -> None:
    assert calm_frame(still(1), Fraction(25)) == 0
