"""One resource a file."""

from api.routes import health, uploads, videos

ROUTERS = (uploads.router, videos.router, health.router)
