"""The teller never waits and never fails, whatever becomes of what it tells."""

import logging
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


def test_each_loss_is_logged_once_with_a_count(caplog: pytest.LogCaptureFixture) -> None:
    sent: list[int] = []

    def send(one: int) -> None:
        if one % 2:
            raise OSError("away")
        sent.append(one)

    box = Outbox(send)
    with caplog.at_level(logging.WARNING, outbox.__name__):
        for number in range(4):
            box.put(number)
        assert box.flush(5)
    assert sent == [0, 2]
    assert caplog.messages == [
        "a trace was not sent (OSError: away); 1 so far",
        "a trace was not sent (OSError: away); 2 so far",
    ]


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
