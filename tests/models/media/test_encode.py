import threading
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import psutil
import pytest
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc
from hypothesis import given
from hypothesis import strategies as st
from skimage import data

from models.arrays import U8
from models.contracts import FrameRate
from models.errors import DiskFull, EncodeFailed, OutputNotWritable
from models.media.encode import VideoWriter, frame_count
from models.media.join import Tags
from models.media.probe import frame_statistics, probe, sample_frames
from models.media.wav import write_recording
from models.media.waveform import Recording
from tests.models.media.boxes import boxes, edits, timescale, tracks
from tests.models.media.films import film
from tests.models.media.limits import files_of_at_most
from tests.models.media.sounds import speech

SIDE = 64
RATES = [rate.rational for rate in FrameRate]


def spoken(folder: Path, seconds: float = 2.0, rate_hz: int = 22_050) -> Recording:
    return write_recording(folder / "speech.wav", rate_hz, [speech(seconds, rate_hz)])


def greys(count: int, channels: int = 3, side: int = SIDE) -> U8:
    """(F, side, side, C) frames, each a little lighter."""
    levels = np.linspace(40, 200, count).astype(np.uint8)
    return np.broadcast_to(levels[:, None, None, None], (count, side, side, channels)).copy()


def encode(
    folder: Path, recording: Recording, fps: Fraction = Fraction(25), alpha: bool = False
) -> Path:
    out = folder / ("out.webm" if alpha else "out.mp4")
    frames = frame_count(recording.duration_s, fps)
    return film(out, greys(frames, 4 if alpha else 3), fps, recording)


def hidden(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("fps", RATES, ids=str)
@pytest.mark.parametrize("seconds", [0.01, 0.5, 1.99, 3.34])
def test_there_are_as_many_frames_as_the_sound_is_long(
    tmp_path: Path, fps: Fraction, seconds: float
) -> None:
    recording = spoken(tmp_path, seconds)
    facts = probe(encode(tmp_path, recording, fps))
    assert facts.frames == max(1, round(recording.duration_s * fps))
    assert facts.fps == fps
    assert facts.duration_s == pytest.approx(float(facts.frames / fps), abs=1e-3)
    assert facts.sound is not None
    assert facts.sound.duration_s == pytest.approx(recording.duration_s, abs=1e-3)


@given(duration_s=st.floats(0, 1_800), fps=st.sampled_from(RATES))
def test_the_picture_is_never_half_a_frame_longer_or_shorter(
    duration_s: float, fps: Fraction
) -> None:
    frames = frame_count(duration_s, fps)
    assert frames == 1 or abs(frames / fps - Fraction(duration_s)) <= Fraction(501, 1_000) / fps


@pytest.mark.parametrize("fps", RATES, ids=str)
@pytest.mark.parametrize("rate_hz", [8_000, 22_050, 44_100, 48_000])
def test_a_flash_and_a_click_come_together(tmp_path: Path, fps: Fraction, rate_hz: int) -> None:
    sound = np.zeros(rate_hz * 3, np.float32)
    frames = frame_count(3.0, fps)
    flash = frames // 2
    click = round(float(flash / fps) * rate_hz)
    sound[click : click + rate_hz // 50] = 0.8 * np.sin(np.arange(rate_hz // 50) / 3)
    recording = write_recording(tmp_path / "click.wav", rate_hz, [sound])
    pictures = np.full((frames, SIDE, SIDE, 3), 20, np.uint8)
    pictures[flash] = 240
    out = film(tmp_path / "out.mp4", pictures, fps, recording, cuts=(flash // 2,))
    seen = int(np.argmax(frame_statistics(out).mean))
    heard = probe(out).sound
    assert heard is not None
    assert heard.first_sound_s is not None
    assert seen == flash
    assert heard.first_sound_s == pytest.approx(float(seen / fps), abs=0.005)


@pytest.mark.parametrize("fps", RATES, ids=str)
def test_edit_lists_skip_what_encoders_put_in_front(tmp_path: Path, fps: Fraction) -> None:
    recording = spoken(tmp_path)
    found = tracks(encode(tmp_path, recording, fps))
    (sound,), (pictures,) = edits(found[b"soun"]), edits(found[b"vide"])
    assert (sound.media_time, sound.rate) == (1_024, 1.0)  # AAC's priming
    # two reordered frames wait for their display; the edit takes that delay off again
    first_shown = Fraction(pictures.media_time, timescale(found[b"vide"])) * fps
    assert first_shown in {0, 1, 2}
    assert pictures.rate == 1.0
    assert sound.duration == pytest.approx(2_000, abs=1)


def test_every_frame_has_its_exact_time(tmp_path: Path) -> None:
    fps = Fraction(30_000, 1001)
    with av.open(str(encode(tmp_path, spoken(tmp_path), fps))) as container:
        times = [(frame.pts or 0) * (frame.time_base or 0) for frame in container.decode(video=0)]
    assert times == [index / fps for index in range(60)]


def test_the_index_stands_in_front(tmp_path: Path) -> None:
    names = [name for name, _ in boxes(encode(tmp_path, spoken(tmp_path)).read_bytes())]
    assert names.index(b"moov") < names.index(b"mdat")


def test_the_timescale_depends_on_the_rate_alone(tmp_path: Path) -> None:
    for fps, scale in zip(RATES, (24_000, 25_000, 30_000, 30_000), strict=True):
        assert timescale(tracks(encode(tmp_path, spoken(tmp_path), fps))[b"vide"]) == scale


def test_sound_and_picture_alternate_in_the_file(tmp_path: Path) -> None:
    out = encode(tmp_path, spoken(tmp_path, 20.0))
    with av.open(str(out)) as container:
        kinds = [packet.stream.type for packet in container.demux() if packet.size]
    longest, run = 0, 0
    for kind, before in zip(kinds, ["", *kinds[:-1]], strict=True):
        run = run + 1 if kind == before else 1
        longest = max(longest, run)
    assert longest < 60  # a second and a bit of either


def test_colours_survive(tmp_path: Path) -> None:
    swatches = np.array(
        [
            *([0, 0, 0], [255, 255, 255], [128, 128, 128], [255, 0, 0], [0, 255, 0]),
            *([0, 0, 255], [224, 172, 105], [141, 85, 36], [255, 219, 172], [60, 20, 90]),
        ],
        np.uint8,
    )
    picture = np.repeat(np.repeat(swatches[None], 64, 0), 32, 1)  # (64, 320, 3)
    out = tmp_path / "out.mp4"
    with VideoWriter(out, (320, 64), Fraction(25), frames=10) as writer:
        writer.write(np.repeat(picture[None], 10, 0))
    ((_, decoded),) = sample_frames(out, [9])
    middles = decoded[32, 16::32].astype(int)
    assert np.abs(middles - swatches).max() <= 4


def test_a_photograph_survives(tmp_path: Path) -> None:
    photo = np.asarray(data.astronaut())  # type: ignore[no-untyped-call]
    out = tmp_path / "out.mp4"
    with VideoWriter(out, (512, 512), Fraction(25), frames=10) as writer:
        writer.write(np.repeat(photo[None], 10, 0))
    ((_, decoded),) = sample_frames(out, [5])
    error = (decoded.astype(float) - photo) ** 2
    assert 10 * np.log10(255**2 / error.mean()) > 34  # chroma is halved: 35.4 without encoding


def test_the_stream_says_how_its_colours_are_meant(tmp_path: Path) -> None:
    with av.open(str(encode(tmp_path, spoken(tmp_path)))) as container:
        codec = container.streams.video[0].codec_context
        assert (codec.colorspace, codec.color_range) == (Colorspace.ITU709, ColorRange.MPEG)
        assert (codec.color_primaries, codec.color_trc) == (ColorPrimaries.BT709, ColorTrc.BT709)


def test_transparency_survives(tmp_path: Path) -> None:
    frames = greys(10, 4)
    frames[:, :, : SIDE // 2, 3] = 0
    frames[:, :, SIDE // 2 :, 3] = 255
    out = tmp_path / "out.webm"
    with VideoWriter(out, (SIDE, SIDE), Fraction(25), frames=10, alpha=True) as writer:
        writer.write(frames)
    decoder = av.CodecContext.create("libvpx-vp9", "r")  # FFmpeg's own ignores alpha
    with av.open(str(out)) as container:
        decoded = [frame for packet in container.demux(video=0) for frame in decoder.decode(packet)]
    assert len(decoded) == 10
    alpha = np.asarray(decoded[5].reformat(format="rgba").to_ndarray())[..., 3]
    assert alpha[:, : SIDE // 2 - 4].max() < 10
    assert alpha[:, SIDE // 2 + 4 :].min() > 245


def test_a_transparent_video_is_in_step_too(tmp_path: Path) -> None:
    recording = spoken(tmp_path, 2.0)
    facts = probe(encode(tmp_path, recording, alpha=True))
    assert facts.sound is not None
    assert (facts.frames, facts.alpha, facts.start_s) == (50, True, 0.0)
    assert facts.sound.duration_s == pytest.approx(2.0, abs=0.02)
    assert facts.sound.start_s == pytest.approx(0.0, abs=0.01)


def test_tags_are_written(tmp_path: Path) -> None:
    recording, out = spoken(tmp_path, 0.4), tmp_path / "out.mp4"
    tags = Tags("A title", "A comment", datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC))
    film(out, greys(10), Fraction(25), recording, tags=tags)
    with av.open(str(out)) as container:
        assert container.metadata["title"] == "A title"
        assert container.metadata["comment"] == "A comment"
        assert container.metadata["creation_time"].startswith("2026-03-04T05:06:07")


def test_equal_input_gives_equal_bytes_whatever_the_batches(tmp_path: Path) -> None:
    frames = greys(50)
    for name, batch in (("one", 50), ("two", 7)):
        with VideoWriter(tmp_path / f"{name}.mp4", (SIDE, SIDE), Fraction(25), frames=50) as writer:
            for first in range(0, 50, batch):
                writer.write(frames[first : first + batch])
    assert (tmp_path / "one.mp4").read_bytes() == (tmp_path / "two.mp4").read_bytes()


def test_a_batch_may_be_reused_at_once(tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    batch = np.zeros((1, SIDE, SIDE, 3), np.uint8)
    with VideoWriter(out, (SIDE, SIDE), Fraction(25), frames=50) as writer:
        for level in range(50):
            batch[:] = 60 + 3 * level
            writer.write(batch)
    assert np.all(np.diff(frame_statistics(out).mean) > 0)


def test_frames_do_not_pile_up_before_a_slow_encoder(tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    noise = np.random.default_rng(0).integers(0, 255, (50, 384, 384, 3), np.uint8)
    with VideoWriter(out, (384, 384), Fraction(25), frames=250) as writer:
        writer.write(noise)
        before = psutil.Process().memory_info().rss
        for _ in range(4):
            writer.write(noise)
        grown = psutil.Process().memory_info().rss - before
    assert grown < 25e6  # 200 frames are 44 MB even as I420


def test_until_it_is_whole_there_is_no_video(tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    with VideoWriter(out, (SIDE, SIDE), Fraction(25), frames=50) as writer:
        writer.write(greys(50))
        assert not out.exists()
    assert out.exists()
    assert hidden(tmp_path) == []


@pytest.mark.parametrize("written", [0, 1, 49])
def test_too_few_frames_leave_nothing(tmp_path: Path, written: int) -> None:
    out = tmp_path / "sub" / "out.mp4"
    with (
        pytest.raises(EncodeFailed, match=f"{written} of 50 frames"),
        VideoWriter(out, (SIDE, SIDE), Fraction(25), frames=50) as writer,
    ):
        writer.write(greys(50)[:written])
    assert list(out.parent.iterdir()) == []


def test_too_many_frames_are_refused(tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    with (
        pytest.raises(EncodeFailed, match="more than the 50 frames"),
        VideoWriter(out, (SIDE, SIDE), Fraction(25), frames=50) as writer,
    ):
        writer.write(greys(51))
    assert not out.exists()


@pytest.mark.parametrize("shape", [(1, SIDE, SIDE, 4), (1, SIDE, 32, 3), (SIDE, SIDE, 3)])
def test_frames_of_another_shape_are_refused(tmp_path: Path, shape: tuple[int, ...]) -> None:
    out = tmp_path / "out.mp4"
    with (
        pytest.raises(EncodeFailed, match="do not fit"),
        VideoWriter(out, (SIDE, SIDE), Fraction(25), frames=50) as writer,
    ):
        writer.write(np.zeros(shape, np.uint8))
    assert not out.exists()


def test_odd_sizes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(EncodeFailed, match="63x64"):
        VideoWriter(tmp_path / "a.mp4", (63, 64), Fraction(25), frames=50)


def test_a_failing_renderer_leaves_nothing_and_no_thread(tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"

    def render() -> None:
        with VideoWriter(out, (SIDE, SIDE), Fraction(25), frames=50) as writer:
            writer.write(greys(30))
            raise OSError("the renderer's own trouble")

    with pytest.raises(OSError, match="own trouble"):
        render()
    assert not out.exists()
    assert hidden(tmp_path) == []
    assert "encoder" not in {thread.name for thread in threading.enumerate()}


def test_an_older_video_survives_a_failure(tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    out.write_bytes(b"older")
    with (
        pytest.raises(EncodeFailed),
        VideoWriter(out, (SIDE, SIDE), Fraction(25), frames=50),
    ):
        pass
    assert out.read_bytes() == b"older"


def test_no_room_is_said_and_nothing_left(tmp_path: Path) -> None:
    out = tmp_path / "sub" / "out.mp4"
    noise = np.random.default_rng(0).integers(0, 255, (50, SIDE, SIDE, 3), np.uint8)
    with (
        files_of_at_most(40_000),
        pytest.raises(DiskFull, match=r"no room left for out\.mp4"),
        VideoWriter(out, (SIDE, SIDE), Fraction(25), frames=50) as writer,
    ):
        writer.write(noise)
    assert list(out.parent.iterdir()) == []


def test_a_full_disk_stops_a_long_rendering_early(tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    noise = np.random.default_rng(0).integers(0, 255, (10, SIDE, SIDE, 3), np.uint8)
    rendered: list[int] = []

    def render() -> None:
        with VideoWriter(out, (SIDE, SIDE), Fraction(25), frames=1_500) as writer:
            for first in range(0, 1_500, 10):
                writer.write(noise)
                rendered.append(first)

    with files_of_at_most(40_000), pytest.raises(DiskFull):
        render()
    assert len(rendered) < 50


def test_an_impossible_place_is_refused_before_any_frame(tmp_path: Path) -> None:
    occupied = spoken(tmp_path).path
    with (
        pytest.raises(OutputNotWritable, match="not a folder"),
        VideoWriter(occupied / "out.mp4", (SIDE, SIDE), Fraction(25), frames=50),
    ):
        pytest.fail("the block must not start")
