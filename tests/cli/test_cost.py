"""`avatar cost` by its output."""

import json
import platform
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cli.main import run
from models.engines.tuning import Candidate, Measured, Tuning, key_of
from models.prices import PRICES, load_prices
from tasks.settings import settings
from tests.models.manifests import manifest


def document(capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, object]:
    assert run(["cost", "--json", *options]) == 0
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


def test_it_needs_nothing_and_says_what_it_assumes(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["cost", "--videos", "1000", "--minutes", "1"]) == 0
    said = capsys.readouterr().out
    assert "1000 videos of 1 min a month" in said
    assert "checked: never" in said
    assert "make bench on two cores" in said
    assert "HeyGen" in said
    assert "T4" not in said  # what a processor did says nothing of a GPU


def test_a_video_made_here_tells_the_speed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = manifest(frames=250, timings_s={"render": 2.0})
    (tmp_path / "a.manifest.json").write_text(made.model_dump_json(), encoding="utf-8")
    found = document(capsys, "--like", str(tmp_path / "a.mp4"))
    assert found["speed"] == {"ratio": 5.0, "source": "one video's stages: render", "device": None}


def test_what_this_machine_measured_tells_the_speed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    best = Measured(
        candidate=Candidate(renderer="wav2lip", device="cuda:0", engine="bf16", batch=8),
        frames_per_s=1000.0,
    )
    tuning = Tuning(
        machine=platform.node(), made_at=datetime(2026, 1, 1, tzinfo=UTC), best=(best,), measured=()
    )
    file = tmp_path / key_of(platform.node())
    file.parent.mkdir()
    file.write_text(tuning.model_dump_json(), encoding="utf-8")
    monkeypatch.setenv("AVATAR_STORE", str(tmp_path))
    settings.cache_clear()
    found = document(capsys, "--renderer", "wav2lip")
    settings.cache_clear()
    assert found["speed"] == {
        "ratio": 40.0,
        "source": "wav2lip on this machine, bf16: rendering alone, 25 fps",
        "device": "cuda",
    }
    machines = found["machines"]
    assert isinstance(machines, list)
    assert "CPU" not in {one["processor"] for one in machines}  # a GPU's speed is no processor's


def test_programs_get_each_machine_and_each_service(capsys: pytest.CaptureFixture[str]) -> None:
    found = document(capsys, "--speed", "5", "--size", "none", "--utilisation", "1")
    machines = found["machines"]
    assert isinstance(machines, list)
    assert len(machines) == len(load_prices().machines)
    first = machines[0]
    assert first["month"] == pytest.approx(1000 * 60 / 5 / 3600 * 0.1785 / 2 + first["storage"])
    assert found["prices"] == {
        "as_of": str(load_prices().as_of),
        "checked": load_prices().checked,
        "region": "us-east-1",
    }


def test_a_table_of_ones_own_is_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "mine.json"
    mine = json.loads(PRICES.read_text(encoding="utf-8")) | {"checked": "by anna, yesterday"}
    file.write_text(json.dumps(mine), encoding="utf-8")
    assert run(["cost", "--prices", str(file)]) == 0
    assert "checked: by anna, yesterday" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--videos", "0"], "videos"),
        (["--minutes", "-1"], "seconds"),
        (["--speed", "0"], "ratio"),
        (["--utilisation", "0"], "utilisation"),
        (["--speed", "1", "--renderer", "mesh"], "one of"),
        (["--like", "nothing.mp4"], "manifest"),
        (["--renderer", "no-such"], "optimize-engines"),
        (["--size", "huge"], "small, medium, large"),
        (["--machine", "K80"], "g4dn"),
    ],
)
def test_what_cannot_be_reckoned_is_refused(
    options: list[str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["cost", *options]) == 2
    assert why in capsys.readouterr().err
