import numpy as np

from models.motion.tracks import MOUTH_CHANNELS, MotionTrack
from models.quality import sample

EACH = sample.MAX_FRAMES // 6  # kinds of frames


def track(frames: int) -> MotionTrack:
    random = np.random.default_rng(1)
    mouth = random.uniform(0.02, 0.1, (frames, len(MOUTH_CHANNELS))).astype(np.float32)
    mouth[::50, sample.CLOSURE] = 1
    blink = (np.arange(frames) % 100 == 3).astype(np.float32)
    zeros = np.zeros(frames, np.float32)
    return MotionTrack(
        mouth, blink, np.zeros((frames, 2), np.float32), zeros, np.zeros((frames, 5), np.float32)
    )


def test_the_sample_is_bounded_and_spans_half_an_hour() -> None:
    chosen = sample.choose(track(45_000))
    assert len(chosen) <= sample.MAX_FRAMES
    assert (chosen[0], chosen[-1]) == (0, 44_999)


def test_the_sample_holds_closures_blinks_wide_openings_and_quick_moves() -> None:
    motion = track(1000)
    chosen = sample.choose(motion)
    wide = sample.commanded_gap(motion) >= np.quantile(sample.commanded_gap(motion), 0.9)
    assert sample.closed(motion)[chosen].sum() == EACH
    assert (motion.blink[chosen] == 1).sum() == 10
    assert wide[chosen].sum() >= EACH
    assert sample.moving(motion)[chosen].sum() >= EACH


def test_a_video_of_one_frame_is_sampled() -> None:
    assert sample.choose(track(1)).tolist() == [0]


def test_lips_at_rest_stand_in_where_no_closure_is_commanded() -> None:
    motion = track(100)
    motion.mouth[:, sample.CLOSURE] = 0
    motion.mouth[40:43, sample.GAP] = 0
    assert np.flatnonzero(sample.lips_together(motion)).tolist() == [40, 41, 42]
    assert {40, 41, 42} <= set(sample.choose(motion).tolist())
