"""A models folder with random weights of the real size, added like anybody's."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import torch

from models.assets import DEFAULT_CACHE
from models.weights.folder import FOLDER, WeightsFolder
from tests.models.wav2lip import published


def prepared_apart(folder: Path) -> Path:
    """By a process of its own: what making random weights leaves behind is no worker's."""
    with ProcessPoolExecutor(1, get_context("spawn")) as process:
        return process.submit(prepared_folder, folder).result()


def prepared_folder(folder: Path) -> Path:
    """The face models, and weights that were added like anybody's."""
    for model in DEFAULT_CACHE.iterdir():
        (folder / model.name).symlink_to(model)
    checkpoint = folder / "random.pth"
    torch.save({"state_dict": published.random_state()}, checkpoint)
    weights = WeightsFolder(folder / FOLDER)
    weights.add("wav2lip", str(checkpoint), licence="random", commercial_use=True)
    return folder
