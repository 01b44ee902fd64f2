"""What crosses a process border: requests, reports and results, frozen and closed.

An input is the path of a file on the machine that runs the flow, or `store:KEY`.

Speech is a plain union, not a discriminated one, because Prefect's form turns a plain union
into tabs and a discriminated one into a raw JSON editor.
"""

from enum import StrEnum
from fractions import Fraction
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

MAX_IMAGE_BYTES = 10 * 1024 * 1024
MAX_AUDIO_BYTES = 50 * 1024 * 1024
MAX_SPEECH_S = 30 * 60.0
MAX_SCRIPT_CHARS = 40_000
LOWEST_RESOLUTION = 256
LOWER_RESOLUTION = "Where memory is short: 256 pixels rather than no video."
MAX_LABEL_CHARS = 40
LABELS_MEET = "would meet captions in the picture: use top-left or top-right"
MIN_FACE_PX = 120
MAX_FACE_TURN_DEG = 45.0


def _no_null_bytes(value: str) -> str:
    if "\0" in value:
        raise ValueError("take the null bytes out of it")
    return value


Text = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1), AfterValidator(_no_null_bytes)
]
HexColour = Annotated[str, StringConstraints(pattern=r"^#[0-9a-fA-F]{6}$")]
KeyPrefix = Annotated[
    str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]*(/[a-z0-9][a-z0-9._-]*)*$")
]


class Contract(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


# ---------------------------------------------------------------------------------------- request


class PortraitSource(Contract):
    """The picture that is to speak."""

    image: Text = Field(
        description="A JPEG, PNG, WebP or HEIC picture of at most 10 MB: a path, or store:KEY."
    )
    face_index: int | None = Field(
        default=None, ge=0, description="Which face speaks, largest first. Empty: the largest."
    )


class RecordedSpeech(Contract):
    """Speak with this recording."""

    model_config = ConfigDict(title="Recording")  # the tab of Prefect's form
    audio: Text = Field(
        description="A recording of at most 50 MB and 30 minutes: a path, or store:KEY."
    )
    transcript: str | None = Field(
        default=None,
        max_length=MAX_SCRIPT_CHARS,
        description="What is said, if known: lips and captions become exact.",
    )
    language: str = Field(default="en-us", description="Language of the transcript.")
    normalise_loudness: bool = Field(default=False, description="Bring it to -16 LUFS.")


class ScriptSpeech(Contract):
    """Speak this text."""

    model_config = ConfigDict(title="Script")
    script: Text = Field(max_length=MAX_SCRIPT_CHARS, description="The words to say.")
    voice: str = Field(default="en-us", description="A name from `avatar voices`.")
    rate: float = Field(default=1.0, ge=0.5, le=2.0, description="Speaking rate, 1 = normal.")
    pitch: float = Field(default=1.0, ge=0.5, le=1.5, description="Pitch, 1 = the voice's own.")


class TopicSpeech(Contract):
    """Write a script on this topic, then speak it."""

    model_config = ConfigDict(title="Topic")
    topic: Text = Field(max_length=2_000, description="What the video is about.")
    duration_s: float = Field(default=30.0, ge=5, le=600, description="Length aimed at, seconds.")
    language: str = Field(default="English", description="Language to write in.")
    tone: str = Field(default="friendly", description="Tone to write in.")
    voice: str = Field(default="en-us", description="A name from `avatar voices`.")


Speech = ScriptSpeech | RecordedSpeech | TopicSpeech  # the form opens with the first


class Aspect(StrEnum):
    SQUARE = "1:1"
    PORTRAIT = "9:16"
    LANDSCAPE = "16:9"


class FrameRate(StrEnum):
    FILM = "24"
    PAL = "25"
    WEB = "30"
    NTSC = "29.97"

    @property
    def rational(self) -> Fraction:
        """Frames a second, exact: NTSC is 30000/1001."""
        return Fraction(30_000, 1001) if self is FrameRate.NTSC else Fraction(int(self.value))


class Captions(StrEnum):
    NONE = "none"
    SIDECAR = "sidecar"
    BURNED = "burned"


class Encoder(StrEnum):
    """Of an MP4's pictures. All segments of a video are of one: files of two cannot be joined."""

    X264 = "x264"
    NVENC = "nvenc"  # of an NVIDIA card that has one: an A100 or H100 has none


class BackgroundKind(StrEnum):
    ORIGINAL = "original"
    BLUR = "blur"
    COLOUR = "colour"
    PICTURE = "picture"
    TRANSPARENT = "transparent"


class Background(Contract):
    kind: BackgroundKind = BackgroundKind.ORIGINAL
    colour: HexColour | None = Field(default=None, description="For kind colour: #rrggbb.")
    picture: Text | None = Field(default=None, description="For kind picture: a path.")

    @model_validator(mode="after")
    def _kind_has_its_value(self) -> Self:
        for kind, value in (("colour", self.colour), ("picture", self.picture)):
            if (self.kind == kind) != (value is not None):
                raise ValueError(
                    f"background.{kind} goes with background.kind={kind!r}, and only with it"
                )
        return self


class LabelPosition(StrEnum):
    TOP_LEFT = "top-left"
    TOP_RIGHT = "top-right"
    BOTTOM_LEFT = "bottom-left"
    BOTTOM_RIGHT = "bottom-right"


class Label(Contract):
    """Words that stand in the picture throughout, such as that it was made by a machine."""

    text: Text = Field(max_length=MAX_LABEL_CHARS, description="Such as: AI-generated")
    position: LabelPosition = LabelPosition.TOP_LEFT


class Look(Contract):
    """How the video looks."""

    resolution: Literal[256, 512, 720, 1080] = Field(default=512, description="Short side, pixels.")
    lower_resolution: bool = Field(default=False, description=LOWER_RESOLUTION)
    aspect: Aspect = Aspect.SQUARE
    fps: FrameRate = Field(default=FrameRate.PAL, title="Frames a second")
    background: Background = Background()
    captions: Captions = Captions.SIDECAR
    label: Label | None = Field(default=None, description="Words that all of it shows.")
    head_motion: float = Field(default=1.0, ge=0, le=1.5, description="0 still, 1 natural.")
    expressiveness: float = Field(default=1.0, ge=0.5, le=1.5, description="Mouth and brows.")
    seed: int = Field(default=0, ge=0, lt=2**31, description="Same seed, same motion.")

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels, both even."""
        long = round(self.resolution * 16 / 9 / 2) * 2
        sizes = {
            Aspect.SQUARE: (self.resolution, self.resolution),
            Aspect.PORTRAIT: (self.resolution, long),
            Aspect.LANDSCAPE: (long, self.resolution),
        }
        return sizes[self.aspect]

    @model_validator(mode="after")
    def _label_keeps_clear_of_captions(self) -> Self:
        if self.label and labels_meet(self.captions, self.label.position):
            raise ValueError(f"label.position {self.label.position.value!r} {LABELS_MEET}")
        return self

    @property
    def transparent(self) -> bool:
        return self.background.kind is BackgroundKind.TRANSPARENT


def labels_meet(captions: Captions, position: LabelPosition) -> bool:
    low = (LabelPosition.BOTTOM_LEFT, LabelPosition.BOTTOM_RIGHT)
    return captions is Captions.BURNED and position in low


class Delivery(Contract):
    """Where the video goes."""

    output: Text | None = Field(
        default=None, description="File to write (.mp4, or .webm if transparent). Empty: the store."
    )
    key_prefix: KeyPrefix | None = Field(
        default=None, description="Instead of a file: keep all of it in the store, under this."
    )
    contact_sheet: bool = Field(default=True, description="Also a PNG of sample frames.")

    @model_validator(mode="after")
    def _goes_to_one_place(self) -> Self:
        if self.output is not None and self.key_prefix is not None:
            raise ValueError("output and key_prefix are both there: give one of them")
        return self


class VideoRequest(Contract):
    portrait: PortraitSource
    speech: Speech
    look: Look = Look()
    renderer: str = Field(default="auto", description="auto, or the name of a renderer.")
    commercial: bool = Field(
        default=False, description="Refuse renderers whose licence or weights are for research."
    )
    delivery: Delivery = Delivery()

    @field_validator("renderer")
    @classmethod
    def _renderer_is_a_name(cls, value: str) -> str:
        if not value.replace("-", "").replace("_", "").isalnum():
            raise ValueError(f"renderer {value!r} is no name: use auto or mesh")
        return value


# ------------------------------------------------------------------------------- preflight reports


class FaceReport(Contract):
    """One face, in pixels of the upright picture and degrees."""

    index: int
    box: tuple[float, float, float, float]  # left, top, right, bottom: hair to chin
    confidence: float
    height_px: float
    yaw_deg: float
    pitch_deg: float
    roll_deg: float
    sharpness: float
    eyes: Literal["open", "half", "closed"]
    mouth: Literal["closed", "open", "smiling with teeth"]
    warnings: tuple[str, ...] = ()


class PortraitReport(Contract):
    width: int
    height: int
    faces: tuple[FaceReport, ...]
    chosen: int
    warnings: tuple[str, ...] = ()


class RecordingReport(Contract):
    duration_s: float
    sample_rate_hz: int
    channels: int
    loudness_lufs: float | None
    peak_dbfs: float
    warnings: tuple[str, ...] = ()


class PreflightRequest(Contract):
    """A picture, a recording or both, looked at before anything is made of them."""

    portrait: PortraitSource | None = None
    recording: Text | None = Field(default=None, description="Path of a recording.")
    key_prefix: KeyPrefix | None = Field(
        default=None, description="Keep the report in the store, as report.json under this."
    )

    @model_validator(mode="after")
    def _asks_for_something(self) -> Self:
        if self.portrait is None and self.recording is None:
            raise ValueError("give a portrait, a recording or both")
        return self


class Failure(Contract):
    """Why something did not work out."""

    code: str
    message: str
    retryable: bool = False


class PreflightReport(Contract):
    """What was found, also of what is refused, and the reason for a refusal."""

    portrait: PortraitReport | None = None
    portrait_refused: Failure | None = None
    recording: RecordingReport | None = None
    recording_refused: Failure | None = None

    @property
    def ok(self) -> bool:
        return self.portrait_refused is None and self.recording_refused is None


# ----------------------------------------------------------------------------------------- results


class Check(Contract):
    """One measured property of the finished video, against its bar."""

    name: str
    value: float
    bar: str
    passed: bool
    measured: bool = True  # False: this video cannot show it, `detail` says why
    detail: str = ""


class QualityReport(Contract):
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        return all(check.passed for check in self.checks)

    def failures(self) -> tuple[Check, ...]:
        return tuple(check for check in self.checks if not check.passed)


class Usage(Contract):
    """What work took, in the units that cost money."""

    cpu_s: float = 0.0  # of one core
    gpu_s: float = 0.0  # of one card
    prompt_tokens: int = 0
    completion_tokens: int = 0
    speech_chars: int = 0  # spoken by a synthesiser
    stored_bytes: int = 0

    def __add__(self, more: "Usage") -> "Usage":
        return Usage(**{name: getattr(self, name) + value for name, value in more})


class Item(Contract):
    """A line of a receipt."""

    name: str
    quantity: float
    unit: str
    rate: float  # for one unit
    amount: float


class Receipt(Contract):
    """What a video took and what that cost us; what a cache already had costs nothing."""

    currency: str = "USD"
    items: tuple[Item, ...] = ()
    usage: Usage = Usage()

    @property
    def total(self) -> float:
        return sum(item.amount for item in self.items)


class VideoResult(Contract):
    video: str
    captions_srt: str | None
    captions_vtt: str | None
    thumbnail: str
    contact_sheet: str | None
    manifest: str
    width: int
    height: int
    fps: FrameRate
    frames: int
    duration_s: float
    renderer: str
    quality: QualityReport
    warnings: tuple[str, ...] = ()
    timings_s: dict[str, float] = {}
    receipt: Receipt | None = None
    consent: str = ""  # sha256 of the record that it was made under
