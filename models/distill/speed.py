"""How much faster a student draws than its teacher, on this machine."""

import time
from statistics import median

import torch

from models.distill.corpus import Batch
from models.distill.report import Speed
from models.distill.teacher import Painter
from models.engines.torch_engines import EagerEngine
from models.wav2lip.crop import shown_from
from models.wav2lip.folding import Folded

ROUNDS, WINDOWS = 5, 16


def side_by_side(teacher: Folded, student: Folded, batch: Batch, device: torch.device) -> Speed:
    """Turn by turn, so that what else the machine does slows both; the rows that a video shows."""
    mel = batch.mel[torch.arange(WINDOWS) % len(batch.mel)]
    taken: tuple[list[float], list[float]] = ([], [])
    with torch.inference_mode():
        runs = []
        for folded in (teacher, student):
            painter = Painter.of(folded, device, shown_from(folded.layout.size))
            runs.append((EagerEngine(painter.decoder), painter.encoder(batch.faces[:1])))
        for _ in range(ROUNDS + 1):  # the first also chooses kernels
            for (engine, maps), seconds in zip(runs, taken, strict=True):
                began = time.perf_counter()
                engine(mel, *maps).sum().item()
                seconds.append(time.perf_counter() - began)
    ratios = [slow / fast for slow, fast in zip(*taken, strict=True)]
    return Speed(
        teacher=WINDOWS / median(taken[0][1:]),
        student=WINDOWS / median(taken[1][1:]),
        ratio=median(ratios[1:]),
        threads=torch.get_num_threads(),
    )
