"""What every frame hears of a recording: all states of the Whisper encoder around it."""

from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from models.arrays import I16
from models.media.waveform import ANALYSIS_RATE_HZ
from models.motion.tracks import HEARD_STEPS, Sound
from models.musetalk.layout import STEPS
from models.musetalk.sound import WINDOW, log_mel, steps_of

WINDOWS_KEPT = 2  # of 30 s: a frame on a border hears both sides of it


class Ears:
    def __init__(self, encoder: Any, device: torch.device) -> None:  # noqa: ANN401
        """`encoder` is transformers' WhisperEncoder, on the device."""
        self._encoder, self._device = encoder, device
        self.width = encoder.config.d_model

    def states(self, samples: I16) -> Tensor:
        """At most 30 s of samples to (steps, states, D), as many steps as they last."""
        mel = log_mel(samples)[None].to(self._device)
        found = self._encoder(mel, output_hidden_states=True).hidden_states
        return torch.stack(list(found), dim=2)[0, : steps_of(len(samples))].float()

    def silence(self) -> Tensor:
        """(1, steps · states, D): what a frame hears where there is nothing to hear."""
        second = np.zeros(ANALYSIS_RATE_HZ, np.int16)
        return Listener(self, Sound(second, np.full(1, HEARD_STEPS, np.int32))).heard(0, 1)


class Listener:
    """Hears one recording, in constant memory however long it is."""

    def __init__(self, ears: Ears, sound: Sound) -> None:
        self._ears, self._sound = ears, sound
        self._window = lru_cache(WINDOWS_KEPT)(self._states)

    def heard(self, first: int, stop: int) -> Tensor:
        """Of frames first..stop-1: (B, steps · states, D), each token marked with its place."""
        frames = [self._steps(int(start)) for start in self._sound.starts[first:stop]]
        tokens = torch.stack(frames).flatten(1, 2)
        return tokens + places(tokens.shape[1], self._ears.width).to(tokens.device)

    def _steps(self, start: int) -> Tensor:
        """(10, states, D) from a step on; what lies outside of the recording is 0."""
        stop = start + HEARD_STEPS
        windows = range(max(0, start) // STEPS, max(0, stop - 1) // STEPS + 1)
        found = torch.cat([self._window(each) for each in windows])
        at = start - windows[0] * STEPS
        inside = found[max(0, at) : max(0, at + HEARD_STEPS)]
        before = min(HEARD_STEPS, max(0, -at))
        after = HEARD_STEPS - before - len(inside)
        return functional.pad(inside, (0, 0, 0, 0, before, after))

    def _states(self, window: int) -> Tensor:
        return self._ears.states(self._sound.samples[window * WINDOW : (window + 1) * WINDOW])


def places(tokens: int, width: int) -> Tensor:
    """(tokens, D): sines and cosines by turns, ever slower, that tell where a token stands."""
    rates = torch.exp(torch.arange(0, width, 2) * (-np.log(10_000.0) / width))
    turns = torch.arange(tokens)[:, None] * rates
    return torch.stack([turns.sin(), turns.cos()], dim=2).flatten(1)
