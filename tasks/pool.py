"""Segments rendered by the workers of another pool, side by side, and waited for.

A parent that starts again finds the runs that it asked for before by their keys.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import httpx
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.exceptions import PrefectHTTPStatusError
from prefect.logging import get_run_logger

from models.errors import AvatarError, SegmentFailed, ServiceUnavailable
from models.failure import error_in
from models.stages import Segment
from tasks.progress import EVERY_S, Progress
from tasks.segments import stored_segment
from tasks.subruns import Subruns

POLL_S = 0.25
CRASH_GRACE_S = 5.0  # in which a worker puts a run whose process died back into the queue
ATTEMPTS = 3  # at one segment, by this process
UNTAKEN_S = 30.0  # until a queue that nobody serves is worth a word
SERVER_AWAY_S = 180.0
FRAME_COST_S = 0.01  # about


@dataclass
class Waiting:
    """One segment on its way."""

    segment: Segment
    attempt: int  # part of the key
    run: FlowRun
    tries: int = 1
    crashed_at: float | None = None


def render_in_pool(deployment: str, segments: Sequence[Segment], progress: Progress) -> None:
    """Until every segment is in the store; what goes wrong with one cancels the others.

    Raises the segment's own error, SegmentFailed, SetupError, ServiceUnavailable.
    """
    if not segments:
        return
    with get_client(sync_client=True) as client:
        batch = _Batch(Subruns(client, deployment), progress)
        try:
            batch.start(segments)
            while batch.open:
                time.sleep(POLL_S)
                batch.look()
        except BaseException:  # a cancel too: nobody waits for them any more
            batch.cancel()
            raise


class _Batch:
    def __init__(self, subruns: Subruns, progress: Progress) -> None:
        self._subruns, self._progress = subruns, progress
        self._done = progress.done
        self._waiting: list[Waiting] = []
        self._heard_at = self._shown_at = self._moved_at = time.monotonic()

    @property
    def open(self) -> bool:
        return bool(self._waiting)

    def start(self, segments: Sequence[Segment]) -> None:
        """Rejoin what an earlier life of the parent asked for; ask for the rest, in order."""
        asked = self._subruns.asked()
        for segment in segments:
            attempt = 0
            while (run := asked.get(self._key(segment, attempt))) and _over(run):
                attempt += 1
            self._waiting.append(Waiting(segment, attempt, run or self._ask(segment, attempt)))

    def look(self) -> None:
        """One question for the states of all."""
        try:
            runs = self._subruns.states([each.run.id for each in self._waiting])
            self._show()
        except (httpx.TransportError, PrefectHTTPStatusError) as error:
            if time.monotonic() - self._heard_at > SERVER_AWAY_S:
                raise ServiceUnavailable(
                    f"Prefect's API has not answered for {SERVER_AWAY_S:.0f} s ({error}): "
                    "see to the server, then run the request again"
                ) from error
            return
        self._heard_at = time.monotonic()
        for waiting in list(self._waiting):
            waiting.run = runs.get(waiting.run.id, waiting.run)
            self._judge(waiting, waiting.run.state)
        self._warn_if_untaken()

    def cancel(self) -> None:
        self._subruns.cancel([each.run for each in self._waiting])

    def _judge(self, waiting: Waiting, state: State | None) -> None:
        if state is None or not state.is_final():
            waiting.crashed_at = None
            return
        if state.is_completed() and stored_segment(waiting.segment):
            self._waiting.remove(waiting)
            self._done += waiting.segment.frames
            self._progress.reach(self._done)
            return
        now = time.monotonic()
        waiting.crashed_at = waiting.crashed_at or now
        if state.is_crashed() and now - waiting.crashed_at < CRASH_GRACE_S:
            return
        self._try_again(waiting, _reason(waiting, state))

    def _try_again(self, waiting: Waiting, reason: AvatarError) -> None:
        state = waiting.run.state
        lost = state is not None and state.is_crashed()
        if waiting.tries >= ATTEMPTS or not (lost or reason.retryable):
            raise reason
        get_run_logger().warning("%s; tried again", reason)
        waiting.attempt, waiting.tries = waiting.attempt + 1, waiting.tries + 1
        waiting.crashed_at = None
        waiting.run = self._ask(waiting.segment, waiting.attempt)

    def _key(self, segment: Segment, attempt: int) -> str:
        return self._subruns.key(segment.key, attempt)

    def _ask(self, segment: Segment, attempt: int) -> FlowRun:
        return self._subruns.ask(
            {"segment": segment.model_dump(mode="json")},
            self._key(segment, attempt),
            _named(segment),
            segment.frames * FRAME_COST_S,
        )

    def _show(self) -> None:
        now = time.monotonic()
        if now - self._shown_at < EVERY_S:
            return
        self._shown_at = now
        shares = self._subruns.progress([each.run.id for each in self._waiting])
        under_way = sum(
            round(each.segment.frames * shares.get(each.run.id, 0)) for each in self._waiting
        )
        self._progress.reach(self._done + under_way)

    def _warn_if_untaken(self) -> None:
        """A queue without a worker is no error, it may be about to scale; but it is said."""
        now = time.monotonic()
        states = [each.run.state for each in self._waiting]
        if any(state and state.type is not StateType.SCHEDULED for state in states):
            self._moved_at = now
        if self.open and now - self._moved_at > UNTAKEN_S:
            self._moved_at = now + 9 * UNTAKEN_S
            pool, queue = self._subruns.pool, self._subruns.queue
            why = "is busy" if self._subruns.served() else "has no worker: start or scale one"
            get_run_logger().warning(
                "no segment has started for %.0f s: the pool %s, queue %s, %s",
                UNTAKEN_S,
                pool,
                queue,
                why,
            )


def _over(run: FlowRun) -> bool:
    return run.state is not None and run.state.is_final()


def _named(segment: Segment) -> str:
    return f"frames {segment.first}-{segment.stop - 1}"


def _reason(waiting: Waiting, state: State) -> AvatarError:
    """What the segment itself said, else what Prefect says of its run."""
    if own := error_in(state.message or ""):
        return own
    what = f"{_named(waiting.segment)} could not be rendered"
    if state.is_completed():
        return SegmentFailed(f"{what}: its worker has another store, so set the same AVATAR_STORE")
    if state.is_cancelled():
        return SegmentFailed(f"{what}: somebody cancelled it; run the request again")
    return SegmentFailed(f"{what} ({state.name}: {state.message}): see the worker's log")
