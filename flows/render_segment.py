"""One segment of a video, on the pool that has the renderers: the parent joins it to the others."""

from prefect import flow

from models.stages import RenderedSegment, Segment
from tasks.render import render_span


@flow(name="render-segment", persist_result=False, timeout_seconds=1800)
def render_segment(segment: Segment) -> RenderedSegment:
    """Render the segment into the store, unless it is there.

    Args:
        segment: Frames of a video and all that they are made of, by storage keys.
    """
    return render_span(segment)
