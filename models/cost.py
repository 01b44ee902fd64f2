"""What a video costs: a table of prices, a measured speed, and a month's work."""

from pydantic import Field

from models.contracts import Contract
from models.errors import InvalidRequest
from models.manifest import Manifest
from models.prices import HOURS_A_MONTH, Fleet, Machine, Prices


class Speed(Contract):
    """Seconds of video that are made in one second, on one machine's place for a video."""

    ratio: float = Field(gt=0)
    source: str
    device: str | None = None  # of the measurement: cpu or cuda; None: not known


SEEN = Speed(
    ratio=3.5,
    source="make bench on two cores: ten seconds of video took 2.9 s with the quality gate",
    device="cpu",
)


class Load(Contract):
    """A month's work."""

    videos: int = Field(ge=1)
    seconds: float = Field(gt=0)  # of each
    speed: float = Field(gt=0)  # seconds of video made in one second, as measured
    utilisation: float = Field(gt=0, le=1)  # part of the paid time that is used
    spot: float = Field(ge=0, le=1)  # part of the time on spot machines
    warm: int = Field(default=0, ge=0)  # machines that are paid whether anybody comes or not
    megabytes: float = Field(default=0, ge=0)  # of a minute of video
    kept_months: float = Field(default=1, ge=0)
    downloads: float = Field(default=1, ge=0)  # of each video

    @property
    def minutes(self) -> float:
        return self.videos * self.seconds / 60

    @property
    def gigabytes(self) -> float:
        return self.minutes * self.megabytes / 1000


class Estimate(Contract):
    """USD of a month."""

    machine: str
    processor: str
    hour: float  # of one video's place
    hours: float  # of such places, paid for
    places: float  # all month long, on average
    rendering: float
    storage: float
    traffic: float
    fleet: float  # gateway, database, cache, balancer and NAT of a size

    @property
    def month(self) -> float:
        return self.rendering + self.storage + self.traffic + self.fleet

    def shared(self, load: Load) -> dict[str, float]:
        """By video and by minute: of rendering alone, and of all."""
        return {
            "per_video": self.month / load.videos,
            "per_minute": self.month / load.minutes,
            "rendering_per_video": self.rendering / load.videos,
            "rendering_per_minute": self.rendering / load.minutes,
        }


def estimate(machine: Machine, load: Load, prices: Prices, fleet: Fleet | None = None) -> Estimate:
    """Workers are paid while they render and while they wait; a fleet's warm ones always."""
    hour = machine.hour(load.spot)
    needed = load.videos * load.seconds / (load.speed * load.utilisation) / 3600
    hours = max(needed, load.warm * HOURS_A_MONTH * machine.side_by_side)
    leaving = max(load.gigabytes * load.downloads - prices.egress_free_gb, 0)
    return Estimate(
        machine=machine.name,
        processor=machine.processor,
        hour=hour,
        hours=hours,
        places=hours / HOURS_A_MONTH,
        rendering=hour * hours,
        storage=load.gigabytes * load.kept_months * prices.storage_gb_month,
        traffic=leaving * prices.egress_gb,
        fleet=prices.beside_workers(fleet) if fleet else 0.0,
    )


def used(fleet: Fleet, videos: int, seconds: float, speed: float) -> float:
    """Part of the paid time that the fleet renders in, 0..1, where its workers come and go."""
    busy = videos * seconds / speed / 3600
    return busy / (busy + fleet.waiting(videos).idle_hours)


def speed_of(manifest: Manifest) -> Speed:
    """As one video was made, by the stages that its manifest tells of."""
    seconds = sum(manifest.timings_s.values())
    if not seconds:
        raise InvalidRequest("the manifest tells no stage's time: name a video that was not cached")
    stages = ", ".join(name for name, taken in manifest.timings_s.items() if taken)
    shown = manifest.frames / float(manifest.request.look.fps.rational)
    return Speed(ratio=shown / seconds, source=f"one video's stages: {stages}")


def break_even(hosted_per_minute: float, fixed: float, rendering_per_minute: float) -> float | None:
    """Minutes a month from which the fleet is cheaper; None where it never is."""
    saved = hosted_per_minute - rendering_per_minute
    return fixed / saved if saved > 0 else None
