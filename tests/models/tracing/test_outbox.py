"""The teller never waits and never fails, whatever becomes of what it tells."""

import threading

import pytest

from models.tracing import outbox
from models.tracing.outbox import Outbox


def test_what_is_put_is_sent_in_order() -> None:
    sent: list[int] = []
    box = Outbox(sent.append)
    for number in range(5):
        box.put(number)
    assert box.flush(5)
    assert sent == [0, 1, 2, 3, 4]


def test_what_fails_is_tried_again_and_then_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "PAUSE_S", 0.0)
    tries: list[int] = []

    def send(one: int) -> None:
        tries.append(one)
        if one == 1 or len(tries) < 2:
            raise OSError("away")

    box = Outbox(send)
    box.put(0)
    box.put(1)
    assert box.flush(5)
    assert tries == [0, 0, 1, 1, 1]
    assert box.dropped == 1


def test_a_full_queue_drops_instead_of_waiting() -> None:
    held, sent = threading.Event(), list[int]()

    def send(one: int) -> None:
        held.wait()
        sent.append(one)

    box = Outbox(send, most=2)
    for number in range(10):
        box.put(number)
    assert box.dropped >= 7  # one is being sent, two wait
    assert not box.flush(0.05)  # the end of a process is not held up either
    held.set()
    assert box.flush(5)
    assert len(sent) == 10 - box.dropped
