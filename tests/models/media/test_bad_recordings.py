import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from models.errors import (
    AudioTooLarge,
    AudioTooLong,
    AvatarError,
    ClippedAudio,
    DiskFull,
    EmptyAudio,
    InvalidSamples,
    NoAudioTrack,
    OutputNotWritable,
    SilentAudio,
    UnreadableAudio,
)
from models.media.recording import load_recording
from tests.models.media.limits import files_of_at_most
from tests.models.media.sounds import pcm, riff, speech, write, write_av, write_video

Make = Callable[[Path], Path]


def holding(name: str, content: bytes) -> Make:
    def make(folder: Path) -> Path:
        (folder / name).write_bytes(content)
        return folder / name

    return make


def sounding(sound: np.ndarray, name: str = "a.wav", subtype: str | None = None) -> Make:
    return lambda folder: write(folder / name, sound.astype(np.float32), subtype=subtype)


def noise_bytes(count: int) -> bytes:
    return np.random.default_rng(0).bytes(count)


def with_value(value: float) -> np.ndarray:
    sound = speech(2.0)
    sound[20_000] = value
    return sound


def a_pipe(folder: Path) -> Path:
    os.mkfifo(folder / "pipe.wav")
    return folder / "pipe.wav"


def a_picture(folder: Path) -> Path:
    Image.new("RGB", (64, 64)).save(folder / "picture.png")
    return (folder / "picture.png").rename(folder / "picture.mp3")


def a_playlist(folder: Path) -> Path:
    write(folder / "secret.wav", speech())
    (folder / "a.m3u8").write_text("#EXTM3U\n#EXTINF:2,\nsecret.wav\n#EXT-X-ENDLIST\n")
    return folder / "a.m3u8"


def a_concat_list(folder: Path) -> Path:
    write(folder / "secret.wav", speech())
    (folder / "a.mp3").write_text("ffconcat version 1.0\nfile 'secret.wav'\n")
    return folder / "a.mp3"


def three_hours(folder: Path) -> Path:
    """Silence, so that it is small; the header says how long it is."""
    with soundfile.SoundFile(folder / "long.flac", "w", 8_000, 1) as file:
        for _ in range(18):
            file.write(np.zeros(8_000 * 600, np.int16))
    return folder / "long.flac"


def half_an_hour_and_a_bit(folder: Path) -> Path:
    """Without a length in its header, so that only decoding finds out."""
    part = write_av(folder / "part.mp3", speech(60, 8_000)[None], 8_000, "libmp3lame")
    (folder / "long.mp3").write_bytes(part.read_bytes() * 31)
    return folder / "long.mp3"


BAD: dict[str, tuple[Make, type[AvatarError], str]] = {
    "missing": (lambda folder: folder / "none.wav", UnreadableAudio, "no file"),
    "folder": (lambda folder: folder, UnreadableAudio, "folder"),
    "pipe": (a_pipe, UnreadableAudio, "pipe"),
    "device": (lambda _: Path("/dev/zero"), UnreadableAudio, "device"),
    "empty": (holding("a.wav", b""), EmptyAudio, "0 bytes"),
    "text": (holding("a.mp3", b"This is not sound.\n" * 500), UnreadableAudio, "no recording"),
    "random bytes": (holding("a.bin", noise_bytes(100_000)), UnreadableAudio, "no recording"),
    "random mp3": (holding("a.mp3", noise_bytes(100_000)), UnreadableAudio, "read"),
    "picture": (a_picture, UnreadableAudio, "no recording"),
    "playlist": (a_playlist, UnreadableAudio, "no recording"),
    "concat list": (a_concat_list, UnreadableAudio, "no recording"),
    "half a header": (holding("a.wav", riff(b"")[:30]), UnreadableAudio, "no recording"),
    "0 samples": (holding("a.wav", riff(b"")), EmptyAudio, "0 samples"),
    "0 Hz": (holding("a.wav", riff(pcm(speech()), rate_hz=0)), UnreadableAudio, "no recording"),
    "1 GHz": (holding("a.wav", riff(pcm(speech()), rate_hz=10**9)), UnreadableAudio, "8 to 96"),
    "4 kHz": (holding("a.wav", riff(pcm(speech()), rate_hz=4_000)), UnreadableAudio, "8 to 96"),
    "0 channels": (
        holding("a.wav", riff(pcm(speech()), channels=0)),
        UnreadableAudio,
        "no recording",
    ),
    "64 channels": (
        holding("a.wav", riff(pcm(speech()), channels=64)),
        UnreadableAudio,
        "64 channels",
    ),
    "no sound track": (
        lambda folder: write_video(folder / "a.mp4", None),
        NoAudioTrack,
        "no sound track",
    ),
    "not a number": (sounding(with_value(np.nan), subtype="FLOAT"), InvalidSamples, "at 1."),
    "infinite": (sounding(with_value(np.inf), subtype="FLOAT"), InvalidSamples, "not numbers"),
    "silent": (sounding(np.zeros(32_000)), SilentAudio, "silent"),
    "nearly silent": (sounding(speech(2.0, level=0.002)), SilentAudio, "dBFS"),
    "direct current": (sounding(np.full(32_000, 0.4)), SilentAudio, "silent"),
    "clipped": (sounding(np.clip(speech(2.0, level=12.0), -1, 1)), ClippedAudio, "clipped in"),
    "three hours": (three_hours, AudioTooLong, "180 minutes"),
    "long, says nothing": (half_an_hour_and_a_bit, AudioTooLong, "30 minutes"),
}


@pytest.mark.parametrize(("make", "error", "said"), BAD.values(), ids=BAD)
def test_a_bad_recording_is_refused_and_leaves_nothing(
    tmp_path: Path, make: Make, error: type[AvatarError], said: str
) -> None:
    source = make(tmp_path)
    out = tmp_path / "out"
    with pytest.raises(error, match=said) as caught:
        load_recording(source, out / "speech.wav", normalise_loudness=True)
    assert type(caught.value) is error
    assert not out.exists() or not list(out.iterdir())


def test_a_file_over_the_limit_is_refused_unopened(tmp_path: Path) -> None:
    source = write(tmp_path / "a.wav", speech())
    with pytest.raises(AudioTooLarge, match=r"0\.1 MB.*0 MB"):
        load_recording(source, tmp_path / "out.wav", max_bytes=1_000)


def test_a_length_in_the_header_is_enough_to_refuse(tmp_path: Path) -> None:
    """The sound itself is cut off, so nothing but the header can tell."""
    source = three_hours(tmp_path)
    source.write_bytes(source.read_bytes()[:20_000])
    with pytest.raises(AudioTooLong):
        load_recording(source, tmp_path / "out.wav")


def test_an_older_result_survives_a_bad_recording(tmp_path: Path) -> None:
    (tmp_path / "out.wav").write_bytes(b"older")
    with pytest.raises(SilentAudio):
        load_recording(sounding(np.zeros(32_000))(tmp_path), tmp_path / "out.wav")
    assert (tmp_path / "out.wav").read_bytes() == b"older"


@pytest.mark.parametrize("normalise", [False, True])
def test_no_room_is_said(tmp_path: Path, normalise: bool) -> None:
    source = write(tmp_path / "a.flac", speech(20.0))
    with files_of_at_most(150_000), pytest.raises(DiskFull, match=r"speech\.wav"):
        load_recording(source, tmp_path / "out" / "speech.wav", normalise_loudness=normalise)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_folder_that_cannot_be_is_said(tmp_path: Path) -> None:
    source = write(tmp_path / "a.wav", speech())
    with pytest.raises(OutputNotWritable, match=r"a\.wav/out\.wav"):
        load_recording(source, source / "out.wav")
