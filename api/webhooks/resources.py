"""From the rows of webhooks to what callers see."""

from api.clock import now
from api.webhooks.contracts import Attempt, DeliveryResource, WebhookResource
from api.webhooks.tables import Delivery, Endpoint

FIELDS = ("id", "url", "events", "description", "enabled", "disabled_reason", "failing_since")


def webhook_resource(row: Endpoint, secret: str | None = None) -> WebhookResource:
    overlaps = row.previous_until is not None and now() < row.previous_until
    return WebhookResource.model_validate(
        {
            **{name: getattr(row, name) for name in FIELDS},
            "secret": secret,
            "previous_secret_until": row.previous_until if overlaps else None,
            "created_at": row.created_at,
        }
    )


def delivery_resource(row: Delivery) -> DeliveryResource:
    return DeliveryResource.model_validate(
        {
            "id": row.id,
            "event": row.event_id,
            "type": row.type,
            "webhook": row.endpoint_id,
            "video": row.video_id,
            "url": row.url,
            "status": row.status,
            "attempts": row.attempts,
            "next_attempt_at": row.due_at,
            "latest": tuple(Attempt.model_validate(one) for one in row.log),
            "created_at": row.created_at,
            "delivered_at": row.delivered_at,
        }
    )
