"""The sound of any audio or video file, block by block, with FFmpeg's errors in our words."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

import av
import numpy as np
from av import AudioFrame, AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer

from models.arrays import F32
from models.contracts import MAX_SPEECH_S
from models.errors import AudioTooLong, EmptyAudio, InvalidSamples, NoAudioTrack, UnreadableAudio
from models.media.wav import rechunked, riff_duration_s

BLOCK_S = 0.5
MIN_RATE_HZ, MAX_RATE_HZ = 8_000, 192_000
MAX_CHANNELS = 8
MAX_DAMAGED_SHARE = 0.1

# Recordings only: playlists (hls, concat, sdp ...) would make FFmpeg open what they name, and its
# text and picture readers accept almost any file.
CONTAINERS = (
    "wav,w64,mp3,flac,ogg,aac,mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,aiff,au,caf,amr,amrnb,amrwb,"
    "asf,avi,flv,mpeg,mpegts,wv,ape,tta,tak,ac3,eac3,dts,truehd,mlp,loas,voc,rm,mxf,nut,oma,gsm,"
    "qcp,mpc,mpc8,shn,sln,dsf,ircam,nistsphere,sox,avr,adx,ast,lc3,iamf,swf,wtv,gxf,dv"
)
# Their length is guessed from the first frames' bit rate, which silence at the start fools.
WITHOUT_LENGTH = frozenset(
    {"aac", "ac3", "adx", "amr", "amrnb", "amrwb", "dts", "eac3", "gsm", "loas", "mlp", "mp3"}
    | {"mpeg", "mpegts", "truehd"}
)


class Sound:
    """The first sound track of a file, being read."""

    def __init__(
        self, container: InputContainer, stream: AudioStream, name: str, claimed_s: float
    ) -> None:
        self._container, self._stream, self._name = container, stream, name
        self.claimed_s = claimed_s  # by the header; 0: it does not say
        self.packets = self.damaged = 0
        self._frames = self._decode()
        first = next(self._frames, None)
        if first is None:
            raise self._nothing()
        self._frames = chain([first], self._frames)
        # the decoded frame knows better than the header: HE-AAC doubles its rate, for one
        self.sample_rate_hz = first.sample_rate
        self._layout = first.layout
        self.channel_names = tuple(channel.name for channel in first.layout.channels)
        self._check_shape()

    def blocks(self) -> Iterator[F32]:
        """(C, N) of BLOCK_S each, the last one shorter; -1..1, beyond it where the file is.

        Raises UnreadableAudio, InvalidSamples, AudioTooLong.
        """
        yield from rechunked(self._samples(), round(BLOCK_S * self.sample_rate_hz))
        if self.damaged > MAX_DAMAGED_SHARE * self.packets:
            raise UnreadableAudio(
                f"{self._name} is damaged ({self.damaged} of {self.packets} pieces): "
                "export it again"
            )

    def _samples(self) -> Iterator[F32]:
        # packed, because PyAV reads beyond the end of planar frames of 8 channels
        packed = AudioResampler(format="flt", layout=self._layout, rate=self.sample_rate_hz)
        read = 0
        for frame in self._frames:
            self._check_unchanged(frame)
            for part in packed.resample(frame):
                samples = np.asarray(part.to_ndarray(), np.float32)
                self._check_numbers(samples, read)
                read += part.samples
                if read > MAX_SPEECH_S * self.sample_rate_hz:
                    raise too_long(self._name)
                yield samples.reshape(-1, len(self.channel_names)).T

    def _decode(self) -> Iterator[AudioFrame]:
        for packet in self._container.demux(self._stream):
            self.packets += 1
            try:
                yield from packet.decode()
            except av.InvalidDataError:  # counted, and judged at the end
                self.damaged += 1

    def _nothing(self) -> UnreadableAudio | EmptyAudio:
        if self.damaged:
            return UnreadableAudio(f"{self._name} holds no sound that can be read: export it again")
        return EmptyAudio(f"{self._name} holds no sound: its track has 0 samples")

    def _check_shape(self) -> None:
        if not MIN_RATE_HZ <= self.sample_rate_hz <= MAX_RATE_HZ:
            raise UnreadableAudio(
                f"{self._name} is sampled at {self.sample_rate_hz} Hz: use 8 to 96 kHz"
            )
        if len(self.channel_names) > MAX_CHANNELS:
            raise UnreadableAudio(
                f"{self._name} has {len(self.channel_names)} channels: use at most {MAX_CHANNELS}"
            )

    def _check_unchanged(self, frame: AudioFrame) -> None:
        if (frame.sample_rate, frame.layout.name) != (self.sample_rate_hz, self._layout.name):
            raise UnreadableAudio(
                f"{self._name} changes its rate or channels midway: export it again"
            )

    def _check_numbers(self, samples: F32, read: int) -> None:
        if not np.isfinite(samples).all():
            raise InvalidSamples(
                f"{self._name} holds values that are not numbers, at "
                f"{read / self.sample_rate_hz:.1f} s: export it again"
            )


@contextmanager
def opened_sound(path: Path) -> Iterator[Sound]:
    """The first sound track of `path`.

    Raises UnreadableAudio (also for damage found in the block), NoAudioTrack, EmptyAudio, and
    AudioTooLong where the header already says so.
    """
    try:
        # "file:" keeps FFmpeg from reading a protocol into a name with a colon
        with av.open(f"file:{path}", options={"format_whitelist": CONTAINERS}) as container:
            if not container.streams.audio:
                raise NoAudioTrack(f"{path.name} has no sound track: choose a file with speech")
            stream = container.streams.audio[0]
            yield Sound(container, stream, path.name, _claimed_s(container, stream, path))
    except av.FFmpegError as error:
        raise UnreadableAudio(
            f"{path.name} is no recording that can be read: "
            "use a WAV, MP3, M4A, FLAC, OGG or video file"
        ) from error


def _claimed_s(container: InputContainer, stream: AudioStream, path: Path) -> float:
    if container.format.name in WITHOUT_LENGTH:
        return 0.0
    claimed_s = float((stream.duration or 0) * (stream.time_base or 0))
    if claimed_s > MAX_SPEECH_S:
        raise too_long(path.name, claimed_s)
    # FFmpeg silently holds a WAV's claim to what the file has room for
    return max(claimed_s, riff_duration_s(path))


def too_long(name: str, claimed_s: float | None = None) -> AudioTooLong:
    limit = f"{MAX_SPEECH_S / 60:.0f} minutes"
    length = f"{claimed_s / 60:.0f} minutes, more" if claimed_s else "longer"
    return AudioTooLong(f"{name} lasts {length} than the {limit} allowed: cut it into parts")
