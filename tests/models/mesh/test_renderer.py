"""The mesh renderer on a real photograph: the same frames always, and what is commanded."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from models.arrays import F32, U8
from models.contracts import Aspect, Background, BackgroundKind, Look
from models.mesh.renderer import MeshRenderer
from models.mesh.sampling import CpuSampler, TorchSampler
from models.motion.tracks import MOUTH_CHANNELS, MotionTrack
from models.portrait.analyser import FaceAnalyser
from models.portrait.face import Face, Picture
from models.renderer import Span

Portrait = tuple[Picture, Face]

CLOSED = {"press": 0.6, "closure": 1.0}
AH = {"gap": 0.125, "jaw": 0.095}
OO = {"gap": 0.032, "jaw": 0.02, "wide": -0.066, "pucker": 1.0}


def still(*mouths: dict[str, float]) -> MotionTrack:
    """One frame a mouth, everything else at rest."""
    count = len(mouths)
    mouth = np.zeros((count, len(MOUTH_CHANNELS)), np.float32)
    for row, values in enumerate(mouths):
        for name, value in values.items():
            mouth[row, MOUTH_CHANNELS.index(name)] = value
    zero = np.zeros(count, np.float32)
    return MotionTrack(
        mouth, zero, np.zeros((count, 2), np.float32), zero, np.zeros((count, 5), np.float32)
    )


def lively(count: int) -> MotionTrack:
    """Every control moves."""
    random = np.random.default_rng(7)
    mouth = random.uniform(0, 0.1, (count, len(MOUTH_CHANNELS))).astype(np.float32)
    return MotionTrack(
        mouth=mouth,
        blink=random.uniform(0, 1, count).astype(np.float32),
        gaze=random.uniform(-0.02, 0.02, (count, 2)).astype(np.float32),
        brow=random.uniform(0, 0.02, count).astype(np.float32),
        head=random.uniform(-0.04, 0.04, (count, 5)).astype(np.float32),
    )


def frames_of(
    portrait: Portrait,
    motion: MotionTrack,
    renderer: MeshRenderer | None = None,
    look: Look | None = None,
    span: Span | None = None,
) -> U8:
    renderer = renderer or MeshRenderer()
    prepared = renderer.prepare(*portrait, look or Look())
    batches = renderer.render(prepared, motion, span or Span(0, len(motion)))
    return np.concatenate(list(batches))


def opening(analyser: FaceAnalyser, frame: U8) -> float:
    face = analyser.faces(Picture(frame, None, "frame", ""))[0]
    points: F32 = face.landmarks[:, :2]
    scale = np.linalg.norm(points[33] - points[263])
    return float(np.linalg.norm(points[13] - points[14]) / scale)


def eye_opening(analyser: FaceAnalyser, frame: U8) -> float:
    points = analyser.faces(Picture(frame, None, "frame", ""))[0].landmarks[:, :2]
    heights = [np.linalg.norm(points[a] - points[b]) for a, b in ((159, 145), (386, 374))]
    return float(np.mean(heights) / np.linalg.norm(points[33] - points[263]))


def test_the_same_motion_gives_the_same_frames(astronaut: Portrait) -> None:
    assert np.array_equal(frames_of(astronaut, lively(4)), frames_of(astronaut, lively(4)))


@pytest.mark.parametrize("batch", [1, 3, 16])
def test_frames_do_not_depend_on_the_batch_size(astronaut: Portrait, batch: int) -> None:
    motion = lively(7)
    expected = frames_of(astronaut, motion, MeshRenderer(batch=8))
    assert np.array_equal(frames_of(astronaut, motion, MeshRenderer(batch=batch)), expected)


def test_frames_do_not_depend_on_the_number_of_threads(astronaut: Portrait) -> None:
    motion = lively(6)
    before = torch.get_num_threads(), cv2.getNumThreads()
    try:
        torch.set_num_threads(1)
        cv2.setNumThreads(1)
        one = frames_of(astronaut, motion)
        torch.set_num_threads(2)
        cv2.setNumThreads(2)
        two = frames_of(astronaut, motion)
    finally:
        torch.set_num_threads(before[0])
        cv2.setNumThreads(before[1])
    assert np.array_equal(one, two)


def test_a_span_is_a_part_of_the_whole(astronaut: Portrait) -> None:
    motion = lively(9)
    part = frames_of(astronaut, motion, span=Span(3, 8))
    assert np.array_equal(part, frames_of(astronaut, motion)[3:8])


def test_both_samplers_see_the_same_picture(astronaut: Portrait) -> None:
    motion = lively(4)
    by_opencv = frames_of(astronaut, motion, MeshRenderer(sampler=CpuSampler()))
    by_torch = frames_of(astronaut, motion, MeshRenderer(sampler=TorchSampler()))
    apart = np.abs(by_opencv.astype(int) - by_torch)
    assert apart.mean() < 0.25  # OpenCV samples in steps of 1/32 pixel


def test_everything_happens_on_the_device(astronaut: Portrait) -> None:
    """The meta device computes shapes only, and refuses any tensor left on the CPU."""
    renderer = MeshRenderer(device="meta")
    portrait = renderer.prepare(*astronaut, Look())
    frames = renderer._frames(portrait, renderer._controls(lively(3), 0, 3))
    assert frames.device.type == "meta"
    assert frames.shape == (3, 512, 512, 3)


def test_the_border_never_moves(astronaut: Portrait) -> None:
    moved = frames_of(astronaut, lively(4)).astype(int)
    rest = frames_of(astronaut, still({})).astype(int)
    for edge in (np.s_[:, 0], np.s_[:, -1], np.s_[:, :, 0], np.s_[:, :, -1]):
        assert np.abs(moved[edge] - rest[edge]).max() <= 1


def test_open_eyes_at_rest_are_the_photo(astronaut: Portrait) -> None:
    renderer = MeshRenderer()
    prepared = renderer.prepare(*astronaut, Look())
    frame = next(iter(renderer.render(prepared, still({}), Span(0, 1))))[0]
    photo = cv2.resize(prepared.canvas.rgb, prepared.size, interpolation=cv2.INTER_AREA)
    for part in prepared.eyes:
        cell = prepared.grid.cell
        rows = slice(part.box.top * cell, part.box.bottom * cell)
        columns = slice(part.box.left * cell, part.box.right * cell)
        apart = np.abs(frame[rows, columns].astype(int) - np.asarray(photo)[rows, columns])
        assert apart.max() <= 2


def test_lips_close_on_a_toothy_smile(astronaut: Portrait, face_models: Path) -> None:
    analyser = FaceAnalyser(face_models)
    assert opening(analyser, astronaut[0].rgb) > 0.08
    assert opening(analyser, frames_of(astronaut, still(CLOSED))[0]) < 0.012


def test_lips_open_as_far_as_commanded(astronaut: Portrait, face_models: Path) -> None:
    analyser = FaceAnalyser(face_models)
    gaps = (0.04, 0.08, 0.125)
    frames = frames_of(astronaut, still(*({"gap": gap, "jaw": 0.7 * gap} for gap in gaps)))
    measured = [opening(analyser, frame) for frame in frames]
    assert measured == pytest.approx(gaps, abs=0.02)


def test_rounded_lips_are_narrower(astronaut: Portrait, face_models: Path) -> None:
    analyser = FaceAnalyser(face_models)

    def width(frame: U8) -> float:
        points = analyser.faces(Picture(frame, None, "frame", ""))[0].landmarks[:, :2]
        return float(np.linalg.norm(points[61] - points[291]))

    ah, oo = frames_of(astronaut, still(AH, OO))
    assert width(oo) < 0.85 * width(ah)


def test_a_blink_closes_the_eyes(astronaut: Portrait, face_models: Path) -> None:
    analyser = FaceAnalyser(face_models)
    motion = replace(still(CLOSED, CLOSED), blink=np.array([0, 1], np.float32))
    rest, shut = (eye_opening(analyser, frame) for frame in frames_of(astronaut, motion))
    assert shut < 0.2 * rest


def test_a_glance_moves_the_iris_and_leaves_the_lids(
    astronaut: Portrait, face_models: Path
) -> None:
    analyser = FaceAnalyser(face_models)
    motion = replace(still(CLOSED, CLOSED), gaze=np.array([[-0.02, 0], [0.02, 0]], np.float32))
    left, right = (
        analyser.faces(Picture(frame, None, "frame", ""))[0].landmarks
        for frame in frames_of(astronaut, motion)
    )
    assert right[468, 0] - left[468, 0] > 2
    assert abs(right[159, 1] - left[159, 1]) < 1


@pytest.mark.parametrize("aspect", list(Aspect))
@pytest.mark.parametrize("resolution", [256, 512, 720, 1080])
def test_every_size_is_rendered(astronaut: Portrait, aspect: Aspect, resolution: int) -> None:
    look = Look.model_validate({"resolution": resolution, "aspect": aspect})
    width, height = look.size
    assert frames_of(astronaut, lively(1), look=look).shape == (1, height, width, 3)


@pytest.mark.parametrize("angle", [30, -90, 180])
def test_a_turned_photo_is_shown_upright(
    astronaut: Portrait, face_models: Path, angle: int
) -> None:
    picture, _ = astronaut
    turn = cv2.getRotationMatrix2D((256, 200), angle, 0.8)
    turned = np.asarray(cv2.warpAffine(picture.rgb, turn, (512, 512)), np.uint8)
    analyser = FaceAnalyser(face_models)
    tilted = Picture(turned, None, "turned", "")
    frame = frames_of((tilted, analyser.faces(tilted)[0]), still(CLOSED))[0]
    assert abs(analyser.faces(Picture(frame, None, "frame", ""))[0].roll_deg) < 4


def masked(portrait: Portrait) -> Portrait:
    """With a disc around the face for a person."""
    picture, face = portrait
    mask = np.zeros(picture.rgb.shape[:2], np.uint8)
    centre = face.landmarks[:, :2].mean(axis=0).astype(int).tolist()
    cv2.circle(mask, centre, 90, 255, -1)
    return replace(picture, alpha=mask), face


def behind(kind: BackgroundKind, **values: str) -> Look:
    return Look(background=Background.model_validate({"kind": kind, **values}))


def test_a_colour_stands_behind_the_person(astronaut: Portrait) -> None:
    look = behind(BackgroundKind.COLOUR, colour="#10c020")
    frame = frames_of(masked(astronaut), still(CLOSED), look=look)[0]
    assert frame[2, 2].tolist() == [0x10, 0xC0, 0x20]
    assert np.abs(frame[240, 256].astype(int) - [0x10, 0xC0, 0x20]).max() > 40


def test_a_transparent_background_is_an_alpha_channel(astronaut: Portrait) -> None:
    look = behind(BackgroundKind.TRANSPARENT)
    frame = frames_of(masked(astronaut), still(CLOSED), look=look)[0]
    assert frame.shape[2] == 4
    assert frame[2, 2, 3] == 0
    assert frame[240, 256, 3] == 255


def test_a_blurred_background_keeps_the_face_sharp(astronaut: Portrait) -> None:
    plain = frames_of(masked(astronaut), still(CLOSED))[0]
    blurred = frames_of(masked(astronaut), still(CLOSED), look=behind(BackgroundKind.BLUR))[0]
    detail = [cv2.Laplacian(frame[:60, :60], cv2.CV_32F).std() for frame in (plain, blurred)]
    assert detail[1] < 0.5 * detail[0]
    assert np.abs(plain[200:260, 230:280].astype(int) - blurred[200:260, 230:280]).max() <= 1


def test_a_background_without_a_mask_is_refused(astronaut: Portrait) -> None:
    with pytest.raises(ValueError, match="mask"):
        frames_of(astronaut, still(CLOSED), look=behind(BackgroundKind.BLUR))
