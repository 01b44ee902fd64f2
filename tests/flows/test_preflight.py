import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from skimage import io

from flows.preflight import preflight
from models.contracts import PreflightReport, PreflightRequest
from models.storage import LocalStore


def asked(**fields: object) -> PreflightReport:
    return preflight(PreflightRequest.model_validate(fields))


def test_faces_and_their_boxes_are_reported(store_here: Path, portrait_file: Path) -> None:
    report = asked(portrait={"image": str(portrait_file)}, key_prefix="preflights/a")
    assert report.ok
    assert report.portrait is not None
    left, top, right, bottom = report.portrait.faces[0].box
    assert 0 < left < right < 512
    assert 0 < top < bottom < 512
    kept = (store_here / "preflights/a/report.json").read_text()
    assert PreflightReport.model_validate_json(kept) == report


def test_a_picture_from_the_store_will_do(store_here: Path, portrait_file: Path) -> None:
    LocalStore(store_here).put(portrait_file, "uploads/astronaut.png")
    assert asked(portrait={"image": "store:uploads/astronaut.png"}).ok


def test_a_refusal_is_a_report_with_its_reason(store_here: Path, tmp_path: Path) -> None:
    io.imsave(tmp_path / "grey.png", np.full((300, 300, 3), 128, np.uint8), check_contrast=False)
    soundfile.write(tmp_path / "silence.wav", np.zeros(16_000), 16_000)
    report = asked(
        portrait={"image": str(tmp_path / "grey.png")}, recording=str(tmp_path / "silence.wav")
    )
    assert not report.ok
    assert report.portrait_refused is not None
    assert report.portrait_refused.code == "face_not_found"
    assert report.recording_refused is not None
    assert report.recording_refused.code == "audio_silent"


@pytest.mark.parametrize("key", ["uploads/gone.png", "../outside.png"])
def test_what_the_store_has_not_is_refused(store_here: Path, key: str) -> None:
    report = asked(portrait={"image": f"store:{key}"})
    assert report.portrait_refused is not None
    assert report.portrait_refused.code == "invalid_request"
    assert key in report.portrait_refused.message


def test_what_is_not_the_caller_s_to_mend_is_told_as_an_error(
    store_here: Path, portrait_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise RuntimeError("no analyser")

    monkeypatch.setattr("tasks.preflight.face_analyser", broken)
    with pytest.raises(RuntimeError):
        asked(portrait={"image": str(portrait_file)}, key_prefix="preflights/b")
    told = json.loads((store_here / "preflights/b/error.json").read_text())
    assert told == {
        "code": "unexpected",
        "message": "RuntimeError: no analyser",
        "retryable": False,
    }
