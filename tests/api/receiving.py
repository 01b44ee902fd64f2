"""A receiver of webhooks on a real socket, and a gateway's deliverer driven by hand.

Days pass by moving the times in the database back.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import InstrumentedAttribute

from api import events
from api.clock import now
from api.database import Database
from api.guard import Guarded, Policy, Resolver, resolve
from api.ids import new_id
from api.links import Links
from api.metrics import Metrics
from api.resources import Shown
from api.tables import Video, WebhookOutbox
from api.webhooks.deliverer import Deliverer
from api.webhooks.sender import Sender
from api.webhooks.signing import Keyring, new_secret
from api.webhooks.tables import CallbackSecret, Delivery, Endpoint
from models.storage import LocalStore

KEY = "k" * 32
TIMES = (
    Delivery.due_at,
    Delivery.claimed_until,
    Endpoint.failing_since,
    Endpoint.previous_until,
    CallbackSecret.previous_until,
    WebhookOutbox.created_at,
)


@dataclass(frozen=True)
class Message:
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Answer:
    status: int = 200
    body: bytes = b"ok"
    headers: dict[str, str] = field(default_factory=dict)
    hold: threading.Event | None = None  # answers when it is set


@dataclass
class Receiver:
    port: int
    host: str = "127.0.0.1"
    messages: list[Message] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)  # in turn; then always `otherwise`
    otherwise: Answer = field(default_factory=Answer)
    at_once: int = 0
    most_at_once: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}/hook"

    @property
    def policy(self) -> Policy:
        return Policy.of(["127.0.0.0/8"], [self.port], plain_http=True)

    @property
    def ids(self) -> list[str]:
        return [message.headers["webhook-id"] for message in self.messages]


@contextmanager
def receiver(port: int = 0, host: str = "127.0.0.1") -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            with made.lock:
                made.messages.append(Message(self.path, headers, body))
                answer = made.answers.pop(0) if made.answers else made.otherwise
                made.at_once += 1
                made.most_at_once = max(made.most_at_once, made.at_once)
            if answer.hold is not None:
                answer.hold.wait(30)
            with made.lock:
                made.at_once -= 1
            self._answer(answer)

        def _answer(self, answer: Answer) -> None:
            try:
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer.body)
            except OSError:
                return  # nobody waits for it any more

        def log_message(self, *_: object) -> None:
            """Not into the test's output."""

    class Server(ThreadingHTTPServer):
        request_queue_size = 128

    with Server((host, port), Handler) as server:
        made = Receiver(server.server_address[1], host)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield made
        finally:
            server.shutdown()
            thread.join()


@dataclass
class Hand:
    """A deliverer whose passes the test makes."""

    database: Database
    deliverer: Deliverer
    keyring: Keyring

    async def round(self) -> int:
        """What is due now, sent and noted; how many attempts."""
        begun = 0
        while count := await self.deliverer.step():
            begun += count
            await self.deliverer.idle()
        return begun

    async def endpoint(self, url: str, **more: Any) -> tuple[Endpoint, str]:  # noqa: ANN401
        secret = new_secret()
        given = {
            "id": new_id("whk"),
            "owner": "anna",
            "url": url,
            "description": "",
            "events": [],
            "enabled": True,
            "secret": self.keyring.sealed(secret),
            "created_at": now(),
            **more,
        }
        row = Endpoint(**given)
        async with self.database.writing() as session:
            session.add(row)
        return row, secret

    async def event(self, status: str = "failed", owner: str = "anna", **more: Any) -> str:  # noqa: ANN401
        """A video reaches a status; its id."""
        video = video_row(owner, status, **more)
        async with self.database.writing() as session:
            session.add(video)
            await session.flush()
            events.emit(session, video)
        return video.id

    async def deliveries(self, owner: str = "anna") -> list[Delivery]:
        async with self.database.reading() as session:
            query = select(Delivery).where(Delivery.owner == owner).order_by(Delivery.id)
            return list(await session.scalars(query))

    async def delivery(self) -> Delivery:
        (found,) = await self.deliveries()
        return found

    async def found(self, endpoint: Endpoint) -> Endpoint:
        async with self.database.reading() as session:
            return await session.get_one(Endpoint, endpoint.id)

    async def passes(self, time: timedelta) -> None:
        async with self.database.writing() as session:
            for column in TIMES:
                await _move_back(session, column, time)

    async def until_due(self) -> timedelta | None:
        """Let the time pass until the one delivery is due; how long that is."""
        due = (await self.delivery()).due_at
        if due is None:
            return None
        wait = due - now()
        await self.passes(wait + timedelta(seconds=1))
        return wait


async def _move_back(session: Any, column: InstrumentedAttribute[Any], time: timedelta) -> None:  # noqa: ANN401
    for row in await session.scalars(select(column.class_).where(column.is_not(None))):
        setattr(row, column.key, getattr(row, column.key) - time)


def video_row(owner: str, status: str, **more: Any) -> Video:  # noqa: ANN401
    given = {
        "id": new_id("vid"),
        "owner": owner,
        "key_id": owner,
        "request": {},
        "order": {},
        "labels": {"order": "7"},
        "queue": "default",
        "status": status,
        "open": status == "running",
        "percent": 40.0,
        "speech_s": 3.0,
        "quoted": 1_000_000,
        "fetching": False,
        "created_at": now(),
        **more,
    }
    return Video(**given)


@asynccontextmanager
async def by_hand(
    url: str, policy: Policy, folder: Path, resolver: Resolver = resolve, *, empty: bool = True
) -> AsyncIterator[Hand]:
    """On a database that is emptied first, or shared with another one."""
    database, sender, keyring = Database(url), Sender(Guarded(policy, resolver)), Keyring([KEY])
    links = Links("secret", 24, LocalStore(folder))
    shown = Shown(links, "https://avatar.example.com", "USD", 24)
    counted = Metrics().webhook_attempts
    hand = Hand(database, Deliverer(database, sender, keyring, shown, counted), keyring)
    try:
        await database.migrate()
        if empty:
            async with database.writing() as session:
                for table in (Delivery, Endpoint, CallbackSecret, WebhookOutbox):
                    await session.execute(delete(table))
        yield hand
    finally:
        await hand.deliverer.idle()
        await sender.close()
        await database.close()


def in_time(work: Any, within_s: float = 60.0) -> Any:  # noqa: ANN401
    """Run a coroutine; what hangs fails."""

    async def bounded() -> Any:  # noqa: ANN401
        return await asyncio.wait_for(work, within_s)

    return asyncio.run(bounded())
