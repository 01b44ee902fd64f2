"""The gateway put together: what it holds, what surrounds a request, which routes there are."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from importlib.metadata import version

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi.routing import APIRoute

from api import destinations, problems
from api.accepting import Desk
from api.bodies import BoundedBodies
from api.database import Database
from api.dispatch import Dispatcher
from api.ending import Ending
from api.exports import Exports
from api.fetch import Fetcher
from api.fetching import Fetching
from api.forgetting import Forgetting
from api.gateway import Gateway
from api.guard import Guarded
from api.jobs import Prefect
from api.keys import KnownKeys
from api.leader import Leader
from api.limits import Limits
from api.links import Links
from api.metrics import Metrics
from api.middleware import Around
from api.quotes import Prices
from api.reconcile import Reconciler
from api.resources import Shown
from api.responses import describe
from api.retention import Retention
from api.routes import ROUTERS
from api.settings import Settings
from api.shared_secrets import shared_secret
from api.tokens import Tokens
from api.traces import Traces
from api.webhooks.deliverer import Deliverer
from api.webhooks.secrets import webhook_keyring
from api.webhooks.sender import Sender
from api.webhooks.signing import Keyring
from models.screening import WordList
from models.storage import store_at

ABOUT = """A portrait and a voice in, a lip-synced talking-head video out.

Send files to `/v1/uploads`, ask for a video at `/v1/videos`, follow it at
`/v1/videos/{id}/events` or by webhook. Errors are `application/problem+json` with a stable `code`.
"""


def create_app(settings: Settings) -> FastAPI:
    metrics = Metrics()
    app = FastAPI(
        title="Avatar Orchestrator",
        version=version("avatar-orchestrator"),
        description=ABOUT,
        lifespan=lambda app: _lifespan(app, settings, metrics),
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # to where the Host header says
        generate_unique_id_function=_operation_id,
    )
    problems.install(app)
    for router in ROUTERS:
        app.include_router(router)
    describe(app)
    app.add_middleware(BoundedBodies)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "POST", "PATCH", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "Idempotency-Key", "X-Request-ID"],
            expose_headers=["Location", "X-Request-ID", "Retry-After", "RateLimit-Remaining"],
        )
    https = (settings.public_url or "").startswith("https://")
    app.add_middleware(Around, metrics=metrics, https=https)
    return app


def _operation_id(route: APIRoute) -> str:
    """What generated clients call it: create_video, and head_file beside get_file."""
    return route.name.replace("get_", "head_") if route.methods == {"HEAD"} else route.name


@asynccontextmanager
async def _lifespan(app: FastAPI, settings: Settings, metrics: Metrics) -> AsyncIterator[None]:
    async with AsyncExitStack() as stack:
        gateway = await _gateway(settings, metrics, stack)
        app.state.gateway = gateway
        app.state.streams = {}
        await stack.enter_async_context(_background(gateway.leader))
        await stack.enter_async_context(_running(gateway.deliverer.run(), "webhooks"))
        yield


async def _gateway(settings: Settings, metrics: Metrics, stack: AsyncExitStack) -> Gateway:
    database = Database(settings.async_database_url)
    stack.push_async_callback(database.close)
    await database.migrate()
    limits = Limits(settings.redis_url.get_secret_value() if settings.redis_url else None)
    stack.push_async_callback(limits.close)
    auth = settings.prefect_auth.get_secret_value() if settings.prefect_auth else None
    prefect = Prefect(settings.prefect_url, auth)
    stack.push_async_callback(prefect.close)
    store = store_at(settings.store)
    prices = Prices(settings.price_per_minute, settings.price_per_video)
    ending = Ending(database, store, prices, metrics)
    dispatcher = Dispatcher(database, prefect, ending, settings.video_deployment)
    reconciler = Reconciler(database, prefect, ending, settings.video_deployment)
    words = () if settings.screening == "off" else (WordList.load(settings.screening_words),)
    desk = Desk(prices, settings.outgoing, settings.destination_buckets, words)
    fetcher = Fetcher(Guarded(settings.outgoing))
    stack.push_async_callback(fetcher.close)
    fetching = Fetching(database, fetcher, store, desk, ending)
    sender = destinations.Sender(store, Guarded(settings.outgoing))
    stack.push_async_callback(sender.close)
    exports = Exports(database, sender)
    links = Links(await shared_secret(database, "links"), settings.link_hours, store)
    keyring = await webhook_keyring(database, settings.webhook_keys)
    return Gateway(
        settings=settings,
        database=database,
        limits=limits,
        keys=KnownKeys(database),
        tokens=Tokens(settings),
        store=store,
        links=links,
        prefect=prefect,
        metrics=metrics,
        desk=desk,
        leader=Leader(
            database,
            dispatcher,
            reconciler,
            fetching,
            exports,
            Forgetting(database, store, prefect, _traces(settings, stack)),
            Retention(database, settings.keep_videos_days),
            store,
            metrics,
        ),
        policy=settings.outgoing,
        keyring=keyring,
        deliverer=_deliverer(settings, database, keyring, links, metrics, stack),
    )


def _traces(settings: Settings, stack: AsyncExitStack) -> Traces | None:
    traces = Traces.of(settings)
    if traces is not None:
        stack.push_async_callback(traces.close)
    return traces


def _deliverer(
    settings: Settings,
    database: Database,
    keyring: Keyring,
    links: Links,
    metrics: Metrics,
    stack: AsyncExitStack,
) -> Deliverer:
    sender = Sender(Guarded(settings.outgoing))
    stack.push_async_callback(sender.close)
    here = settings.public_url or f"http://{settings.host}:{settings.port}"
    shown = Shown(links, here, settings.currency, settings.link_hours)
    return Deliverer(database, sender, keyring, shown, metrics.webhook_attempts)


@asynccontextmanager
async def _background(leader: Leader) -> AsyncIterator[None]:
    try:
        async with _running(leader.run(), "dispatcher"):
            yield
    finally:
        await leader.release()


@asynccontextmanager
async def _running(work: Coroutine[None, None, None], name: str) -> AsyncIterator[None]:
    task = asyncio.create_task(work, name=name)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
