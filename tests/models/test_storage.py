import errno
import os
import signal
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from models.errors import MissingFile, OutputNotWritable
from models.storage import ABANDONED_S, NEW, LocalStore, digest, file_sha256

EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_a_file_comes_back_under_its_key(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store")
    store.put(written(tmp_path / "a", "sound"), "speech/ab12.wav")
    assert store.exists("speech/ab12.wav")
    assert store.path("speech/ab12.wav").read_text() == "sound"


def test_a_missing_file_is_said_by_its_key(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match=r"clips/1\.mp4"):
        LocalStore(tmp_path).path("clips/1.mp4")


def test_what_is_kept_is_listed_by_key(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store")
    keys = ["uploads-2/b", "uploads.d", "uploads/a/deep.png", "uploads/b.png", "videos/1/video.mp4"]
    for key in keys:
        store.put(written(tmp_path / "a", key), key)
    assert [entry.key for entry in store.entries()] == sorted(keys)
    assert [entry.key for entry in store.entries("uploads/")] == keys[2:4]
    assert [entry.key for entry in store.entries("uploads/a/d")] == [keys[2]]
    assert list(store.entries("nothing/")) == []


def test_an_entry_tells_size_and_age(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store")
    store.put(written(tmp_path / "a", "sound"), "a.wav")
    os.utime(store.path("a.wav"), (86_400, 86_400))
    (entry,) = store.entries()
    assert (entry.size, entry.modified) == (5, datetime(1970, 1, 2, tzinfo=UTC))


def test_what_is_being_made_is_not_listed(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    with store.work_folder() as folder:
        written(folder / "half", "a frame")
        written(tmp_path / ".avatar-1.part", "half")
        assert list(store.entries()) == []


def test_a_store_that_nobody_wrote_to_is_empty(tmp_path: Path) -> None:
    assert list(LocalStore(tmp_path / "none").entries()) == []


def test_what_is_deleted_is_gone_also_twice(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store")
    store.put(written(tmp_path / "a", "sound"), "a.wav")
    store.delete("a.wav")
    store.delete("a.wav")
    assert not store.exists("a.wav")


@pytest.mark.parametrize("key", ["../a", "/etc/passwd", "a/../../b", "", "a//b", "A", "a/.hidden"])
def test_a_key_cannot_leave_the_store(tmp_path: Path, key: str) -> None:
    with pytest.raises(ValueError, match="no storage key"):
        LocalStore(tmp_path).exists(key)


def test_a_store_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    store = LocalStore(written(tmp_path / "file", "no folder"))
    with pytest.raises(OutputNotWritable), store.work_folder():
        pass


def test_a_work_folder_goes_whatever_happens(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    with suppress(KeyboardInterrupt), store.work_folder() as folder:
        written(folder / "half", "a frame")
        raise KeyboardInterrupt
    assert list((tmp_path / ".work").iterdir()) == []


def test_what_a_killed_run_left_is_cleared_by_the_next(tmp_path: Path) -> None:
    store = f"LocalStore(Path({str(tmp_path)!r}))"
    killed = f"""
import os, signal
from pathlib import Path
from models.storage import LocalStore
with {store}.work_folder():
    os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", killed], check=False).returncode == -signal.SIGKILL
    (left,) = (tmp_path / ".work").iterdir()
    with LocalStore(tmp_path).work_folder():
        assert not left.exists()


def test_a_folder_that_another_works_in_stays(tmp_path: Path) -> None:
    with LocalStore(tmp_path).work_folder() as first, LocalStore(tmp_path).work_folder():
        assert first.exists()


def test_a_folder_that_was_never_locked_stays_for_a_day(tmp_path: Path) -> None:
    old, new = tmp_path / ".work" / f"{NEW}old", tmp_path / ".work" / f"{NEW}now"
    for folder in (old, new):
        folder.mkdir(parents=True)
    long_ago = old.stat().st_mtime - ABANDONED_S - 1
    os.utime(old, (long_ago, long_ago))
    with LocalStore(tmp_path).work_folder():
        assert not old.exists()
        assert new.exists()


def test_a_hash_is_of_the_content(tmp_path: Path) -> None:
    assert file_sha256(written(tmp_path / "a", "")) == EMPTY_SHA256


def test_what_is_too_large_or_no_file_has_no_hash(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="too large") as refused:
        file_sha256(written(tmp_path / "a", "12345"), max_bytes=4)
    assert refused.value.errno == errno.EFBIG
    with pytest.raises(FileNotFoundError):
        file_sha256(tmp_path)


def test_a_digest_tells_where_one_part_ends() -> None:
    assert digest("ab", "c") != digest("a", "bc")
    assert digest("a", "b") == digest("a", "b")
