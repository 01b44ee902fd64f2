from dataclasses import replace

import cv2
import numpy as np
import pytest
import skimage.data

from models.arrays import U8
from models.contracts import MIN_FACE_PX
from models.errors import (
    FaceBlurred,
    FaceIndexOutOfRange,
    FaceTooSmall,
    FaceTurned,
    NoFaceFound,
    NotAHuman,
    PortraitError,
)
from models.portrait.analyser import FaceAnalyser
from models.portrait.face import Face, Picture
from models.portrait.preflight import choose, inspect, preflight


def of(picture: Picture, rgb: U8) -> Picture:
    return replace(picture, rgb=np.ascontiguousarray(rgb))


def resized(picture: Picture, scale: float) -> Picture:
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    rgb = cv2.resize(picture.rgb, None, fx=scale, fy=scale, interpolation=how)
    return of(picture, np.asarray(rgb, np.uint8))


def side_by_side(picture: Picture) -> Picture:
    """Face 0 on the right, face 1, smaller, on the left."""
    canvas = np.full((512, 920, 3), 120, np.uint8)
    canvas[:460, :460] = cv2.resize(picture.rgb, (460, 460), interpolation=cv2.INTER_AREA)
    canvas[:, 408:] = picture.rgb
    return of(picture, canvas)


def test_a_good_portrait_passes_with_its_report(analyser: FaceAnalyser, photo: Picture) -> None:
    report = preflight(resized(photo, 2), analyser)
    (found,) = report.faces
    assert (report.width, report.height, report.chosen) == (1024, 1024, 0)
    assert found.height_px == pytest.approx(276, abs=12)
    assert (found.eyes, found.mouth) == ("open", "smiling with teeth")
    assert found.confidence > 0.8
    assert len(found.warnings) == 1
    assert found.warnings[0].startswith("a toothy smile")


def test_a_small_face_is_warned_about(analyser: FaceAnalyser, photo: Picture) -> None:
    (found,) = preflight(photo, analyser).faces
    assert any(warning.startswith("low resolution") for warning in found.warnings)


def test_a_picture_without_a_face_is_refused(analyser: FaceAnalyser) -> None:
    rgb = np.asarray(skimage.data.rocket(), np.uint8)  # type: ignore[no-untyped-call]
    with pytest.raises(NoFaceFound, match=r"no face in rocket\.jpg: use a frontal photo"):
        preflight(Picture(rgb, None, "rocket.jpg", ""), analyser)


def test_a_face_too_small_is_refused_with_its_size(analyser: FaceAnalyser, photo: Picture) -> None:
    with pytest.raises(FaceTooSmall, match=rf"is \d+ px high: .* at least {MIN_FACE_PX} px"):
        preflight(resized(photo, 0.6), analyser)


def test_a_blurred_face_is_refused(analyser: FaceAnalyser, photo: Picture) -> None:
    blurred = of(photo, np.asarray(cv2.GaussianBlur(photo.rgb, (0, 0), 2.4), np.uint8))
    with pytest.raises(FaceBlurred, match="is blurred"):
        preflight(blurred, analyser)


def test_an_enlarged_thumbnail_is_blurred(analyser: FaceAnalyser, photo: Picture) -> None:
    thumbnail = resized(photo, 0.25)
    with pytest.raises(FaceBlurred):
        preflight(resized(thumbnail, 6), analyser)


@pytest.mark.parametrize("angles", [{"yaw_deg": 50.0}, {"yaw_deg": -46.0}, {"pitch_deg": 60.0}])
def test_a_face_turned_away_is_refused(
    photo: Picture, face: Face, angles: dict[str, float]
) -> None:
    turned = replace(face, yaw_deg=angles.get("yaw_deg", 0), pitch_deg=angles.get("pitch_deg", 0))
    with pytest.raises(FaceTurned, match="within 45 degrees of frontal"):
        choose(photo, [turned])


def test_a_man_in_profile_is_refused(analyser: FaceAnalyser) -> None:
    gray = np.asarray(skimage.data.camera(), np.uint8)  # type: ignore[no-untyped-call]
    photo = Picture(np.repeat(gray[..., None], 3, axis=2), None, "camera.png", "")
    with pytest.raises(FaceTurned, match="is turned away by"):
        preflight(resized(photo, 2), analyser)


def test_what_is_no_human_face_is_refused(photo: Picture, face: Face) -> None:
    with pytest.raises(NotAHuman, match="no human one"):
        choose(photo, [replace(face, presence=0.2)])


def test_a_cat_is_refused(analyser: FaceAnalyser) -> None:
    rgb = np.asarray(skimage.data.chelsea(), np.uint8)  # type: ignore[no-untyped-call]
    with pytest.raises((NoFaceFound, NotAHuman)):
        preflight(Picture(rgb, None, "cat.jpg", ""), analyser)


def test_the_largest_of_several_speaks_and_the_report_says_so(
    analyser: FaceAnalyser, photo: Picture
) -> None:
    report = preflight(side_by_side(photo), analyser)
    assert report.chosen == 0
    assert report.faces[0].box[0] > 408 > report.faces[1].box[0]
    assert report.warnings == ("2 faces: the largest speaks, face_index chooses another",)


def test_another_face_can_be_chosen(analyser: FaceAnalyser, photo: Picture) -> None:
    report = preflight(side_by_side(photo), analyser, face_index=1)
    assert report.chosen == 1
    assert report.warnings == ()


def test_a_face_that_does_not_exist_is_refused(analyser: FaceAnalyser, photo: Picture) -> None:
    with pytest.raises(FaceIndexOutOfRange, match=r"face 2 of .* it shows 2, so use 0 to 1"):
        preflight(side_by_side(photo), analyser, face_index=2)


def test_refused_faces_are_reported_with_the_reason(analyser: FaceAnalyser, photo: Picture) -> None:
    small = resized(photo, 0.6)
    faces = analyser.faces(small)
    with pytest.raises(PortraitError) as refused:
        choose(small, faces)
    (report,) = inspect(small, faces).faces
    assert report.warnings == (str(refused.value),)
    assert report.height_px < MIN_FACE_PX


def test_a_report_without_faces_chooses_none(photo: Picture) -> None:
    report = inspect(photo, [])
    assert (report.faces, report.chosen) == ((), -1)


@pytest.mark.parametrize(
    ("change", "warning"),
    [
        ({"yaw_deg": 33.0}, "three-quarter view"),
        ({"yaw_deg": -33.0}, "three-quarter view"),
        ({"pitch_deg": 30.0}, "the head looks down"),
        ({"pitch_deg": -30.0}, "the head looks up"),
    ],
)
def test_angles_below_the_ideal_are_warned_about(
    photo: Picture, face: Face, change: dict[str, float], warning: str
) -> None:
    angles = {"yaw_deg": 0.0, "pitch_deg": 0.0, **change}
    posed = replace(face, yaw_deg=angles["yaw_deg"], pitch_deg=angles["pitch_deg"])
    (report,) = inspect(photo, [posed]).faces
    assert any(text.startswith(warning) for text in report.warnings)


def test_a_face_cut_off_by_the_edge_is_warned_about(analyser: FaceAnalyser, photo: Picture) -> None:
    cropped = of(photo, photo.rgb[:, :235])
    faces = analyser.faces(resized(cropped, 2))
    (report, *_) = inspect(resized(cropped, 2), faces).faces
    assert any("cut off" in text for text in report.warnings)


@pytest.mark.parametrize("light", [0.12, 3.0])
def test_bad_light_is_warned_about(photo: Picture, face: Face, light: float) -> None:
    lit = np.clip(photo.rgb.astype(np.float32) * light, 0, 255).astype(np.uint8)
    (report,) = inspect(of(photo, lit), [face]).faces
    assert any("badly lit" in text for text in report.warnings)
