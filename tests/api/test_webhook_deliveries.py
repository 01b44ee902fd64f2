"""Deliveries from the outbox to a receiver on a real socket, on SQLite and on PostgreSQL."""

import asyncio
import socket
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.fernet import InvalidToken
from sqlalchemy import update
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from api.clock import now
from api.guard import Policy
from api.tables import Video
from api.webhooks import queue, schedule, sender
from api.webhooks.fanout import fan_out
from api.webhooks.queue import CLAIM, PER_HOST, PER_OWNER
from api.webhooks.secrets import callback_secret
from api.webhooks.signing import OVERLAP, Keyring, headers, new_secret
from tests.api.prefect_by_hand import result
from tests.api.receiving import Answer, Hand, Message, Receiver, by_hand, in_time, receiver

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def test_a_message_verifies_with_the_public_library(database_url: str, tmp_path: Path) -> None:
    async def work(hand: Hand) -> None:
        _, secret = await hand.endpoint(target.url)
        made = result("videos/vid_1").model_dump(mode="json")
        video = await hand.event("done", result=made, finished_at=now())
        assert await hand.round() == 1
        (message,) = target.messages
        told = Webhook(secret).verify(message.body, message.headers)
        assert told["type"] == "video.done"
        assert (told["data"]["id"], told["data"]["metadata"]) == (video, {"order": "7"})
        assert told["data"]["files"]["video"].startswith("https://avatar.example.com/v1/videos/")
        row = await hand.delivery()
        assert (row.status, row.event_id) == ("delivered", message.headers["webhook-id"])
        assert row.log[0]["status"] == 200
        assert row.log[0]["excerpt"] == "ok"

    with receiver() as target:
        run(work, database_url, target, tmp_path)


def test_what_was_tampered_with_is_told_apart() -> None:
    secret, body = new_secret(), b'{"type":"video.done"}'
    good = headers("evt_1", now(), body, [secret])
    assert Webhook(secret).verify(body, good) == {"type": "video.done"}
    old = headers("evt_1", now() - timedelta(minutes=6), body, [secret])
    for wrong_body, wrong in (
        (b'{"type":"video.fail"}', good),
        (body, {**good, "webhook-id": "evt_2"}),
        (body, {**good, "webhook-timestamp": str(int(good["webhook-timestamp"]) + 1)}),
        (body, headers("evt_1", now(), body, [new_secret()])),
        (body, old),  # somebody plays back what they overheard
    ):
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(wrong_body, wrong)


def test_after_a_rotation_both_secrets_verify_for_a_day(database_url: str, tmp_path: Path) -> None:
    async def work(hand: Hand) -> None:
        endpoint, old = await hand.endpoint(target.url)
        async with hand.database.writing() as session:
            row = await session.get_one(type(endpoint), endpoint.id)
            new = hand.keyring.rotate(row, now())
        await hand.event()
        await hand.round()
        for secret in (old, new):
            assert verified(secret, target.messages[0])
        await hand.passes(OVERLAP)
        await hand.event()
        await hand.round()
        assert verified(new, target.messages[1])
        assert not verified(old, target.messages[1])

    with receiver() as target:
        run(work, database_url, target, tmp_path)


def test_a_receiver_that_comes_back_is_told_once(database_url: str, tmp_path: Path) -> None:
    async def work(hand: Hand) -> None:
        endpoint, secret = await hand.endpoint(f"http://127.0.0.1:{port}/hook")
        await hand.event()
        assert await hand.round() == 1
        row = await hand.delivery()
        assert (row.status, row.attempts, row.log[0]["status"]) == ("pending", 1, None)
        assert (await hand.found(endpoint)).failing_since is not None
        with receiver(port) as target:
            assert await hand.round() == 0  # not yet
            await hand.until_due()
            assert await hand.round() == 1
            assert verified(secret, target.messages[0])
        assert (await hand.delivery()).status == "delivered"
        assert (await hand.found(endpoint)).failing_since is None

    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    policy = Policy.of(["127.0.0.0/8"], [port], plain_http=True)
    run_with(work, database_url, policy, tmp_path)


def test_errors_are_tried_again_for_a_day_and_then_left(database_url: str, tmp_path: Path) -> None:
    async def work(hand: Hand) -> None:
        await hand.endpoint(target.url)
        await hand.event()
        waited = []
        while True:
            await hand.round()
            wait = await hand.until_due()
            if wait is None:
                break
            waited.append(wait)
        row = await hand.delivery()
        assert (row.status, row.attempts) == ("dead", len(schedule.DELAYS) + 1)
        assert sum(waited, timedelta()) > DAY
        slack = timedelta(seconds=2)
        for wait, delay in zip(waited, schedule.DELAYS, strict=True):
            assert delay - slack <= wait <= delay * (1 + schedule.JITTER)
        assert len(set(target.ids)) == 1  # the receiver can tell that it is one message
        assert {entry["status"] for entry in row.log} == {500}

    with receiver() as target:
        target.otherwise = Answer(500, b"broken")
        run(work, database_url, target, tmp_path)


def test_a_receiver_s_retry_after_is_kept(database_url: str, tmp_path: Path) -> None:
    async def work(hand: Hand) -> None:
        await hand.endpoint(target.url)
        await hand.event()
        await hand.round()
        wait = await hand.until_due()
        assert wait is not None
        assert timedelta(seconds=3_590) < wait <= HOUR

    with receiver() as target:
        target.otherwise = Answer(503, headers={"Retry-After": "3600"})
        run(work, database_url, target, tmp_path)


def test_gone_disables_the_endpoint_and_gives_up_what_waits(
    database_url: str, tmp_path: Path
) -> None:
    async def work(hand: Hand) -> None:
        endpoint, _ = await hand.endpoint(target.url)
        await hand.event()
        await hand.round()
        found = await hand.found(endpoint)
        assert (found.enabled, "410" in (found.disabled_reason or "")) == (False, True)
        assert (await hand.delivery()).status == "dead"
        await hand.event()
        assert await hand.round() == 0

    with receiver() as target:
        target.otherwise = Answer(410)
        run(work, database_url, target, tmp_path)


def test_an_endpoint_that_fails_for_days_is_disabled(database_url: str, tmp_path: Path) -> None:
    async def work(hand: Hand) -> None:
        endpoint, _ = await hand.endpoint(target.url)
        for _ in range(5):
            await hand.event()
            await hand.round()
            assert (await hand.found(endpoint)).enabled
            await hand.passes(DAY)
        await hand.event()
        await hand.round()
        found = await hand.found(endpoint)
        assert not found.enabled
        assert "5 days" in (found.disabled_reason or "")

    with receiver() as target:
        target.otherwise = Answer(500)
        run(work, database_url, target, tmp_path)


def test_a_redirect_is_not_followed(database_url: str, tmp_path: Path) -> None:
    async def work(hand: Hand) -> None:
        await hand.endpoint(target.url)
        await hand.event()
        await hand.round()
        assert len(target.messages) == 1
        assert (await hand.delivery()).log[0]["status"] == 307

    with receiver() as target:
        target.otherwise = Answer(307, headers={"Location": target.url + "/elsewhere"})
        run(work, database_url, target, tmp_path)


def test_a_receiver_that_does_not_answer_is_left_and_holds_nobody_up(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender, "LIMIT_S", 1.0)
    never = threading.Event()

    async def work(hand: Hand) -> None:
        for _ in range(2 * PER_HOST):
            await hand.endpoint(slow.url)
        await hand.endpoint(quick.url)
        await hand.event()
        assert await hand.deliverer.step() == PER_HOST + 1
        await until(lambda: len(quick.messages) == 1)
        assert await hand.deliverer.step() == 0
        await hand.deliverer.idle()
        errors = [row.log[0]["error"] or "" for row in await hand.deliveries() if row.log]
        assert sum("no answer within" in error for error in errors) == PER_HOST
        never.set()
        assert slow.most_at_once == PER_HOST

    with receiver(host="127.0.0.2") as slow, receiver() as quick:
        slow.otherwise = Answer(hold=never)
        ports = [slow.port, quick.port]
        policy = Policy.of(["127.0.0.0/8"], ports, plain_http=True)
        run_with(work, database_url, policy, tmp_path)


def test_a_success_whose_body_never_ends_is_a_success(database_url: str, tmp_path: Path) -> None:
    async def work(hand: Hand) -> None:
        await hand.endpoint(target.url)
        await hand.event()
        await hand.round()
        row = await hand.delivery()
        assert row.status == "delivered"
        assert len(row.log[0]["excerpt"]) == sender.EXCERPT

    with receiver() as target:
        target.otherwise = Answer(200, b"x" * 20_000_000, {"Content-Length": "999999999"})
        run(work, database_url, target, tmp_path)


def test_two_deliverers_at_once_send_once(database_url: str, tmp_path: Path) -> None:
    async def work(hand: Hand) -> None:
        await hand.endpoint(target.url)
        for _ in range(20):
            await hand.event()
        async with by_hand(database_url, target.policy, tmp_path, empty=False) as other:
            while any(row.status != "delivered" for row in await hand.deliveries()) or not (
                target.messages
            ):
                await asyncio.gather(hand.round(), other.round())
        assert len(target.messages) == 20
        assert max(Counter(target.ids).values()) == 1
        assert target.most_at_once <= PER_HOST

    with receiver() as target:
        run(work, database_url, target, tmp_path)


def test_what_a_killed_deliverer_had_begun_goes_out_when_its_claim_ends(
    database_url: str, tmp_path: Path
) -> None:
    async def work(hand: Hand) -> None:
        await hand.endpoint(target.url)
        await hand.event()
        await fan_out(hand.database)
        (claimed,) = await queue.claim(hand.database, 10)  # and then it dies
        assert await hand.round() == 0
        await hand.passes(CLAIM)
        assert await hand.round() == 1
        assert target.ids == [claimed.event.id]

    with receiver() as target:
        run(work, database_url, target, tmp_path)


def test_who_lost_the_claim_writes_nothing_down(database_url: str, tmp_path: Path) -> None:
    """A process that was asleep for longer than its claim."""

    async def work(hand: Hand) -> None:
        await hand.endpoint(target.url)
        await hand.event()
        await fan_out(hand.database)
        (asleep,) = await queue.claim(hand.database, 10)
        await hand.passes(CLAIM)
        (awake,) = await queue.claim(hand.database, 10)
        assert not await queue.settle(hand.database, asleep, sender.Outcome(now(), status=500))
        assert (await hand.delivery()).attempts == 0
        assert await queue.settle(hand.database, awake, sender.Outcome(now(), status=200))
        assert (await hand.delivery()).status == "delivered"

    with receiver() as target:
        run(work, database_url, target, tmp_path)


def test_events_go_to_those_who_want_them_and_are_theirs(database_url: str, tmp_path: Path) -> None:
    async def work(hand: Hand) -> None:
        await hand.endpoint(target.url + "/all")
        await hand.endpoint(target.url + "/done", events=["video.done"])
        await hand.endpoint(target.url + "/off", enabled=False)
        await hand.endpoint(target.url + "/other", owner="berta")
        await hand.event("failed")
        await hand.event("done")
        await hand.round()
        paths = Counter(message.path for message in target.messages)
        assert paths == {"/hook/all": 2, "/hook/done": 1}

    with receiver() as target:
        run(work, database_url, target, tmp_path)


def test_a_callback_is_signed_with_its_owner_s_secret(database_url: str, tmp_path: Path) -> None:
    async def work(hand: Hand) -> None:
        video = await hand.event("failed", request={"callback_url": target.url + "/mine"})
        await hand.event("failed", request={})
        assert await hand.round() == 1
        row = await callback_secret(hand.database, hand.keyring, "anna")
        (message,) = target.messages
        told = Webhook(hand.keyring.opened(row.secret)).verify(message.body, message.headers)
        assert (message.path, told["data"]["id"]) == ("/hook/mine", video)
        delivery = await hand.delivery()
        assert (delivery.endpoint_id, delivery.video_id) == (None, video)

    with receiver() as target:
        run(work, database_url, target, tmp_path)


def test_a_late_message_says_what_was_then(database_url: str, tmp_path: Path) -> None:
    async def work(hand: Hand) -> None:
        _, secret = await hand.endpoint(target.url)
        await hand.event("running", stage="Rendering")
        async with hand.database.writing() as session:
            await session.execute(update(Video).values(status="done", open=False))
        await hand.round()
        message = target.messages[0]
        told = Webhook(secret).verify(message.body, message.headers)
        assert (told["type"], told["data"]["status"]) == ("video.running", "running")

    with receiver() as target:
        run(work, database_url, target, tmp_path)


@pytest.mark.parametrize("addresses", [("127.0.0.1",), ("10.0.0.1",), ("8.8.8.8", "::1")])
def test_a_name_that_leads_inside_is_not_called(
    database_url: str, tmp_path: Path, addresses: Sequence[str]
) -> None:
    async def work(hand: Hand) -> None:
        await hand.endpoint(f"http://hooks.example.com:{target.port}/")
        await hand.event()
        assert await hand.round() == 1
        row = await hand.delivery()
        assert (row.status, target.messages) == ("pending", [])
        assert "no address of the public internet" in row.log[0]["error"]

    async def lying(_host: str, _port: int) -> Sequence[str]:
        return addresses

    async def go() -> None:
        policy = Policy(ports=frozenset({target.port}), plain_http=True)
        async with by_hand(database_url, policy, tmp_path, lying) as hand:
            await work(hand)

    with receiver() as target:
        in_time(go())


def test_an_event_that_cannot_be_told_is_given_up_like_others(
    database_url: str, tmp_path: Path
) -> None:
    """Its result is of another version; it must not come back for ever, nor hold up the next."""

    async def work(hand: Hand) -> None:
        await hand.endpoint(target.url)
        await hand.event("done", result={"of": "long ago"})
        await hand.event("failed")
        assert await hand.round() == 2
        rows = {row.type: row for row in await hand.deliveries()}
        old, new = rows["video.done"], rows["video.failed"]
        assert (old.attempts, new.status) == (1, "delivered")
        assert "cannot be told" in old.log[0]["error"]

    with receiver() as target:
        run(work, database_url, target, tmp_path)


def test_one_owner_s_many_hosts_leave_room_for_another(database_url: str, tmp_path: Path) -> None:
    async def work(hand: Hand) -> None:
        for index in range(PER_OWNER + 8):
            await hand.endpoint(f"https://host{index}.example.com/")
        await hand.event()
        await hand.endpoint("https://other.example.com/", owner="berta")
        await hand.event(owner="berta")
        await fan_out(hand.database)
        claimed = await queue.claim(hand.database, 1_000)
        owners = Counter(one.delivery.owner for one in claimed)
        assert owners == {"anna": PER_OWNER, "berta": 1}
        assert await queue.claim(hand.database, 1_000) == []

    with receiver() as target:
        run(work, database_url, target, tmp_path)


def test_a_secret_whose_key_is_gone_sends_nothing_unsigned(
    database_url: str, tmp_path: Path
) -> None:
    async def work(hand: Hand) -> None:
        sealed = Keyring(["another key"]).sealed(new_secret())
        await hand.endpoint(target.url, secret=sealed)
        await hand.event()
        await hand.round()
        assert target.messages == []
        assert "rotate" in (await hand.delivery()).log[0]["error"]

    with receiver() as target:
        run(work, database_url, target, tmp_path)


def test_keys_are_changed_without_losing_secrets() -> None:
    secret = new_secret()
    sealed = Keyring(["old"]).sealed(secret)
    assert secret not in sealed
    assert Keyring(["new", "old"]).opened(sealed) == secret
    with pytest.raises(InvalidToken):
        Keyring(["new"]).opened(sealed)


def test_a_month_later_they_are_forgotten(database_url: str, tmp_path: Path) -> None:
    async def work(hand: Hand) -> None:
        await hand.endpoint(target.url)
        await hand.event()
        await hand.round()
        await hand.passes(queue.KEPT + DAY)
        async with hand.database.writing() as session:
            await queue.forget_old(session)
        assert await hand.deliveries() == []

    with receiver() as target:
        run(work, database_url, target, tmp_path)


def test_retry_after_is_seconds_or_a_date_or_nothing() -> None:
    at = now()
    assert schedule.retry_after("120", at) == timedelta(seconds=120)
    date = (at + HOUR).strftime("%a, %d %b %Y %H:%M:%S GMT")
    wait = schedule.retry_after(date, at)
    assert wait is not None
    assert timedelta(minutes=59) < wait <= HOUR
    for nonsense in (None, "", "soon", "-5", "٣", "9" * 400):
        found = schedule.retry_after(nonsense, at)
        assert found is None or found <= schedule.LONGEST_WAIT


def run(work: Callable[[Hand], Awaitable[None]], url: str, target: Receiver, folder: Path) -> None:
    run_with(work, url, target.policy, folder)


def run_with(
    work: Callable[[Hand], Awaitable[None]], url: str, policy: Policy, folder: Path
) -> None:
    async def go() -> None:
        async with by_hand(url, policy, folder) as hand:
            await work(hand)

    in_time(go())


async def until(look: Callable[[], bool]) -> None:
    while not look():
        await asyncio.sleep(0.02)


def verified(secret: str, message: Message) -> bool:
    try:
        Webhook(secret).verify(message.body, message.headers)
    except WebhookVerificationError:
        return False
    return True
