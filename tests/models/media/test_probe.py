from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from models.arrays import U8
from models.errors import EncodeFailed
from models.media.probe import frame_statistics, probe, sample_frames
from models.media.wav import write_recording
from tests.models.media.films import film
from tests.models.media.sounds import speech, write_video

FPS = Fraction(30_000, 1001)


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """300 frames at 29.97, each with its number as red; 100-102 black, 200-204 frozen."""
    return encode(tmp_path / "video.mp4", numbered(300))


def numbered(count: int) -> U8:
    frames = np.full((count, 64, 96, 3), 90, np.uint8)
    for index, frame in enumerate(frames):
        frame[:, :, 0] = index * 200 // count + 20
        frame[10:30, index % 60 : index % 60 + 20] = 255
    frames[100:103] = 0
    frames[200:205] = frames[200]
    return frames


def encode(path: Path, frames: U8) -> Path:
    seconds = float(len(frames) / FPS)
    recording = write_recording(path.with_suffix(".wav"), 16_000, [speech(seconds)])
    return film(path, frames, FPS, recording)


def test_facts_are_those_of_the_file(video: Path) -> None:
    facts = probe(video)
    assert (facts.codec, facts.size, facts.fps, facts.frames) == ("h264", (96, 64), FPS, 300)
    assert facts.start_s == 0.0
    assert facts.duration_s == pytest.approx(10.01)
    assert facts.sound is not None
    assert (facts.sound.codec, facts.sound.sample_rate_hz) == ("aac", 48_000)
    assert facts.sound.peak == pytest.approx(0.3, abs=0.05)


def test_a_video_without_sound_has_none(tmp_path: Path) -> None:
    assert probe(write_video(tmp_path / "mute.mp4", None)).sound is None


def test_silence_has_no_first_sound(tmp_path: Path) -> None:
    facts = probe(write_video(tmp_path / "a.mp4", np.zeros(16_000, np.float32)))
    assert facts.sound is not None
    assert facts.sound.first_sound_s is None


@pytest.mark.parametrize("indices", [[0], [299], [3, 1, 2, 1], [0, 150, 299], range(295, 300)])
def test_the_frames_asked_for_come_in_order(video: Path, indices: list[int]) -> None:
    source = numbered(300)
    found = list(sample_frames(video, indices))
    assert [index for index, _ in found] == sorted(set(indices))
    for index, rgb in found:
        assert np.abs(rgb[50:].mean(axis=(0, 1)) - source[index, 50:].mean(axis=(0, 1))).max() < 4


def test_a_frame_that_is_not_there_is_an_error(video: Path) -> None:
    with pytest.raises(EncodeFailed, match="no frame 300"):
        list(sample_frames(video, [300]))


def test_statistics_tell_black_and_frozen_frames(video: Path) -> None:
    statistics = frame_statistics(video)
    assert len(statistics.mean) == 300
    assert list(np.flatnonzero(statistics.mean < 20)) == [100, 101, 102]
    frozen = np.flatnonzero(statistics.change < 1)
    assert set(range(201, 205)) <= set(frozen.tolist())
    assert set(frozen.tolist()) <= {101, 102, *range(201, 205)}
    assert np.isinf(statistics.change[0])


def test_a_flat_frame_has_no_spread(tmp_path: Path) -> None:
    flat = encode(tmp_path / "flat.mp4", np.full((5, 64, 96, 3), 128, np.uint8))
    assert frame_statistics(flat).spread.max() < 1


@pytest.mark.parametrize("content", [b"", b"not a video at all" * 50])
def test_what_is_no_video_is_an_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.mp4").write_bytes(content)
    with pytest.raises(EncodeFailed, match=r"a\.mp4"):
        probe(tmp_path / "a.mp4")


def test_sound_alone_is_no_video(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=16_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(speech(1.0)[None], format="fltp", layout="mono")
        frame.sample_rate, frame.pts = 16_000, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(EncodeFailed, match="no pictures"):
        probe(tmp_path / "a.mp4")
