"""How well a student does, in figures and as a picture."""

from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from models.contracts import Contract
from models.media.files import replacing, writing_to

SHOWN, SCALE, LABEL_PX, AMPLIFIED = 6, 2, 22, 4
COLUMNS = ("face", "teacher", "student", f"difference x {AMPLIFIED}")


class Score(Contract):
    """After so many steps, on what the student never saw or heard."""

    step: int
    loss: float  # mean of the steps since the last score
    psnr_db: float  # of the rows that a video shows, against the teacher's
    ssim: float
    seconds: float  # of training since then


class Speed(Contract):
    """Windows a second through both networks, measured side by side."""

    teacher: float
    student: float
    ratio: float
    threads: int


class Report(Contract):
    teacher: str
    teacher_sha256: str
    licence: str
    commercial_use: bool
    name: str  # the student's, among the weights
    sha256: str
    portraits: int
    portraits_held_out: int
    sound_s: float
    skipped: tuple[str, ...]
    teacher_parameters: int
    student_parameters: int
    scores: tuple[Score, ...]
    speed: Speed


def write_report(report: Report, target: Path) -> None:
    """Raises OutputError."""
    with replacing(target) as part, writing_to(target):
        part.write_text(report.model_dump_json(indent=2) + "\n", encoding="utf-8")


def write_sheet(faces: Tensor, wanted: Tensor, drawn: Tensor, target: Path) -> None:
    """A PNG of some rows: face, teacher, student, their difference; (B, 3, h, S) BGR 0..1.

    Raises OutputError.
    """
    faces, wanted, drawn = faces.cpu(), wanted.cpu(), drawn.cpu()
    places = torch.linspace(0, len(drawn) - 1, min(SHOWN, len(drawn))).round().long()
    apart = (AMPLIFIED * (drawn - wanted).abs()).clamp(0, 1)
    rows = [torch.cat([each[at] for each in (faces, wanted, drawn, apart)], 2) for at in places]
    pixels = (255 * torch.cat(rows, 1)).round().to(torch.uint8).permute(1, 2, 0).numpy()
    large = cv2.resize(pixels, None, fx=SCALE, fy=SCALE, interpolation=cv2.INTER_CUBIC)
    sheet = np.vstack([_labels(large.shape[1]), large])
    _, encoded = cv2.imencode(".png", sheet)
    with replacing(target) as part, writing_to(target):
        part.write_bytes(encoded.tobytes())


def _labels(width: int) -> np.ndarray:
    strip = np.full((LABEL_PX, width, 3), 255, np.uint8)
    for index, label in enumerate(COLUMNS):
        place = (index * width // len(COLUMNS) + 4, LABEL_PX - 7)
        cv2.putText(strip, label, place, cv2.FONT_HERSHEY_SIMPLEX, 0.42, (0, 0, 0), 1, cv2.LINE_AA)
    return strip
