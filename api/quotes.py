"""What a video is going to need: a pure function of the request, the queue and measured speed."""

import re
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from api.contracts import MICROS, Look, Recording, Script, Topic
from models import contracts as flow

WORDS_PER_MINUTE = 160  # espeak-ng's normal pace
CHARACTERS_PER_WORD = 2.2  # where a script writes no spaces
PAUSE_S = 0.4  # after a sentence
BYTES_PER_SECOND = 16_000  # of a compressed recording: 128 kbit/s
PIXELS = 512 * 512  # what the measured speed is of
UNMEASURED_RENDER_S = 0.35  # of work for a second of speech, until videos have been finished
OVERHEAD_S = 2.0  # a video's fixed part: checking, marking, storing

WORD = re.compile(r"\w+")
UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\u0e00-\u0eff]")
SENTENCE_END = re.compile(r"[.!?…。！？]+(\s|$)")


@dataclass(frozen=True)
class RecordingSize:
    """What is known of an uploaded recording."""

    size: int  # bytes
    duration_s: float | None


@dataclass(frozen=True)
class Speed:
    """What finished videos took, brought to 512 x 512."""

    work_s: float = UNMEASURED_RENDER_S  # for a second of speech
    videos: int = 0


@dataclass(frozen=True)
class Queue:
    """What stands before a new video, in seconds of speech, and who works on it."""

    ahead_s: float = 0.0
    slots: int = 1


@dataclass(frozen=True)
class Prices:
    per_minute: Decimal
    per_video: Decimal


@dataclass(frozen=True)
class Estimate:
    speech_s: float
    exact: bool
    render_s: float
    queue_s: float
    price: int  # millionths

    @property
    def eta_s(self) -> float:
        return self.queue_s + self.render_s


def estimate(
    speech: Recording | Script | Topic,
    look: Look,
    recording: RecordingSize | None,
    speed: Speed,
    queue: Queue,
    prices: Prices,
) -> Estimate:
    seconds, exact = speech_seconds(speech, recording)
    work = speed.work_s * size_factor(*flow.Look(**look.model_dump(exclude={"background"})).size)
    return Estimate(
        speech_s=round(seconds, 2),
        exact=exact,
        render_s=round(OVERHEAD_S + seconds * work, 2),
        queue_s=round(queue.ahead_s * speed.work_s / max(1, queue.slots), 2),
        price=price_of(seconds, prices),
    )


def speech_seconds(
    speech: Recording | Script | Topic, recording: RecordingSize | None
) -> tuple[float, bool]:
    """Seconds, and whether they are known and not estimated."""
    if isinstance(speech, Topic):
        return speech.duration_s, False
    if isinstance(speech, Script):
        pauses = len(SENTENCE_END.findall(speech.script)) * PAUSE_S
        return (_words(speech.script) * 60 / WORDS_PER_MINUTE + pauses) / speech.rate, False
    if recording is None:
        return 0.0, False
    if recording.duration_s is not None:
        return recording.duration_s, True
    return recording.size / BYTES_PER_SECOND, False


def price_of(seconds: float, prices: Prices) -> int:
    """Millionths of the currency for a video of that length."""
    exact = prices.per_video + prices.per_minute * Decimal(str(seconds)) / 60
    return int((exact * MICROS).to_integral_value(ROUND_HALF_UP))


def _words(text: str) -> float:
    unspaced = len(UNSPACED.findall(text))
    return len(WORD.findall(UNSPACED.sub(" ", text))) + unspaced / CHARACTERS_PER_WORD


def size_factor(width: int, height: int) -> float:
    """Work for a frame of that size, against one of 512 x 512."""
    return max(0.5, width * height / PIXELS)
