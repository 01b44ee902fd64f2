from pathlib import Path

import numpy as np
import psutil
import pytest
import soundfile

from models.media.recording import blocks, load_recording, read_analysis
from models.media.waveform import Recording
from tests.models.media.sounds import pcm, riff, speech, write, write_av, write_video


def written(recording: Recording) -> tuple[np.ndarray, int]:
    sound, rate_hz = soundfile.read(recording.path, dtype="float32")
    assert len(sound) == recording.samples
    assert rate_hz == recording.sample_rate_hz
    return sound, rate_hz


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_every_rate_and_layout_becomes_mono_wav(
    tmp_path: Path, rate_hz: int, channels: int
) -> None:
    sound = np.tile(speech(2.0, rate_hz), (channels, 1))
    source = write(tmp_path / "in.wav", sound, rate_hz)
    recording, report = load_recording(source, tmp_path / "out" / "speech.wav")
    heard, out_hz = written(recording)
    assert out_hz == min(rate_hz, 48_000)
    assert (report.sample_rate_hz, report.channels) == (rate_hz, channels)
    assert recording.duration_s == pytest.approx(2.0, abs=1 / out_hz)
    assert np.abs(heard).max() == pytest.approx(0.3, rel=0.08)


@pytest.mark.parametrize(
    ("name", "codec", "container"),
    [
        ("a.mp3", "libmp3lame", ""),
        ("a.m4a", "aac", "mp4"),
        ("a.ogg", "libopus", ""),
        ("a.flac", "flac", ""),
        ("a.webm", "libopus", "webm"),
        ("a.mov", "alac", "mov"),
        ("a.aac", "aac", "adts"),
    ],
)
def test_compressed_sound_is_read(tmp_path: Path, name: str, codec: str, container: str) -> None:
    sound = speech(2.0, 48_000)
    stereo = np.stack([sound, sound])
    source = write_av(tmp_path / name, stereo, 48_000, codec, "stereo", container)
    recording, _ = load_recording(source, tmp_path / "out.wav")
    heard, _ = written(recording)
    assert recording.duration_s == pytest.approx(2.0, abs=0.06)
    lag = int(np.argmax(np.correlate(heard[:20_000], sound[:16_000], "valid")))
    match = np.corrcoef(heard[lag : lag + 16_000], sound[:16_000])[0, 1]
    assert match > 0.98


def test_the_sound_of_a_video_is_read(tmp_path: Path) -> None:
    source = write_video(tmp_path / "clip.mp4", speech(2.0))
    recording, report = load_recording(source, tmp_path / "out.wav")
    assert recording.duration_s == pytest.approx(2.0, abs=0.07)
    assert report.peak_dbfs == pytest.approx(-10.5, abs=1)


def test_a_name_without_suffix_and_with_a_colon_is_only_a_name(tmp_path: Path) -> None:
    source = write(tmp_path / "a.wav", speech()).rename(tmp_path / "http:take one")
    assert load_recording(source, tmp_path / "out.wav")[0].samples == 32_000


def test_resampling_keeps_a_tone_clean(tmp_path: Path) -> None:
    time = np.arange(96_000 * 2) / 96_000
    tone = 0.5 * np.sin(2 * np.pi * 1_000 * time) + 0.3 * np.sin(2 * np.pi * 30_000 * time)
    source = write(tmp_path / "a.wav", tone.astype(np.float32), 96_000, "FLOAT")
    heard, _ = written(load_recording(source, tmp_path / "out.wav")[0])
    spectrum = np.abs(np.fft.rfft(heard[4_800:-4_800] * np.hanning(len(heard) - 9_600)))
    peak = int(np.argmax(spectrum))
    others = np.delete(spectrum, range(peak - 4, peak + 5))
    assert 20 * np.log10(others.max() / spectrum[peak]) < -85  # 30 kHz may not fold down to 18 kHz


def test_loudness_is_brought_to_the_target_below_the_ceiling(tmp_path: Path) -> None:
    source = write(tmp_path / "a.wav", speech(5.0, 48_000, level=0.05), 48_000)
    _, plain = load_recording(source, tmp_path / "plain.wav")
    _, loud = load_recording(source, tmp_path / "loud.wav", normalise_loudness=True)
    assert plain.loudness_lufs is not None
    assert plain.loudness_lufs < -25
    assert loud.loudness_lufs == pytest.approx(-16, abs=1)
    assert loud.peak_dbfs <= -1.0


def test_nothing_else_is_left_in_the_output_folder(tmp_path: Path) -> None:
    source = write(tmp_path / "a.wav", speech())
    load_recording(source, tmp_path / "out" / "speech.wav", normalise_loudness=True)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["speech.wav"]


def test_the_same_file_gives_the_same_bytes(tmp_path: Path) -> None:
    source = write(tmp_path / "a.wav", np.stack([speech(3, 44_100), speech(3, 44_100)]), 44_100)
    for name in ("one.wav", "two.wav"):
        load_recording(source, tmp_path / name)
    assert (tmp_path / "one.wav").read_bytes() == (tmp_path / "two.wav").read_bytes()


def test_a_clean_recording_has_no_warnings(tmp_path: Path) -> None:
    source = write(tmp_path / "a.wav", speech(3.0, 48_000), 48_000)
    assert load_recording(source, tmp_path / "out.wav")[1].warnings == ()


def silence(seconds: float) -> np.ndarray:
    return np.zeros(round(seconds * 16_000), np.float32)


def telephone() -> np.ndarray:
    spectrum = np.fft.rfft(speech(3.0))
    spectrum[np.fft.rfftfreq(48_000, 1 / 16_000) > 3_800] = 0
    return np.fft.irfft(spectrum).astype(np.float32)


WORTH_A_WARNING = {
    "quiet": (speech(3.0, level=0.008), "quiet"),
    "noise": (speech(3.0) + np.random.default_rng(1).normal(0, 0.03, 48_000), "noise"),
    "late": (np.concatenate([silence(2.5), speech(3.0)]), "first 2.5 s are silent"),
    "telephone": (telephone(), "telephone"),
    "clipped": (np.clip(speech(3.0, level=1.5), -1, 1), "clipped"),
}


@pytest.mark.parametrize(("sound", "said"), WORTH_A_WARNING.values(), ids=WORTH_A_WARNING)
def test_what_makes_lips_worse_is_said(tmp_path: Path, sound: np.ndarray, said: str) -> None:
    source = write(tmp_path / "a.wav", sound.astype(np.float32))
    warnings = load_recording(source, tmp_path / "out.wav")[1].warnings
    assert any(said in warning for warning in warnings)


def test_a_header_that_promises_more_is_not_believed(tmp_path: Path) -> None:
    source = tmp_path / "lie.wav"
    source.write_bytes(riff(pcm(speech(2.0)), claimed=4_000_000_000))
    recording, report = load_recording(source, tmp_path / "out.wav")
    assert recording.samples == 32_000
    assert any("promises" in warning for warning in report.warnings)


@pytest.mark.parametrize("claimed", [0, 0xFFFF_FFFF])
def test_a_streamed_header_is_no_lie(tmp_path: Path, claimed: int) -> None:
    source = tmp_path / "stream.wav"
    source.write_bytes(riff(pcm(speech(2.0)), claimed=claimed))
    recording, report = load_recording(source, tmp_path / "out.wav")
    assert recording.samples == 32_000
    assert report.warnings == ()


def test_a_file_cut_off_is_used_as_far_as_it_goes(tmp_path: Path) -> None:
    whole = write_av(tmp_path / "a.flac", speech(10.0)[None], 16_000, "flac")
    cut = tmp_path / "cut.flac"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    recording, report = load_recording(cut, tmp_path / "out.wav")
    assert 2 < recording.duration_s < 8
    assert any("promises 10 s" in warning for warning in report.warnings)


def test_reading_takes_no_memory_that_grows_with_the_length(tmp_path: Path) -> None:
    sound = np.tile(speech(10.0, 48_000), (2, 1))
    with soundfile.SoundFile(tmp_path / "long.flac", "w", 48_000, 2) as file:
        for _ in range(30):
            file.write(sound.T)
    load_recording(write(tmp_path / "a.wav", speech()), tmp_path / "warm.wav")
    before = psutil.Process().memory_info().rss
    load_recording(tmp_path / "long.flac", tmp_path / "out.wav")
    grown = psutil.Process().memory_info().rss - before
    assert grown < 40e6  # the decoded file is 115 MB


def test_the_analysis_copy_is_16_khz_and_in_step(tmp_path: Path) -> None:
    sound = speech(2.0, 44_100)
    recording, _ = load_recording(write(tmp_path / "a.wav", sound, 44_100), tmp_path / "out.wav")
    heard = read_analysis(recording)
    assert (heard.sample_rate_hz, len(heard.samples)) == (16_000, 32_000)
    positions = np.arange(32_000) * 44_100 / 16_000
    expected = np.interp(positions, np.arange(len(sound)), sound)
    assert np.corrcoef(heard.samples, expected)[0, 1] > 0.99


def test_blocks_are_as_long_as_asked_for(tmp_path: Path) -> None:
    recording, _ = load_recording(write(tmp_path / "a.wav", speech(2.0)), tmp_path / "out.wav")
    assert [len(block) for block in blocks(recording, 0.75)] == [12_000, 12_000, 8_000]
