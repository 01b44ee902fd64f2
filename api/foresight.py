"""How far a running video is, of the whole, and how long it still takes.

A video is a row of stages of very different lengths. What each takes is learnt from finished
videos, as seconds for each second of speech; a stage that is done counts with its whole share,
also where it was found in the cache and took no time, so that nothing is extrapolated from the
clock.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean, median

from api.quotes import OVERHEAD_S, size_factor
from models.contracts import VideoResult

RENDERING = "render-clip"
WORDS = {  # Prefect's names of tasks, in their order, and what people are told
    "check-portrait": "Checking the portrait",
    "write-script": "Writing the script",
    "make-speech": "Speaking",
    "follow-mouth": "Following the mouth",
    RENDERING: "Rendering",
    "check-quality": "Checking the quality",
    "draw-pictures": "Drawing pictures",
    "sign-video": "Signing",
    "publish": "Delivering",
}
LAST = ("check-quality", "draw-pictures", "publish")  # timed together; signing takes no time
STARTING = "Starting"


@dataclass(frozen=True)
class Told:
    """What a run says of itself: its tasks, and the frames that are rendered."""

    doing: frozenset[str] = frozenset()
    done: frozenset[str] = frozenset()
    rendered: float = 0.0  # 0..1

    @classmethod
    def of(cls, tasks: Mapping[str, str], rendered: float) -> "Told":
        """By the state of each task that there is; what stands before one that runs is done.

        The server hears of tasks a second or two later than of frames.
        """
        doing = {name for name, state in tasks.items() if state == "RUNNING"}
        done = {name for name, state in tasks.items() if state == "COMPLETED"}
        order = list(WORDS)
        begun = max((order.index(name) for name in (doing | done) & WORDS.keys()), default=0)
        if rendered and begun < order.index(RENDERING):
            doing, begun = {RENDERING}, order.index(RENDERING)
        done |= {name for name in order[:begun] if name not in doing and name not in LAST}
        return cls(frozenset(doing), frozenset(done), rendered)

    @property
    def stage(self) -> str:
        """Of those that run side by side the earlier one."""
        return next((WORDS[name] for name in WORDS if name in self.doing), STARTING)


@dataclass(frozen=True)
class Pace:
    """What stages take; the defaults hold until videos have been finished."""

    portrait_s: float = 0.2  # a video
    speech: float = 0.03  # seconds for a second of speech
    mouth: float = 0.04
    render: float = 0.25  # of 512 x 512
    last_s: float = OVERHEAD_S  # a video

    def stages(self, speech_s: float, size: float) -> dict[str, float]:
        """Seconds of each stage of one video; `size` is its frame against 512 x 512."""
        last = dict.fromkeys(LAST, self.last_s / len(LAST))
        return {
            "check-portrait": self.portrait_s,
            "make-speech": self.speech * speech_s,
            "follow-mouth": self.mouth * speech_s,
            RENDERING: self.render * speech_s * size,
            **last,
        }


@dataclass(frozen=True)
class Made:
    """A finished video, and the seconds from its start to its end."""

    result: VideoResult
    took_s: float


def pace_of(videos: Sequence[Made]) -> Pace:
    """Of finished videos. A stage's time is that of its making, whichever video it was made for."""
    speech = sum(one.result.duration_s for one in videos)
    if not speech:
        return Pace()
    frames = sum(one.result.duration_s * size_of(one.result) for one in videos)
    pace = Pace(
        portrait_s=fmean(_seconds(one.result, "portrait") for one in videos),
        speech=_sum(videos, "speech") / speech,
        mouth=_sum(videos, "mouth") / speech,
        render=_sum(videos, "prepare", "render", "join") / frames,
    )
    beside = [one.took_s - sum(one.result.timings_s.values()) for one in videos]
    uncached = [seconds for seconds in beside if seconds > 0]
    return replace(pace, last_s=median(uncached)) if uncached else pace


def size_of(result: VideoResult) -> float:
    return size_factor(result.width, result.height)


def ahead(shares: Mapping[str, float], told: Told) -> tuple[float, float]:
    """Percent of the whole that is done, and the seconds that are left."""
    whole = sum(shares.values()) or 1.0
    done = sum(seconds for name, seconds in shares.items() if name in told.done)
    if RENDERING not in told.done:
        done += shares[RENDERING] * told.rendered
    return 100 * done / whole, whole - done


def _sum(videos: Sequence[Made], *stages: str) -> float:
    return sum(_seconds(one.result, stage) for one in videos for stage in stages)


def _seconds(result: VideoResult, stage: str) -> float:
    return result.timings_s.get(stage, 0.0)
