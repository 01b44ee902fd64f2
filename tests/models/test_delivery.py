from pathlib import Path

import pytest

from models.delivery import check_not_input, deliver
from models.errors import InvalidRequest, OutputNotWritable


def test_what_goes_beside_has_the_video_s_stem(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_text("x")
    places = deliver({".mp4": source, ".srt": source}, tmp_path / "out" / "talk.mp4")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"talk.mp4", "talk.srt"}
    assert places[".srt"].read_text() == "x"


def test_all_is_delivered_or_nothing(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_text("x")
    with pytest.raises(OutputNotWritable):
        deliver({".mp4": source, ".srt": tmp_path / "gone"}, tmp_path / "out" / "talk.mp4")
    assert list((tmp_path / "out").iterdir()) == []


def test_an_input_is_never_replaced(tmp_path: Path) -> None:
    talk = tmp_path / "talk.mp4"
    with pytest.raises(InvalidRequest, match="another name"):
        check_not_input(tmp_path / "folder" / ".." / "talk.mp4", None, str(talk))
