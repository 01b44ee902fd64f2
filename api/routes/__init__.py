"""One resource a file."""

from api.routes import (
    batches,
    callback_secret,
    deliveries,
    direct_uploads,
    docs,
    events,
    files,
    health,
    preflight,
    quotes,
    studio,
    uploads,
    usage,
    videos,
    voices,
    webhooks,
)

ROUTERS = (
    uploads.router,
    direct_uploads.router,
    preflight.router,
    quotes.router,
    videos.router,
    events.router,
    files.router,
    batches.router,
    voices.router,
    usage.router,
    webhooks.router,
    deliveries.router,
    callback_secret.router,
    health.router,
    docs.router,
    studio.router,
)
