"""A teacher, portraits and recordings become a smaller network, among this machine's weights."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

import torch
from safetensors.torch import save_file

from models.distill import checkpoint
from models.distill.judge import Judge
from models.distill.material import Material, gather
from models.distill.narrowing import parameters
from models.distill.report import Report, Score, write_report, write_sheet
from models.distill.speed import side_by_side
from models.distill.training import Recipe, Training
from models.errors import InvalidRequest
from models.media.files import replacing, writing_to
from models.portrait.analyser import FaceAnalyser
from models.wav2lip.folding import fold
from models.weights.folder import FOLDER, WeightsFolder
from models.weights.pins import Pin

LAYOUT = "wav2lip"
STUDENT, REPORT, SHEET = "student.safetensors", "report.json", "sheet.png"

Told = Callable[[str], None]


@dataclass(frozen=True)
class Order:
    """What is to be distilled from what."""

    portraits: Sequence[Path]
    recordings: Sequence[Path]
    out: Path  # folder for checkpoint, student, report and sheet
    models: Path
    teacher: str = "wav2lip"
    name: str = "wav2lip-student"
    share: float = 0.5  # of the teacher's weights
    steps: int = 20_000
    every: int = 500  # steps between scores, and checkpoints
    seed: int = 0
    device: str = "cpu"


def distil(order: Order, told: Told = lambda line: None) -> Report:
    """Train, judge, and add the student to the weights, under its teacher's licence.

    Raises InvalidRequest, MissingWeights, WeightsRefused, MissingModels, OutputError.
    """
    _check(order)
    weights = WeightsFolder(order.models / FOLDER)
    pin = _teacher(weights, order)
    state = weights.load(order.teacher)
    folded = fold(state, pin.activation)
    finder = FaceAnalyser(order.models)
    material = gather(order.portraits, order.recordings, finder, folded.layout.size)
    for reason in material.skipped:
        told(f"left out: {reason}")
    recipe = Recipe(
        teacher=pin.sha256,
        corpus=material.corpus.digest,
        activation=pin.activation,
        share=order.share,
        seed=order.seed,
    )
    device = torch.device(order.device)
    training = Training(recipe, order.steps, material.corpus, state, device)
    judge = Judge.of(material.corpus, folded, device)
    scores = _train(training, judge, order, told)
    student = _added(order, weights, pin, training)
    write_sheet(judge.faces, judge.wanted, judge.drawn(training), order.out / SHEET)
    report = _report(pin, student, material, training, judge, scores)
    write_report(report, order.out / REPORT)
    return report


def _check(order: Order) -> None:
    if order.steps < 1 or order.every < 1:
        raise InvalidRequest("a student needs one step at least, and one between scores")
    with writing_to(order.out):
        order.out.mkdir(parents=True, exist_ok=True)
        TemporaryFile(dir=order.out).close()  # rather now than after a night's training


def _teacher(weights: WeightsFolder, order: Order) -> Pin:
    pin = weights.verify(order.teacher)
    if pin.layout != LAYOUT:
        raise InvalidRequest(f"{order.teacher} has the layout {pin.layout}: name one of {LAYOUT}")
    ours = str((order.out / STUDENT).resolve())
    if any(other.name == order.name and other.source != ours for other in weights.pins()):
        raise InvalidRequest(f"there are weights {order.name} already: choose another --name")
    return pin


def _train(training: Training, judge: Judge, order: Order, told: Told) -> tuple[Score, ...]:
    scores = checkpoint.resume(order.out, training)
    if training.step:
        told(f"going on after step {training.step}")
    while training.step < order.steps:
        began, first = time.perf_counter(), training.step
        stop = min(order.steps, (first // order.every + 1) * order.every)
        losses = [training.advance() for _ in range(first, stop)]
        seconds = time.perf_counter() - began
        psnr_db, ssim = judge.score(training)
        mean = sum(losses) / len(losses)
        score = Score(step=stop, loss=mean, psnr_db=psnr_db, ssim=ssim, seconds=seconds)
        scores = (*scores, score)
        checkpoint.save(order.out, training, scores)
        told(
            f"step {stop}: loss {mean:.4f}, {psnr_db:.2f} dB, SSIM {ssim:.4f}, "
            f"{seconds / len(losses):.2f} s a step"
        )
    return scores


def _added(order: Order, weights: WeightsFolder, teacher: Pin, training: Training) -> Pin:
    """The student, as weights like any others; what a former run with this folder left goes."""
    student = order.out / STUDENT
    with replacing(student) as part, writing_to(student):
        save_file(training.student(), part)
    weights.forget(order.name)
    return weights.add(
        order.name,
        str(student.resolve()),
        licence=teacher.licence,
        commercial_use=teacher.commercial_use,
        layout=LAYOUT,
        activation=teacher.activation,
    )


def _report(
    teacher: Pin,
    student: Pin,
    material: Material,
    training: Training,
    judge: Judge,
    scores: tuple[Score, ...],
) -> Report:
    return Report(
        teacher=teacher.name,
        teacher_sha256=teacher.sha256,
        licence=student.licence,
        commercial_use=student.commercial_use,
        name=student.name,
        sha256=student.sha256,
        portraits=material.portraits,
        portraits_held_out=material.corpus.held_faces,
        sound_s=material.sound_s,
        skipped=material.skipped,
        teacher_parameters=parameters(judge.teacher.layout),
        student_parameters=parameters(training.layout),
        scores=scores,
        speed=side_by_side(judge.teacher, judge.folded(training), judge.batch, judge.device),
    )
