"""The resources of /v1 as callers see them: closed, frozen, with examples."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)
from pydantic.config import JsonDict

from models.contracts import (
    LOWER_RESOLUTION,
    MAX_LABEL_CHARS,
    MAX_SCRIPT_CHARS,
    Aspect,
    BackgroundKind,
    Captions,
    Failure,
    FrameRate,
    HexColour,
    Item,
    LabelPosition,
    PortraitReport,
    QualityReport,
    RecordingReport,
)

MICROS = 1_000_000
Status = Literal["queued", "running", "done", "failed", "cancelled"]
STATUSES: tuple[Status, ...] = ("queued", "running", "done", "failed", "cancelled")
Priority = Literal["high", "default", "batch"]
MOST_LABELS, MOST_IN_BATCH = 20, 100


def storable(value: str) -> str:
    if "\0" in value:
        raise ValueError("take the null bytes out of it")
    return value


Number = Annotated[float, Field(strict=True)]  # no text, no truth: what the document says
Whole = Annotated[int, Field(strict=True)]
YesOrNo = Annotated[bool, Field(strict=True)]
Short = Annotated[str, StringConstraints(max_length=500), AfterValidator(storable)]
Title = Annotated[str, StringConstraints(max_length=128), AfterValidator(storable)]
Name = Annotated[
    str,
    StringConstraints(min_length=1, max_length=64, pattern=r"^[\w .:/+-]+$"),
    AfterValidator(storable),
]
LabelName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,40}$")]
Labels = Annotated[dict[LabelName, Short], Field(max_length=MOST_LABELS)]
UploadId = Annotated[
    str, StringConstraints(pattern=r"^upl_[0-9a-f]{32}$"), Field(examples=["upl_" + "0" * 32])
]
Url = Annotated[
    str,
    StringConstraints(min_length=1, max_length=2_048),
    Field(examples=["https://example.com/file"]),
]
Words = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_SCRIPT_CHARS),
    AfterValidator(storable),
]


class Resource(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


# ---------------------------------------------------------------------------------------- requests


class FromFile(Resource):
    """A file: either an upload, or the address that it is fetched from."""

    upload: UploadId | None = Field(default=None, description="An upload.")
    url: Url | None = Field(
        default=None,
        description="https://… It is fetched after the video is accepted, which fails where the "
        "file does not come or would not do as an upload.",
    )

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.upload is None) == (self.url is None):
            raise ValueError("it names no file, or two: give either an upload or a url")
        return self


class Portrait(FromFile):
    face_index: Whole | None = Field(
        default=None,
        ge=0,
        le=99,
        description="Which face speaks, 0 the largest. Empty: the largest.",
    )


class Recording(FromFile):
    """Speak with this recording."""

    type: Literal["recording"]
    transcript: Words | None = Field(default=None, description="What is said, if known.")
    language: Name = "en-us"
    normalise_loudness: YesOrNo = False


class Script(Resource):
    """Speak this text."""

    type: Literal["script"]
    script: Words = Field(description="The words to say.", examples=["Welcome to the team!"])
    voice: Name = Field(default="en-us", description="A name from /v1/voices.")
    rate: Number = Field(default=1.0, ge=0.5, le=2.0)
    pitch: Number = Field(default=1.0, ge=0.5, le=1.5)


class Topic(Resource):
    """Write a script on this topic, then speak it."""

    type: Literal["topic"]
    topic: Annotated[Words, StringConstraints(max_length=2_000)]
    duration_s: Number = Field(default=30.0, ge=5, le=600)
    language: Name = "English"
    tone: Name = "friendly"
    voice: Name = "en-us"


Speech = Annotated[Recording | Script | Topic, Field(discriminator="type")]


class Background(Resource):
    kind: BackgroundKind = BackgroundKind.ORIGINAL
    colour: HexColour | None = Field(default=None, description="For kind colour: #rrggbb.")
    upload: UploadId | None = Field(default=None, description="For kind picture.")
    url: Url | None = Field(default=None, description="For kind picture, instead of an upload.")


class Label(Resource):
    """Words that stand in the picture throughout, such as that it was made by a machine."""

    text: Annotated[Words, StringConstraints(max_length=MAX_LABEL_CHARS)] = Field(
        examples=["AI-generated"]
    )
    position: LabelPosition = LabelPosition.TOP_LEFT


Resolution = Literal[256, 512, 720, 1080]


class Look(Resource):
    """How the video looks."""

    resolution: Resolution = Field(default=512, description="Short side, pixels.")
    lower_resolution: bool = Field(default=False, description=LOWER_RESOLUTION)
    aspect: Aspect = Aspect.SQUARE
    fps: FrameRate = FrameRate.PAL
    background: Background = Background()
    captions: Captions = Captions.SIDECAR
    label: Label | None = Field(default=None, description="Words that all of it shows.")
    head_motion: Number = Field(default=1.0, ge=0, le=1.5)
    expressiveness: Number = Field(default=1.0, ge=0.5, le=1.5)
    seed: Whole = Field(default=0, ge=0, lt=2**31)


EXAMPLE: JsonDict = {
    "portrait": {"upload": "upl_" + "0" * 32},
    "speech": {"type": "script", "script": "Welcome to the team!", "voice": "en-us"},
    "look": {"resolution": 512, "aspect": "9:16"},
    "metadata": {"order": "1234"},
}


HeaderName = Annotated[
    str,
    StringConstraints(
        pattern=r"^(content-type|content-disposition|cache-control|x-(amz|goog|ms)-[a-z0-9-]{1,60})$"
    ),
]
HeaderValue = Annotated[
    str, StringConstraints(strip_whitespace=True, pattern=r"^[\x20-\x7e]+$", max_length=1_000)
]


class Destination(Resource):
    """Your own storage."""

    url: Url = Field(
        description="A presigned address that takes a PUT, or s3://bucket/prefix where the "
        "operator allows it. Shown without its query."
    )
    headers: dict[HeaderName, HeaderValue] = Field(
        default={}, max_length=20, description="To send with the PUT, such as x-ms-blob-type."
    )


class DestinationState(Resource):
    url: str
    status: Literal["waiting", "delivered", "failed"]
    attempts: int = 0
    error: str | None = None
    delivered_at: datetime | None = None


class NewVideo(Resource):
    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    portrait: Portrait
    speech: Speech
    look: Look = Look()
    renderer: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,40}$")] = "auto"
    commercial: bool = Field(
        default=False, description="Refuse renderers whose licence is for research only."
    )
    priority: Priority = Field(default="default", description="Which queue it waits in.")
    metadata: Labels = Field(default={}, description="Yours; returned and in every event.")
    max_price: Decimal | None = Field(
        default=None, ge=0, le=1_000_000, description="Refuse it where the quote is higher."
    )
    destination: Destination | None = Field(
        default=None, description="Where to send the finished video, beside keeping it here."
    )
    callback_url: Url | None = Field(
        default=None,
        description="Told of this video like a webhook; signed with the secret of "
        "/v1/callback-secret.",
    )


class NewQuote(Resource):
    """What a video would cost: the same body as a video, the portrait may be left out."""

    portrait: Portrait | None = None
    speech: Speech
    look: Look = Look()
    renderer: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,40}$")] = "auto"
    priority: Priority = "default"


class NewPreflight(Resource):
    portrait: Portrait
    recording: UploadId | None = Field(default=None, description="An uploaded recording.")


class Table(Resource):
    """Rows, with the columns that a template names."""

    format: Literal["csv", "jsonl"]
    content: str = Field(max_length=4 * MICROS, description="The file, as text; 500 rows at most.")


class NewBatch(Resource):
    """Either videos, or a table and a template: a video with {{column}} where a cell belongs."""

    name: Title = Field(default="", description="Yours.")
    videos: tuple[NewVideo, ...] = Field(default=(), max_length=MOST_IN_BATCH)
    table: Table | None = None
    template: dict[str, Any] | None = Field(
        default=None,
        description="A field that is one {{column}} alone is left out where its cell is empty.",
        examples=[{**EXAMPLE, "speech": {"type": "script", "script": "Hello {{name}}!"}}],
    )

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        tabular = (self.table is not None, self.template is not None)
        if tabular not in ((True, True), (False, False)) or bool(self.videos) == all(tabular):
            raise ValueError("give either videos, or a table and a template")
        return self


# --------------------------------------------------------------------------------------- resources


class UploadResource(Resource):
    id: UploadId
    status: Literal["ready", "pending"] = "ready"
    kind: Literal["image", "audio"]
    media_type: str
    size: int = Field(description="Bytes.")
    sha256: str | None
    width: int | None = None
    height: int | None = None
    duration_s: float | None = Field(
        default=None, description="Of a recording; a compressed one's is known after a preflight."
    )
    created_at: datetime


class Money(Resource):
    amount: Decimal
    currency: str

    @classmethod
    def of(cls, micros: int, currency: str) -> Self:
        return cls(amount=Decimal(micros) / MICROS, currency=currency)


class Quote(Resource):
    """What a video is going to need, said before it is made."""

    speech_s: float = Field(description="Length of the speech, seconds.")
    exact: bool = Field(description="False: the length is estimated from words or from bytes.")
    render_s: float = Field(description="Seconds of a renderer, by what finished videos took.")
    queue_s: float = Field(description="Seconds of waiting, as the queue stands.")
    eta_s: float = Field(description="Waiting and rendering.")
    price: Money
    measured_on: int = Field(description="Finished videos that the speed is taken from.")


class Files(Resource):
    """Links that hold for a day; every GET makes new ones."""

    video: str
    captions_srt: str | None = None
    captions_vtt: str | None = None
    thumbnail: str | None = None
    contact_sheet: str | None = None
    manifest: str | None = None


class Receipt(Resource):
    price: Money = Field(description="What you are charged.")
    video_s: float
    render_s: float
    stages_s: dict[str, float] = Field(description="Seconds of each stage.")
    items: tuple[Item, ...] = Field(default=(), description="What it took, and what that cost us.")
    cost: Money | None = Field(default=None, description="All items together.")


class BudgetState(Resource):
    """Of the events budget.warning, at 80 %, and budget.reached."""

    key: str
    month: str = Field(examples=["2026-11"])
    level: int = Field(description="Percent of the budget that was reached.")
    spent: Money
    budget: Money
    hard_stop: bool = Field(description="What would exceed it is refused.")


class MadeVideo(Resource):
    """Facts of a finished video."""

    duration_s: float
    width: int
    height: int
    fps: str
    frames: int
    renderer: str
    quality: QualityReport
    warnings: tuple[str, ...] = ()


class VideoResource(Resource):
    id: str = Field(examples=["vid_" + "0" * 32])
    status: Status
    stage: str | None = Field(default=None, description="What is being done.")
    percent: float = Field(description="Of the whole, 0 to 100.")
    queue_position: int | None = Field(
        default=None, description="1: next. Far back it may be a few places old."
    )
    eta_s: float | None = Field(default=None, description="Seconds until it is done, about.")
    cancel_requested: bool = False
    request: dict[str, Any] = Field(description="As it was asked for.")
    metadata: dict[str, str]
    batch: str | None = None
    request_id: str | None = Field(default=None, description="X-Request-ID that it came with.")
    trace_id: str = Field(description="Of its trace, where the operator has videos traced.")
    destination: DestinationState | None = None
    quoted: Money
    files: Files | None = None
    download: str | None = Field(
        default=None, description="The video once more, as a link that browsers save."
    )
    links_expire_at: datetime | None = None
    result: MadeVideo | None = None
    receipt: Receipt | None = None
    error: Failure | None = None
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None


class VideoPage(Resource):
    data: tuple[VideoResource, ...]
    next_cursor: str | None = Field(default=None, description="For the page after this one.")


class UploadPage(Resource):
    data: tuple[UploadResource, ...]
    next_cursor: str | None = None


class PreflightResource(Resource):
    id: str
    status: Literal["running", "done", "failed"]
    portrait: PortraitReport | None = Field(default=None, description="The faces, with boxes.")
    portrait_refused: Failure | None = Field(default=None, description="Why it would not do.")
    recording: RecordingReport | None = None
    recording_refused: Failure | None = None
    error: Failure | None = Field(default=None, description="Where it could not be looked at.")
    created_at: datetime


class BatchResource(Resource):
    id: str
    name: str
    status: Literal["open", "finished"]
    videos: int
    counts: dict[Status, int]
    created_at: datetime


class BatchPage(Resource):
    data: tuple[BatchResource, ...]
    next_cursor: str | None = None


class VoiceResource(Resource):
    name: str
    language: str
    gender: str
    description: str


class VoiceList(Resource):
    data: tuple[VoiceResource, ...]


class RendererResource(Resource):
    name: str
    version: str
    licence: str = Field(description="Of its code.")
    commercial_use: bool = Field(description="Where it needs weights, their licence decides.")
    weights: str | None = Field(description="The weights that the operator must have installed.")
    resolutions: tuple[Resolution, ...]


class RendererList(Resource):
    data: tuple[RendererResource, ...]


class UsageLine(Resource):
    day: str = Field(examples=["2026-11-24"])
    key: str
    videos: int
    done: int
    failed: int
    video_s: float
    render_s: float
    price: Money


class UsageList(Resource):
    data: tuple[UsageLine, ...]
    month_total: Money
    monthly_budget: Money | None = None
