"""Trains a student step by step; where it is continued, it goes on bit by bit as if never stopped.

That holds for one processor and number of threads; a GPU sums in an order of its own each time.
What a step learns from is drawn from the seed and the step's number alone.
"""

import math
from collections.abc import Mapping

import torch
from pydantic import Field
from torch import Tensor

from models.contracts import Contract
from models.distill.corpus import Corpus
from models.distill.inheritance import inherited
from models.distill.losses import importance, loss
from models.distill.narrowing import narrowed
from models.distill.network import LipNetwork
from models.distill.teacher import Painter
from models.wav2lip.folding import fold, unprefixed
from models.wav2lip.layout import Activation

WARM_UP, LAST_RATE = 0.05, 0.02  # of the steps; of the rate
AVERAGED = 0.999  # of the running average of weights that is kept at each step
LARGEST_GRADIENT = 1.0  # norm

State = Mapping[str, Tensor]


class Recipe(Contract):
    """Two runs of the same recipe are the same run."""

    teacher: str  # sha256 of its weights
    corpus: str  # digest
    activation: Activation
    share: float  # of the teacher's weights
    seed: int = Field(ge=0, lt=1 << 31)
    faces: int = Field(default=4, ge=1)  # a step
    windows: int = Field(default=4, ge=1)  # of sound, for each of them
    rate: float = Field(default=1e-3, gt=0)


class Training:
    def __init__(
        self, recipe: Recipe, steps: int, corpus: Corpus, teacher: State, device: torch.device
    ) -> None:
        """Raises InvalidRequest, WeightsRefused."""
        folded, state = fold(teacher, recipe.activation), unprefixed(teacher)
        self.recipe, self.steps, self.step = recipe, steps, 0
        self.layout = narrowed(folded.layout, recipe.share)
        self._corpus, self._device = corpus, device
        self._teacher = Painter.of(folded, device)
        self._weight = importance(self.layout.size).to(device)
        self._student = LipNetwork(self.layout, recipe.activation)
        self._student.load_state_dict(inherited(state, folded.layout, self.layout))
        self._student.to(device).train()
        self._student.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._average = {key: value.clone() for key, value in self._student.state_dict().items()}
        self._optimiser = torch.optim.AdamW(self._student.parameters(), lr=recipe.rate)

    def advance(self) -> float:
        """One step; its loss."""
        recipe = self.recipe
        batch = self._corpus.batch(recipe.seed, self.step, recipe.faces, recipe.windows)
        batch = batch.on(self._device)
        wanted = self._teacher.draw(batch)
        for group in self._optimiser.param_groups:
            group["lr"] = recipe.rate * schedule(self.step, self.steps)
        self._optimiser.zero_grad(set_to_none=True)
        found = loss(self._student(batch.faces, batch.mel), wanted, self._weight)
        found.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self._student.parameters(), LARGEST_GRADIENT)
        self._optimiser.step()
        self.step += 1
        self._follow()
        return float(found.detach())

    def student(self) -> dict[str, Tensor]:
        """A checkpoint of the public layout: the running average."""
        return {key: value.cpu().contiguous() for key, value in self._average.items()}

    def state(self) -> dict[str, object]:
        return {
            "step": self.step,
            "student": self._student.state_dict(),
            "average": self._average,
            "optimiser": self._optimiser.state_dict(),
        }

    def restore(self, state: Mapping[str, object]) -> None:
        self.step = int(state["step"])  # type: ignore[call-overload]
        self._student.load_state_dict(state["student"])  # type: ignore[arg-type]
        self._optimiser.load_state_dict(state["optimiser"])  # type: ignore[arg-type]
        for key, value in state["average"].items():  # type: ignore[attr-defined]
            self._average[key].copy_(value)

    @torch.no_grad()
    def _follow(self) -> None:
        """A short run's average forgets how it began sooner."""
        kept = min(AVERAGED, self.step / (10 + self.step))
        for key, value in self._student.state_dict().items():
            if value.dtype.is_floating_point:
                self._average[key].lerp_(value, 1 - kept)
            else:
                self._average[key].copy_(value)


def schedule(step: int, steps: int) -> float:
    """Of the rate: up in a line, down in a cosine."""
    rising = max(1.0, WARM_UP * steps)
    if step < rising:
        return (step + 1) / (rising + 1)
    done = min(1.0, (step - rising) / max(1.0, steps - rising))
    return LAST_RATE + (1 - LAST_RATE) * (1 + math.cos(math.pi * done)) / 2
