"""Whose run is next: fair queueing between callers, written as scheduled times.

A queue hands out its runs by scheduled time. So a new run gets the time of the run at the queue's
head, or of its caller's own last waiting run, whichever is later, and a little more: a millionth
of the seconds that its work takes. A caller's thousand waiting runs thus lie behind each other,
and another caller's first run lies beside the first of them. All these times are of the past or
of the present moment: whenever a worker is free, every waiting run may start.

This is self-clocked fair queueing (Golestani, INFOCOM 1994): the queue's head is its virtual
time. Who asks needs no memory: head and last are what the queue itself holds.
"""

from datetime import datetime, timedelta

CALLER = "caller:"  # the tag before the name of whoever asked
PACE = 1e-6  # seconds on the clock per second of work
STEP = timedelta(microseconds=1)  # what a database keeps apart
HORIZON = timedelta(seconds=1)  # no run waits so far ahead that wasn't meant for later
WAITING = ("Scheduled", "Late")  # states that wait their turn; what awaits a retry has its own time


def start_time(
    now: datetime, head: datetime | None, own_last: datetime | None, cost_s: float
) -> datetime:
    """The scheduled time of a new run, so that its turn comes when it is fair.

    `head` is the earliest scheduled time among the queue's runs in a state of WAITING that are
    due before now + HORIZON, `own_last` the latest of the same caller's among these, both None
    where there is none. `cost_s` is about how many seconds of work the run is.
    """
    if head is None:
        return now
    return max(head, own_last or head) + max(timedelta(seconds=cost_s * PACE), STEP)
