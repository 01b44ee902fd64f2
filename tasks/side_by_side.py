"""Several segments of one video rendered at once in this process.

On a card each has an encoder of its own, and all share the network's batches.
"""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextvars import copy_context

from models.contracts import Usage
from models.stages import RenderedSegment, Segment
from tasks.prepared import prepared
from tasks.segments import make_segment


class _Stopped(Exception):
    """Another segment failed, or the run was cancelled."""


def made_at_once(
    segments: Sequence[Segment], at_once: int, told: Callable[[int], None]
) -> list[RenderedSegment]:
    """All of them, in order; `told` hears how many more frames are done.

    What goes wrong with one stops the others within a batch. Raises what make_segment raises.
    """
    stopped, line = threading.Event(), threading.Lock()

    def heard(frames: int) -> None:
        if stopped.is_set():
            raise _Stopped
        with line:
            told(frames)

    prepared(segments[0])  # once, and not by each thread
    began, cpu = time.perf_counter(), time.process_time()
    with ThreadPoolExecutor(at_once, thread_name_prefix="segment") as pool:
        futures = [pool.submit(copy_context().run, make_segment, each, heard) for each in segments]
        try:
            wait(futures, return_when=FIRST_EXCEPTION)
            made = _results(futures)
        except BaseException:  # a cancel too
            stopped.set()
            for future in futures:
                future.cancel()
            raise
    return _shared_out(made, time.perf_counter() - began, time.process_time() - cpu)


def _results(futures: Sequence[Future[RenderedSegment]]) -> list[RenderedSegment]:
    for future in futures:
        if future.done() and (error := future.exception()) is not None:
            raise error
    return [future.result() for future in futures]


def _shared_out(
    made: Sequence[RenderedSegment], seconds: float, cpu_s: float
) -> list[RenderedSegment]:
    """Each measured the whole process while it was rendered: together they took no more than it."""
    usages = [each.stage.usage for each in made if each.stage is not None]
    cpu_share = min(1.0, cpu_s / max(1e-9, sum(usage.cpu_s for usage in usages)))
    gpu_share = min(1.0, seconds / max(1e-9, sum(usage.gpu_s for usage in usages)))

    def shared(one: RenderedSegment) -> RenderedSegment:
        if one.stage is None:
            return one
        took = one.stage.usage
        used = Usage(cpu_s=took.cpu_s * cpu_share, gpu_s=took.gpu_s * gpu_share)
        return one.model_copy(update={"stage": one.stage.model_copy(update={"usage": used})})

    return [shared(one) for one in made]
