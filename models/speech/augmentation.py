"""Makes the engine's log-mel sound like other voices, rooms, microphones - and like people."""

import torch
from torch import Tensor

from models.speech.features import BANDS


class Augmentation:
    """Random changes to batches of log-mel; seeded by its generator.

    `human` is (phones, densities, 40) of human_spectra; `engine` (phones, 40) is the engine's
    own mean of each phone, both relative to the utterance's level.
    """

    def __init__(self, human: Tensor, engine: Tensor, generator: torch.Generator) -> None:
        self._human = human
        self._engine = engine
        self._generator = generator

    def __call__(self, log_mel: Tensor, phones: Tensor) -> Tensor:
        """(B, T, 40) and (B, T), -1 no phone, to (B, T, 40)."""
        segments = _segments(phones)
        x = log_mel + self._towards_people(phones, segments)
        x = x + self._per_segment(segments, 1) * 0.7  # loudness of each phone
        x = x + self._field(x, rows=1, bands=9, scale=0.7)  # microphone
        x = x + self._field(x, rows=x.shape[1] // 12, bands=6, scale=0.5)  # articulation
        x = x + self._tilt(x)
        x = self._band_limited(x)
        x = self._in_noise(x)
        return self._masked(x)

    def _uniform(self, *shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        return low + (high - low) * torch.rand(*shape, generator=self._generator)

    def _normal(self, *shape: int) -> Tensor:
        return torch.randn(*shape, generator=self._generator)

    def _towards_people(self, phones: Tensor, segments: Tensor) -> Tensor:
        """Each phone's spectrum goes a random way towards one that people have for it."""
        batch, time = phones.shape
        shift = torch.zeros(batch, time, BANDS)
        count = int(segments.max()) + 1
        for _ in range(2):  # the mean of two densities: less extreme than one
            shape = (batch, count)
            drawn = torch.randint(self._human.shape[1], shape, generator=self._generator)
            density = drawn.gather(1, segments)
            shift += 0.5 * (self._human[phones.clamp(min=0), density])
        shift -= self._engine[phones.clamp(min=0)]
        shift = torch.where(phones[..., None] >= 0, shift, torch.zeros(()))
        return _smoothed(shift) * self._uniform(batch, 1, 1, high=1.1)

    def _per_segment(self, segments: Tensor, bands: int) -> Tensor:
        count = int(segments.max()) + 1
        values = self._normal(segments.shape[0], count, bands)
        return values.gather(1, segments[..., None].expand(-1, -1, bands))

    def _field(self, x: Tensor, rows: int, bands: int, scale: float) -> Tensor:
        """A smooth random field over time and frequency."""
        knots = self._normal(x.shape[0], 1, max(rows, 1), bands) * scale
        size = (x.shape[1], BANDS)
        field = torch.nn.functional.interpolate(knots, size, mode="bilinear", align_corners=True)
        return field[:, 0]

    def _tilt(self, x: Tensor) -> Tensor:
        slope = self._normal(x.shape[0], 1, 1) * 0.8
        return slope * torch.linspace(-1, 1, BANDS)

    def _band_limited(self, x: Tensor) -> Tensor:
        """A third of the batch loses its highest bands, a tenth its lowest, as on the telephone."""
        band = torch.arange(BANDS)
        top = torch.where(
            self._uniform(x.shape[0], 1, 1) < 0.33,
            self._uniform(x.shape[0], 1, 1, low=24, high=BANDS),
            torch.tensor(float(BANDS)),
        )
        bottom = 5 * (self._uniform(x.shape[0], 1, 1) < 0.1)
        return torch.where((band < top) & (band >= bottom), x, x - 6)

    def _in_noise(self, x: Tensor) -> Tensor:
        """Coloured noise 3..50 dB under the speech, with the flutter of a short window."""
        level = x.flatten(1).quantile(0.9, dim=1)[:, None, None]
        decibels = self._uniform(x.shape[0], 1, 1, low=3, high=50)
        floor = level - decibels / 4.343 + self._field(x, rows=1, bands=5, scale=1.2)
        return torch.logaddexp(x, floor + 0.45 * self._normal(*x.shape))

    def _masked(self, x: Tensor) -> Tensor:
        width = self._uniform(x.shape[0], 1, 1, high=5)
        start = self._uniform(x.shape[0], 1, 1, high=BANDS)
        band = torch.arange(BANDS)
        hidden = (band >= start) & (band < start + width)
        return torch.where(hidden, x.mean(dim=1, keepdim=True), x)


def normalised_batch(x: Tensor) -> Tensor:
    """What features.normalised does, for (B, T, 40)."""
    loudness = x.mean(dim=2)
    loud = (loudness >= loudness.median(dim=1, keepdim=True).values)[..., None]
    level = (x * loud).sum(dim=1, keepdim=True) / loud.sum(dim=1, keepdim=True)
    return ((x - level) / 3).clamp(-3.5, 3.5)


def _segments(phones: Tensor) -> Tensor:
    """(B, T) the running number of the phone a row belongs to."""
    changes = (phones[:, 1:] != phones[:, :-1]).long().cumsum(dim=1)
    return torch.nn.functional.pad(changes, (1, 0))


def _smoothed(x: Tensor) -> Tensor:
    """A mean over 50 ms along time."""
    return torch.nn.functional.avg_pool1d(
        x.transpose(1, 2), 5, stride=1, padding=2, count_include_pad=False
    ).transpose(1, 2)
