"""Reads a checkpoint file's tensors, and runs nothing that stands in it."""

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from models.errors import WeightsRefused

INSIDE = ("state_dict", "model_state_dict", "model")  # where trainers put the weights


def read_checkpoint(path: Path) -> dict[str, Tensor]:
    """A safetensors file, or one that torch saved, to its state dict. Raises WeightsRefused."""
    content = _safetensors(path) if _is_safetensors(path) else _saved_by_torch(path)
    for name in INSIDE:
        if isinstance(content, Mapping) and isinstance(content.get(name), Mapping):
            content = content[name]
    if not isinstance(content, Mapping) or not content:
        raise WeightsRefused(f"{path.name} holds no state dict: export the network's weights")
    for key, value in content.items():
        if not isinstance(value, Tensor):
            raise WeightsRefused(f"{key} in {path.name} is no tensor: export the weights alone")
    return {str(key): value for key, value in content.items()}


def _is_safetensors(path: Path) -> bool:
    """By its content: eight bytes of length, then JSON."""
    with path.open("rb") as file:
        return file.read(9)[8:] == b"{"


def _safetensors(path: Path) -> Any:  # noqa: ANN401
    try:
        return load_file(path)
    except SafetensorError as error:
        raise WeightsRefused(f"{path.name} is damaged ({error}): fetch it again") from error


def _saved_by_torch(path: Path) -> Any:  # noqa: ANN401, whatever was saved
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise WeightsRefused(
            f"{path.name} holds code besides weights, which is never run: save its state_dict "
            "alone, best as safetensors"
        ) from error
    except (RuntimeError, EOFError, ValueError, KeyError) as error:
        reason = (str(error).splitlines() or [""])[0]
        raise WeightsRefused(f"{path.name} is no checkpoint ({reason}): fetch it again") from error
