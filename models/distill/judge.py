"""Judges students on faces and sound that they never learnt from."""

from dataclasses import dataclass

import torch
from torch import Tensor

from models.distill.corpus import Batch, Corpus
from models.distill.losses import psnr_db, ssim
from models.distill.teacher import Painter
from models.distill.training import Training
from models.wav2lip.crop import shown_from
from models.wav2lip.folding import Folded, fold

FACES, WINDOWS = 8, 8


@dataclass(frozen=True)
class Judge:
    """What students are judged by, and what the teacher draws of it, in the rows that show."""

    batch: Batch
    wanted: Tensor  # (F * W, 3, h, S) 0..1
    teacher: Folded
    device: torch.device

    @classmethod
    def of(cls, corpus: Corpus, teacher: Folded, device: torch.device) -> "Judge":
        batch = corpus.judged(FACES, WINDOWS).on(device)
        wanted = Painter.of(teacher, device, shown_from(teacher.layout.size)).draw(batch)
        return cls(batch, wanted, teacher, device)

    @property
    def faces(self) -> Tensor:
        """(F * W, 3, h, S) 0..1, as they are in the portraits."""
        top, each = -self.wanted.shape[2], len(self.batch.mel) // len(self.batch.faces)
        return self.batch.faces[:, 3:, top:].repeat_interleave(each, dim=0)

    def folded(self, training: Training) -> Folded:
        """The student as it would be saved, told from its shapes like any other weights."""
        return fold(training.student(), self.teacher.activation)

    def drawn(self, training: Training) -> Tensor:
        folded = self.folded(training)
        return Painter.of(folded, self.device, shown_from(folded.layout.size)).draw(self.batch)

    def score(self, training: Training) -> tuple[float, float]:
        """PSNR in dB and structural similarity to the teacher."""
        drawn = self.drawn(training)
        return psnr_db(drawn, self.wanted), ssim(drawn, self.wanted)
