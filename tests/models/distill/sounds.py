"""A recording that passes for speech."""

from pathlib import Path

import numpy as np
import soundfile


def spoken(path: Path, seconds: float) -> Path:
    """Noise that comes and goes in syllables."""
    random, time_s = np.random.default_rng(4), np.arange(round(16_000 * seconds)) / 16_000
    loudness = 0.3 * np.abs(np.sin(2 * np.pi * 2.1 * time_s))
    soundfile.write(path, loudness * random.standard_normal(len(time_s)).clip(-3, 3) / 3, 16_000)
    return path
