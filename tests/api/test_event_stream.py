"""Server-sent events as bytes arrive: in any pieces, with anything in the data."""

import json

import pytest

from api.event_stream import read_events

ODD = "a\u2028b\x85c"  # ends of lines for Unicode, not for the stream
STREAM = (
    ": beat\r\n\r\n"
    "id: 3\r\nevent: video.running\r\ndata: "
    + json.dumps({"words": ODD}, ensure_ascii=False)
    + "\r\n"
    "\r\n"
    'event: video.done\nid: 4\ndata: {"percent":\ndata: 100}\n\n'
    "id: 5\nevent: video.done\ndata: {"
).encode()


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_events_are_whole_whatever_the_pieces(size: int) -> None:
    pieces = [STREAM[start : start + size] for start in range(0, len(STREAM), size)]
    first, second = read_events(pieces)
    assert (first.id, first.type, first.data) == (3, "video.running", {"words": ODD})
    assert (second.id, second.data, second.is_final) == (4, {"percent": 100}, True)
