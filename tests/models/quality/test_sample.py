import numpy as np

from models.motion.tracks import MOUTH_CHANNELS, MotionTrack
from models.quality import sample


def track(frames: int) -> MotionTrack:
    random = np.random.default_rng(1)
    mouth = random.uniform(0.02, 0.1, (frames, len(MOUTH_CHANNELS))).astype(np.float32)
    mouth[::50, sample.CLOSURE] = 1
    blink = (np.arange(frames) % 100 == 3).astype(np.float32)
    zeros = np.zeros(frames, np.float32)
    return MotionTrack(
        mouth, blink, np.zeros((frames, 2), np.float32), zeros, np.zeros((frames, 5), np.float32)
    )


def test_a_short_video_is_one_window() -> None:
    assert sample.windows(250, 25.0) == [range(250)]


def test_half_an_hour_is_a_bounded_number_of_frames_with_both_ends() -> None:
    spans = sample.windows(45_000, 25.0)
    assert (spans[0].start, spans[-1].stop) == (0, 45_000)
    assert sum(map(len, spans)) == 12 * 250


def test_the_sample_is_bounded_and_lies_in_the_windows() -> None:
    spans = sample.windows(45_000, 25.0)
    chosen = sample.choose(track(45_000), spans)
    assert len(chosen) <= sample.MAX_FRAMES
    assert all(any(frame in span for span in spans) for frame in chosen.tolist())


def test_the_sample_holds_closures_blinks_and_wide_openings() -> None:
    motion = track(1000)
    chosen = sample.choose(motion, sample.windows(1000, 25.0))
    wide = sample.commanded_gap(motion) >= np.quantile(sample.commanded_gap(motion), 0.9)
    assert sample.closed(motion)[chosen].sum() >= 15
    assert (motion.blink[chosen] == 1).sum() == 10
    assert wide[chosen].sum() >= 20


def test_a_video_of_one_frame_is_sampled() -> None:
    assert sample.choose(track(1), sample.windows(1, 25.0)).tolist() == [0]
