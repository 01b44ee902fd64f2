"""What a store may forget."""

from datetime import UTC, datetime, timedelta

from models import expiry
from models.storage import Entry

NOW = datetime(2026, 1, 31, tzinfo=UTC)


def entry(key: str, days: float) -> Entry:
    return Entry(key, 1_000_000, NOW - timedelta(days=days))


def test_each_folder_has_its_age_and_others_none() -> None:
    found = [entry("uploads/a.png", 8), entry("clips/a.mp4", 8), entry("videos/a.mp4", 99)]
    assert expiry.stale(found, expiry.ages(7, 30), NOW) == [found[0]]


def test_a_file_of_just_its_age_stays() -> None:
    assert expiry.stale([entry("uploads/a.png", 7)], expiry.ages(7, 30), NOW) == []


def test_a_request_names_its_files_however_deep() -> None:
    request = {"request": {"portrait": {"image": "store:uploads/a.png"}, "more": [{"b": "x/y"}]}}
    names = set(expiry.names_in(request))
    assert expiry.is_named("uploads/a.png", names)
    assert not expiry.is_named("uploads/b.png", names)


def test_what_was_made_together_stays_together() -> None:
    names = {expiry.digest_of("clips/3f9a.mp4")}
    assert expiry.is_named("clips/3f9a.motion.npz", names)
    assert not expiry.is_named("speech/3f9a.wav", names)


def test_the_report_counts_by_folder() -> None:
    gone, stayed = [entry("uploads/a.png", 8), entry("clips/b.mp4", 40)], [entry("clips/c.mp4", 40)]
    report = expiry.count(gone, stayed, dry_run=True)
    assert [(one.folder, one.files, one.kept) for one in report.folders] == [
        ("clips", 1, 1),
        ("uploads", 1, 0),
    ]
    assert "would be deleted" in expiry.markdown(report)
