"""Many channels to one, without losing speech that the channels cancel."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from models.arrays import F32, F64

WEIGHTS = {"LFE": 0.0, "LFE2": 0.0, "FL": 0.7, "FR": 0.7, "FC": 1.0}  # as ITU-R BS.775-3
OTHER_WEIGHT = 0.5
UNNAMED = {  # the order of WAVEFORMATEXTENSIBLE, for files that do not say
    2: ("FL", "FR"),
    6: ("FL", "FR", "FC", "LFE", "BL", "BR"),
    8: ("FL", "FR", "FC", "LFE", "BL", "BR", "SL", "SR"),
}
OPPOSED = -0.5  # correlation below which a channel counts as turned over
INAUDIBLE = 1e-4  # power, of the loudest channel: -40 dB


class Downmix:
    """Channels weighted by their place, turned over where they oppose the loudest one.

    Silent channels do not dilute the others: a voice on the left only keeps its level. Weights
    follow from everything heard so far and are blended in over one block.
    """

    def __init__(self, channel_names: Sequence[str]) -> None:
        names = UNNAMED.get(len(channel_names), tuple(channel_names))
        if "NONE" not in channel_names:
            names = tuple(channel_names)
        self._places = np.array([WEIGHTS.get(name, OTHER_WEIGHT) for name in names])  # (C,)
        if not self._places.any():
            self._places[:] = 1.0
        self._shared: F64 = np.zeros((len(names), len(names)))  # covariance
        self._possible: F64 = np.zeros_like(self._shared)  # covariance, if they were alike
        self._weights: F64 | None = None
        self.turned_over = False

    def mix(self, sound: Iterable[F32]) -> Iterator[F32]:
        """(C, N) blocks to (N,) blocks."""
        for block in sound:
            yield block[0] if len(block) == 1 else self._mixed(block)

    def _mixed(self, block: F32) -> F32:
        shared = np.cov(block, bias=True) * block.shape[1]
        self._shared += shared
        # block by block, so that a channel's silence says nothing about its sign
        self._possible += np.sqrt(np.outer(shared.diagonal(), shared.diagonal()))
        wanted = self._wanted()
        before = wanted if self._weights is None else self._weights
        self._weights = wanted
        if np.array_equal(before, wanted):
            return (wanted @ block).astype(np.float32)
        blend = np.linspace(0, 1, block.shape[1])
        return ((before @ block) * (1 - blend) + (wanted @ block) * blend).astype(np.float32)

    def _wanted(self) -> F64:
        own = self._shared.diagonal() * (self._places > 0)
        loudest = int(np.argmax(own))
        if own[loudest] == 0:
            return np.asarray(self._places / self._places.sum())
        correlation = self._shared[loudest] / np.maximum(self._possible[loudest], 1e-30)
        signs = np.where(correlation < OPPOSED, -1.0, 1.0)
        heard = self._places * (own > INAUDIBLE * own[loudest])
        self.turned_over = bool((signs[heard > 0] < 0).any())
        return np.asarray(signs * heard / heard.sum())
