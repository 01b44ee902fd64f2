"""One resource a file."""

from api.routes import (
    batches,
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
)

ROUTERS = (
    uploads.router,
    preflight.router,
    quotes.router,
    videos.router,
    events.router,
    files.router,
    batches.router,
    voices.router,
    usage.router,
    health.router,
    docs.router,
    studio.router,
)
