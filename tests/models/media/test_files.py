import os
from pathlib import Path

import pytest

from models.errors import DiskFull, OutputNotWritable
from models.media.files import check_output, replacing, writing_to


def test_the_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "new" / "a.txt"
    with replacing(target) as part:
        part.write_text("whole")
        assert not target.exists()
    assert target.read_text() == "whole"
    assert list(target.parent.iterdir()) == [target]


def test_failure_leaves_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("older")

    def fail() -> None:
        with replacing(target) as part:
            part.write_text("half")
            raise KeyError("another's error passes as it is")

    with pytest.raises(KeyError):
        fail()
    assert target.read_text() == "older"
    assert list(tmp_path.iterdir()) == [target]


def test_the_longest_name_is_written(tmp_path: Path) -> None:
    target = tmp_path / ("a" * 251 + ".mp4")
    with replacing(target) as part:
        part.write_bytes(b"x")
    assert target.exists()


def test_a_new_file_has_the_usual_permissions(tmp_path: Path) -> None:
    usual = tmp_path / "usual"
    usual.touch()
    with replacing(tmp_path / "a.txt") as part:
        part.write_bytes(b"x")
    assert (tmp_path / "a.txt").stat().st_mode == usual.stat().st_mode


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_is_said() -> None:
    full = Path("/dev/full")
    with pytest.raises(DiskFull, match="no room left for full"), writing_to(full):
        full.write_bytes(b"x")


@pytest.mark.parametrize("name", ["a.mp4", "sub/folder/a.mp4", "A.MP4", "a b:c.mp4", "Ü.mp4"])
def test_places_that_can_be_written_pass_without_a_trace(tmp_path: Path, name: str) -> None:
    check_output(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "alpha", "said"),
    [
        ("a.avi", False, r"must end in \.mp4"),
        ("a", False, r"must end in \.mp4"),
        ("a.webm", False, r"must end in \.mp4"),
        ("a.mp4", True, r"must end in \.webm"),
        ("folder.mp4", False, "is a folder"),
        ("file.txt/a.mp4", False, "is a file, not a folder"),
        ("file.txt/sub/a.mp4", False, "is a file, not a folder"),
        ("a" * 300 + ".mp4", False, "name too long"),
        ("a\0b.mp4", False, "NUL"),
    ],
)
def test_places_that_cannot_be_written_are_refused(
    tmp_path: Path, name: str, alpha: bool, said: str
) -> None:
    (tmp_path / "folder.mp4").mkdir()
    (tmp_path / "file.txt").touch()
    with pytest.raises(OutputNotWritable, match=said):
        check_output(tmp_path / name, alpha=alpha)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(OutputNotWritable, match="permission denied"):
        check_output(tmp_path / "a.mp4")


def test_a_file_system_that_takes_nothing_is_refused() -> None:
    with pytest.raises(OutputNotWritable, match="cannot write"):
        check_output(Path("/proc/a.mp4"))
