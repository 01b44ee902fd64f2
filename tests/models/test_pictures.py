import numpy as np

from models.motion.tracks import MOUTH_CHANNELS, MotionTrack
from models.pictures import FRAMES, close_ups, telling_frames


def test_the_sheet_shows_the_blink_and_the_widest_mouth() -> None:
    frames = 500
    mouth = np.zeros((frames, len(MOUTH_CHANNELS)), np.float32)
    mouth[123, MOUTH_CHANNELS.index("gap")] = 1
    blink = np.zeros(frames, np.float32)
    blink[77] = 1
    still = np.zeros((frames, 5), np.float32)
    shown = telling_frames(MotionTrack(mouth, blink, still[:, :2], blink * 0, still))
    assert {77, 123, 0, frames - 1} <= set(shown)
    assert shown == sorted(set(shown))
    assert len(shown) <= FRAMES + 1


def test_close_ups_hold_their_feature_with_room_around() -> None:
    landmarks = np.zeros((478, 3), np.float32)
    landmarks[[61, 291, 0, 17], :2] = (100, 200), (140, 200), (120, 190), (120, 215)
    landmarks[[33, 263, 159, 386, 145, 374], :2] = (80, 100)
    left, top, right, bottom = close_ups(landmarks)["mouth"]
    assert (left, right) == (86, 154)
    assert top < 190
    assert bottom > 215
