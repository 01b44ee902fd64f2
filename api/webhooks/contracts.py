"""Webhooks as callers see them."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from api.contracts import Resource, Short, Url, YesOrNo
from api.webhooks.schedule import DELAYS

EventType = Literal[
    "video.running",
    "video.done",
    "video.failed",
    "video.cancelled",
    "batch.finished",
    "budget.warning",
    "budget.reached",
    "webhook.test",
]
DeliveryStatus = Literal["pending", "delivered", "dead"]
Events = Annotated[
    tuple[EventType, ...],
    Field(max_length=20, description="Only these. Empty: all.", examples=[["video.done"]]),
]
MOST_ATTEMPTS = len(DELAYS) + 1


class NewWebhook(Resource):
    url: Url
    events: Events = ()
    description: Short = ""
    enabled: YesOrNo = True


class WebhookChange(Resource):
    """What is left out stays as it is."""

    url: Url | None = None
    events: Events | None = None
    description: Short | None = None
    enabled: YesOrNo | None = Field(
        default=None, description="false: what waits is given up. true: it counts as sound again."
    )


class WebhookResource(Resource):
    id: str = Field(examples=["whk_" + "0" * 32])
    url: str
    events: tuple[EventType, ...]
    description: str
    enabled: bool
    disabled_reason: str | None = Field(default=None, description="Why we stopped calling it.")
    failing_since: datetime | None = Field(default=None, description="No success since then.")
    secret: str | None = Field(
        default=None,
        description="What its messages are signed with. Told once, by create and rotate.",
    )
    previous_secret_until: datetime | None = Field(
        default=None, description="So long messages carry the signature of the secret before, too."
    )
    created_at: datetime


class WebhookPage(Resource):
    data: tuple[WebhookResource, ...]
    next_cursor: str | None = None


class CallbackSecretResource(Resource):
    """What messages to a video's `callback_url` are signed with."""

    secret: str = Field(examples=["whsec_" + "A" * 32])
    previous_secret_until: datetime | None = None


class Attempt(Resource):
    at: datetime
    status: int | None = Field(description="What it answered. null: it did not.")
    latency_ms: int
    excerpt: str | None = Field(description="Of the answer, its beginning.")
    error: str | None = Field(description="Why there was no answer.")


class DeliveryResource(Resource):
    id: str = Field(examples=["dlv_" + "0" * 32])
    event: str = Field(description="The message's webhook-id.")
    type: EventType
    webhook: str | None = Field(default=None, description="null: the video's callback_url.")
    video: str | None = None
    url: str
    status: DeliveryStatus = Field(description=f"dead: {MOST_ATTEMPTS} attempts failed.")
    attempts: int = Field(description="Since it was made, or replayed.")
    next_attempt_at: datetime | None = None
    latest: tuple[Attempt, ...] = Field(description="Attempts, the last one last, at most 20.")
    created_at: datetime
    delivered_at: datetime | None = None


class DeliveryPage(Resource):
    data: tuple[DeliveryResource, ...]
    next_cursor: str | None = None
