from io import BytesIO

import pytest

from models.speech.espeak_protocol import read_message, read_reply, write_message


def test_a_message_and_its_pcm_arrive_as_sent() -> None:
    stream = BytesIO()
    write_message(stream, {"word": "größe 你好", "pcm_bytes": 3}, b"abc")
    write_message(stream, {"next": 1})
    stream.seek(0)
    assert read_reply(stream) == ({"word": "größe 你好", "pcm_bytes": 3}, b"abc")
    assert read_reply(stream) == ({"next": 1}, b"")


@pytest.mark.parametrize("kept", [0, 2, 6, -1])
def test_a_stream_that_ends_early_gives_nothing(kept: int) -> None:
    stream = BytesIO()
    write_message(stream, {"pcm_bytes": 4}, b"abcd")
    assert read_reply(BytesIO(stream.getvalue()[:kept])) is None


def test_an_ended_stream_has_no_message() -> None:
    assert read_message(BytesIO()) is None
