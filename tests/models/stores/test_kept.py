import os
import time
from pathlib import Path

from models.stores.kept import ABANDONED_S, IN_USE_S, KeptFiles


def keep(kept: KeptFiles, name: str, size: int) -> Path:
    return kept.keep(name * 32, f"{name}.wav", lambda part: _write(part, size))


def _write(part: Path, size: int) -> None:
    part.write_bytes(b"x" * size)


def used(path: Path, ago_s: float) -> None:
    then = time.time() - ago_s
    os.utime(path, (then, then))


def test_the_least_recently_used_goes_first(tmp_path: Path) -> None:
    kept = KeptFiles(tmp_path, max_bytes=10)
    oldest, older = keep(kept, "a", 4), keep(kept, "b", 4)
    used(oldest, 3 * IN_USE_S)
    used(older, 2 * IN_USE_S)
    assert kept.find("a" * 32, "a.wav", 4) == oldest  # and now it is the newest
    keep(kept, "c", 4)
    assert (oldest.exists(), older.exists()) == (True, False)
    assert not older.parent.exists()


def test_what_was_just_handed_out_stays(tmp_path: Path) -> None:
    kept = KeptFiles(tmp_path, max_bytes=1)
    first, second = keep(kept, "a", 4), keep(kept, "b", 4)
    assert first.exists()
    assert second.exists()


def test_a_copy_of_another_length_is_not_found(tmp_path: Path) -> None:
    kept = KeptFiles(tmp_path, max_bytes=10)
    keep(kept, "a", 4)
    assert kept.find("a" * 32, "a.wav", 5) is None
    assert kept.find("b" * 32, "a.wav", 4) is None


def test_what_a_killed_process_left_goes_a_day_later(tmp_path: Path) -> None:
    kept = KeptFiles(tmp_path, max_bytes=10)
    place = keep(kept, "a", 1).parent
    old, new = place / ".avatar-1.part", place / ".avatar-2.part"
    for part in (old, new):
        part.touch()
    used(old, ABANDONED_S + 1)
    keep(kept, "b", 1)
    assert (old.exists(), new.exists()) == (False, True)
