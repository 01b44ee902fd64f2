"""Makes the engine's log-mel sound like other voices, rooms, microphones - and like people."""

import torch
from torch import Tensor

from models.speech.features import BANDS
from models.speech.human_spectra import HumanSpectra

_LEAST_HUMAN, _SPREAD = 0.5, 0.4


class Augmentation:
    """Random changes to batches of log-mel; seeded by its generator.

    `engine` (states, 40) is the engine's own mean of each state, relative to the utterance.
    """

    def __init__(self, human: HumanSpectra, engine: Tensor, generator: torch.Generator) -> None:
        self._means = torch.from_numpy(human.means)
        self._spreads = torch.from_numpy(human.spreads)
        self._weights = torch.from_numpy(human.weights)
        self._engine = engine
        self._generator = generator

    def __call__(self, log_mel: Tensor, states: Tensor) -> Tensor:
        """(B, T, 40) and (B, T), -1 no state, to (B, T, 40)."""
        segments = _segments(states)
        x = self._towards_people(log_mel, states, segments)
        x = x + self._per_segment(segments, 1) * 0.6  # loudness
        x = x + self._field(x, rows=1, bands=9, scale=0.7)  # microphone
        x = x + self._field(x, rows=x.shape[1] // 12, bands=6, scale=0.4)  # articulation
        x = x + self._tilt(x)
        x = self._band_limited(x)
        x = self._in_noise(x)
        return self._masked(x)

    def _uniform(self, *shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        return low + (high - low) * torch.rand(*shape, generator=self._generator)

    def _normal(self, *shape: int) -> Tensor:
        return torch.randn(*shape, generator=self._generator)

    def _towards_people(self, x: Tensor, states: Tensor, segments: Tensor) -> Tensor:
        """Each state's spectrum goes a random way towards one that people have for it.

        What is the utterance's own, the distance from the engine's mean, shrinks on the way.
        """
        batch = len(x)
        known = (states >= 0)[..., None]
        level = (x * known).sum(dim=1, keepdim=True) / known.sum(dim=1, keepdim=True).clamp(min=1)
        engine = self._engine[states.clamp(min=0)]
        own = (x - level - engine) * self._uniform(batch, 1, 1, low=0.2)
        shift = level + _smoothed(self._drawn(states, segments)) + own - x
        way = self._uniform(batch, 1, 1, low=_LEAST_HUMAN)
        return x + way * torch.where(known, shift, torch.zeros(()))

    def _drawn(self, states: Tensor, segments: Tensor) -> Tensor:
        """(B, T, 40) a spectrum for every segment, from the mixture of its state."""
        count = int(segments.max()) + 1
        state_of = torch.zeros(len(states), count, dtype=torch.int64)
        state_of.scatter_(1, segments, states.clamp(min=0))
        weights = self._weights[state_of.flatten()]
        density = torch.multinomial(weights, 1, generator=self._generator)[:, 0]
        phone = state_of.flatten() // 3
        spread = self._spreads[phone, density] * self._normal(len(phone), BANDS) * _SPREAD
        spectra = (self._means[phone, density] + spread).view(len(states), count, BANDS)
        return spectra.gather(1, segments[..., None].expand(-1, -1, BANDS))

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


def _segments(states: Tensor) -> Tensor:
    """(B, T) the running number of the state a row belongs to."""
    changes = (states[:, 1:] != states[:, :-1]).long().cumsum(dim=1)
    return torch.nn.functional.pad(changes, (1, 0))


def _smoothed(x: Tensor) -> Tensor:
    """A mean over 50 ms along time."""
    return torch.nn.functional.avg_pool1d(
        x.transpose(1, 2), 5, stride=1, padding=2, count_include_pad=False
    ).transpose(1, 2)
