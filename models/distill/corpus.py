"""What a student learns from: faces as the renderer shows them to a network, and sound."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from models.errors import InvalidRequest
from models.motion.tracks import MEL_BANDS, MEL_RATE_HZ, WINDOW_ROWS
from models.wav2lip.crop import network_input
from models.wav2lip.mel import windows

LEAST_S = 10.0  # of sound
PIECE = MEL_RATE_HZ  # rows; every eighth piece is kept from the student, to judge it by
HELD_PIECE, HELD_FACE = 8, 5  # of so many, the last; with fewer faces none is kept from it
SILENCES = 1 / 16  # of the windows: what a mouth does before and after
LOUDER = 0.5  # mel units, 6 dB: recordings differ in level
BRIGHTER, TINTED = 0.1, 0.04  # of the range
SILENT = -4.0


@dataclass(frozen=True)
class Batch:
    faces: Tensor  # (F, 6, S, S), the masked face and the face, BGR 0..1
    mel: Tensor  # (F * W, 1, 80, 16), W windows a face

    def on(self, device: torch.device) -> "Batch":
        return Batch(self.faces.to(device), self.mel.to(device))


@dataclass(frozen=True)
class Corpus:
    faces: Tensor  # (N, V, 3, S, S) uint8 BGR: V crops of each face, the first exact
    rows: Tensor  # (M, 80) of all recordings
    starts: Tensor  # (K,) rows at which a window to learn from begins
    unheard: Tensor  # (L,) and one to judge by

    @property
    def seen(self) -> Tensor:
        """Faces to learn from."""
        return torch.tensor([at for at in range(len(self.faces)) if at not in self._held])

    @property
    def unseen(self) -> Tensor:
        """Faces to judge by: new ones, where there are enough."""
        return torch.tensor(self._held) if self._held else self.seen

    @property
    def held_faces(self) -> int:
        return len(self._held)

    @property
    def _held(self) -> list[int]:
        return list(range(HELD_FACE - 1, len(self.faces), HELD_FACE))

    @cached_property
    def digest(self) -> str:
        found = hashlib.sha256()
        for part in (self.faces, self.rows):
            found.update(part.numpy().tobytes())
        return found.hexdigest()

    def batch(self, seed: int, step: int, faces: int, each: int) -> Batch:
        """Step `step`'s: the same whenever it is drawn. `each` windows of each of `faces`."""
        number = np.random.SeedSequence((seed, step)).generate_state(1)[0]
        random = torch.Generator().manual_seed(int(number))  # which looks at 32 bits only
        chosen = self.seen[torch.randint(len(self.seen), (faces,), generator=random)]
        views = torch.randint(self.faces.shape[1], (faces,), generator=random)
        shown = self.faces[chosen, views].float() / 255
        starts = self.starts[torch.randint(len(self.starts), (faces * each,), generator=random)]
        return Batch(_varied(shown, random), _varied_sound(windows(self.rows, starts), random))

    def judged(self, faces: int, each: int) -> Batch:
        """As it is, what no student learns from, spread over all there is of it."""
        chosen = self.unseen[_spread(len(self.unseen), min(faces, len(self.unseen)))]
        starts = self.unheard[_spread(len(self.unheard), len(chosen) * each)]
        order = torch.arange(len(starts)).view(each, -1).T.reshape(-1)  # each face hears all of it
        return Batch(
            _inputs(self.faces[chosen, 0].float() / 255), windows(self.rows, starts[order])
        )


def corpus_of(faces: Sequence[Tensor], recordings: Sequence[Tensor]) -> Corpus:
    """Crops (V, 3, S, S) uint8 of each face, and mel rows (M, 80) of each recording.

    Raises InvalidRequest where there is too little sound.
    """
    duration_s = sum(len(rows) for rows in recordings) / MEL_RATE_HZ
    if duration_s < LEAST_S:
        raise InvalidRequest(
            f"{duration_s:.1f} s of sound are too little: give at least {LEAST_S:g} s of speech"
        )
    rows = torch.cat(list(recordings))
    begins, first = [], 0
    for recording in recordings:  # no window reaches from one into the next
        begins.append(torch.arange(first, first + max(0, len(recording) - WINDOW_ROWS + 1)))
        first += len(recording)
    starts = torch.cat(begins)
    kept = _is_held(starts), _is_held(starts + WINDOW_ROWS - 1)
    return Corpus(
        faces=torch.stack(list(faces)),
        rows=rows.reshape(-1, MEL_BANDS),
        starts=starts[~kept[0] & ~kept[1]],
        unheard=starts[kept[0] & kept[1]],
    )


def _is_held(rows: Tensor) -> Tensor:
    return rows // PIECE % HELD_PIECE == HELD_PIECE - 1


def _varied(faces: Tensor, random: torch.Generator) -> Tensor:
    """Mirrored or not, brighter or darker, of another tint."""
    count = len(faces)
    mirrored = torch.rand(count, generator=random) < 0.5
    faces = torch.where(mirrored.view(-1, 1, 1, 1), faces.flip(3), faces)
    gain = 1 + BRIGHTER * (2 * torch.rand(count, 1, 1, 1, generator=random) - 1)
    tint = TINTED * (2 * torch.rand(count, 3, 1, 1, generator=random) - 1)
    return _inputs((faces * gain + tint).clamp(0, 1))


def _varied_sound(mel: Tensor, random: torch.Generator) -> Tensor:
    """Louder or quieter, and now and then silent."""
    shift = LOUDER * (2 * torch.rand(len(mel), 1, 1, 1, generator=random) - 1)
    silent = torch.rand(len(mel), 1, 1, 1, generator=random) < SILENCES
    return torch.where(silent, SILENT, (mel + shift).clamp(-4, 4))


def _inputs(faces: Tensor) -> Tensor:
    return torch.cat([network_input(face) for face in faces])


def _spread(size: int, count: int) -> Tensor:
    return torch.linspace(0, size - 1, count).round().long()
