from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
import psutil
import pytest
from av.video.codeccontext import VideoCodecContext

from models.arrays import U8
from models.errors import DiskFull, EncodeFailed, OutputNotWritable
from models.media.join import join
from models.media.probe import frame_statistics, probe
from models.media.sound import SoundWriter
from models.media.wav import write_recording
from models.media.waveform import Recording
from tests.models.media.films import film, segment
from tests.models.media.limits import files_of_at_most
from tests.models.media.sounds import speech

FPS = Fraction(25)
NTSC = Fraction(30_000, 1001)


def pictures(count: int, channels: int = 3) -> U8:
    """(F, 48, 64, C) noise that wanders, so that reordered frames pay."""
    noise = np.random.default_rng(0).integers(0, 255, (48, 64, channels), np.uint8)
    return np.stack([np.roll(noise, index, axis=1) for index in range(count)])


def spoken(folder: Path, frames: int, fps: Fraction = FPS) -> Recording:
    return write_recording(folder / "speech.wav", 16_000, [speech(float(frames / fps))])


def coded(path: Path) -> list[tuple[object, ...]]:
    """Each picture's bytes, those that ride beside them (alpha), whether it is a key."""
    with av.open(str(path)) as container:
        return [
            (bytes(packet), tuple(map(bytes, packet.iter_sidedata())), packet.is_keyframe)
            for packet in container.demux(video=0)
            if packet.size
        ]


def decoded(path: Path, codec: str) -> Iterator[bytes]:
    """Every picture's planes, by a decoder that knows alpha."""
    decoder = cast(VideoCodecContext, av.CodecContext.create(codec, "r"))
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        decoder.extradata = stream.codec_context.extradata
        for packet in [*container.demux(stream)]:
            for frame in decoder.decode(packet):
                yield b"".join(map(bytes, frame.planes))


@pytest.mark.parametrize(("channels", "suffix"), [(3, "mp4"), (4, "webm")])
@pytest.mark.parametrize("fps", [FPS, NTSC], ids=str)
def test_what_was_encoded_is_joined_as_it_is(
    tmp_path: Path, channels: int, suffix: str, fps: Fraction
) -> None:
    frames = pictures(120, channels)
    whole = film(tmp_path / f"a.{suffix}", frames, fps, spoken(tmp_path, 120, fps), cuts=(37, 80))
    bounds = ((0, 37), (37, 80), (80, 120))
    parts = [segment(tmp_path / f"{a}.{suffix}", frames[a:b], fps) for a, b in bounds]
    assert coded(whole) == [packet for part in parts for packet in coded(part)]


@pytest.mark.parametrize(
    ("channels", "suffix", "codec"), [(3, "mp4", "h264"), (4, "webm", "libvpx-vp9")]
)
def test_every_picture_decodes_as_in_its_segment(
    tmp_path: Path, channels: int, suffix: str, codec: str
) -> None:
    frames = pictures(75, channels)
    whole = film(tmp_path / f"a.{suffix}", frames, FPS, spoken(tmp_path, 75), cuts=(40,))
    parts = [segment(tmp_path / f"{n}.{suffix}", frames[n:m], FPS) for n, m in ((0, 40), (40, 75))]
    shown = list(decoded(whole, codec))
    assert shown == [picture for part in parts for picture in decoded(part, codec)]
    assert len(shown) == 75


@pytest.mark.parametrize("fps", [FPS, NTSC], ids=str)
def test_pictures_keep_their_times_over_a_seam(tmp_path: Path, fps: Fraction) -> None:
    out = film(tmp_path / "a.mp4", pictures(90), fps, spoken(tmp_path, 90, fps), cuts=(31, 62))
    with av.open(str(out)) as container:
        times = [(frame.pts or 0) * (frame.time_base or 0) for frame in container.decode(video=0)]
    assert times == [index / fps for index in range(90)]


def test_decoding_times_rise_over_a_seam(tmp_path: Path) -> None:
    out = film(tmp_path / "a.mp4", pictures(90), FPS, spoken(tmp_path, 90), cuts=(31, 62))
    with av.open(str(out)) as container:
        times = [packet.dts for packet in container.demux(video=0) if packet.dts is not None]
    assert times == sorted(set(times))


def test_a_transparent_film_says_so_and_is_in_step(tmp_path: Path) -> None:
    facts = probe(film(tmp_path / "a.webm", pictures(50, 4), FPS, spoken(tmp_path, 50), cuts=(20,)))
    assert (facts.frames, facts.alpha, facts.start_s, facts.fps) == (50, True, 0.0, FPS)
    assert facts.sound is not None
    assert facts.sound.start_s == pytest.approx(0.0, abs=0.01)


@pytest.mark.parametrize("suffix", ["mp4", "webm"])
def test_the_sound_is_the_same_however_it_is_cut(tmp_path: Path, suffix: str) -> None:
    frames = pictures(75, 4 if suffix == "webm" else 3)
    recording = spoken(tmp_path, 75)
    heard = []
    for name, cuts in (("a", ()), ("b", (25, 50))):
        film(tmp_path / f"{name}.{suffix}", frames, FPS, recording, cuts=cuts)
        with av.open(str(tmp_path / f"{name}.{suffix}")) as container:
            heard.append([bytes(packet) for packet in container.demux(audio=0)])
    assert heard[0] == heard[1]


def test_segments_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    recording = spoken(tmp_path, 20)
    with SoundWriter(recording, tmp_path / "sound.mp4") as voice:
        voice.wait()
    small = segment(tmp_path / "small.mp4", pictures(10), FPS)
    large = segment(tmp_path / "large.mp4", np.zeros((10, 96, 64, 3), np.uint8), FPS)
    out = tmp_path / "out" / "a.mp4"
    with pytest.raises(EncodeFailed, match=r"large\.mp4 was encoded otherwise"):
        join([small, large], tmp_path / "sound.mp4", out, FPS, frames=20)
    assert list(out.parent.iterdir()) == []


def test_a_missing_picture_is_noticed(tmp_path: Path) -> None:
    with SoundWriter(spoken(tmp_path, 10), tmp_path / "sound.mp4") as voice:
        voice.wait()
    part = segment(tmp_path / "part.mp4", pictures(9), FPS)
    with pytest.raises(EncodeFailed, match="9 of 10 frames"):
        join([part], tmp_path / "sound.mp4", tmp_path / "a.mp4", FPS, frames=10)
    assert not (tmp_path / "a.mp4").exists()


def test_a_damaged_segment_is_named(tmp_path: Path) -> None:
    with SoundWriter(spoken(tmp_path, 10), tmp_path / "sound.mp4") as voice:
        voice.wait()
    part = segment(tmp_path / "part.mp4", pictures(10), FPS)
    part.write_bytes(part.read_bytes()[:200])
    with pytest.raises(EncodeFailed, match=r"part\.mp4 is no readable video"):
        join([part], tmp_path / "sound.mp4", tmp_path / "a.mp4", FPS, frames=10)


def test_no_room_for_the_joined_film_is_said(tmp_path: Path) -> None:
    frames, recording = pictures(50), spoken(tmp_path, 50)
    with SoundWriter(recording, tmp_path / "sound.mp4") as voice:
        voice.wait()
    part = segment(tmp_path / "part.mp4", frames, FPS)
    with files_of_at_most(20_000), pytest.raises(DiskFull):
        join([part], tmp_path / "sound.mp4", tmp_path / "a.mp4", FPS, frames=50)
    assert not (tmp_path / "a.mp4").exists()


def test_no_room_for_the_sound_is_said(tmp_path: Path) -> None:
    recording = spoken(tmp_path, 250)
    with (
        files_of_at_most(20_000),
        pytest.raises(DiskFull),
        SoundWriter(recording, tmp_path / "sound.mp4") as voice,
    ):
        voice.wait()
    assert not (tmp_path / "sound.mp4").exists()


def test_sound_that_is_no_longer_wanted_stops_at_once(tmp_path: Path) -> None:
    recording = write_recording(tmp_path / "long.wav", 16_000, [speech(600)])
    with (
        pytest.raises(OutputNotWritable),
        SoundWriter(recording, tmp_path / "sound.mp4"),
    ):
        raise OutputNotWritable("the pictures failed")
    assert [path.name for path in tmp_path.iterdir()] == ["long.wav"]


def test_memory_does_not_grow_with_the_film(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (100, 96, 96, 3), np.uint8)
    part, out = segment(tmp_path / "part.mp4", noise, FPS), tmp_path / "a.mp4"
    with SoundWriter(spoken(tmp_path, 100), tmp_path / "sound.mp4") as voice:
        voice.wait()
    join([part] * 2, tmp_path / "sound.mp4", out, FPS, frames=200)
    before = psutil.Process().memory_info().rss
    join([part] * 40, tmp_path / "sound.mp4", out, FPS, frames=4_000)
    assert psutil.Process().memory_info().rss - before < out.stat().st_size / 10


def test_no_seam_is_brighter_or_darker(tmp_path: Path) -> None:
    frames = np.full((60, 48, 64, 3), 128, np.uint8)
    out = film(tmp_path / "a.mp4", frames, FPS, spoken(tmp_path, 60), cuts=(20, 40))
    means = frame_statistics(out).mean
    assert means.max() - means.min() < 0.5
