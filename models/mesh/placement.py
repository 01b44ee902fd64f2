"""Moves what a portrait is made of to a device, tensors at any depth."""

from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

import torch
from torch import Tensor

T = TypeVar("T")


def placed(value: T, device: torch.device) -> T:
    """A dataclass, a tuple or a tensor with every tensor in it on `device`; the rest as it is."""
    moved: Any = value
    if isinstance(value, Tensor):
        moved = value.to(device)
    elif isinstance(value, tuple) and type(value) is tuple:
        moved = tuple(placed(item, device) for item in value)
    elif is_dataclass(value) and not isinstance(value, type):
        parts = {field.name: placed(getattr(value, field.name), device) for field in fields(value)}
        moved = replace(value, **parts)
    result: T = moved
    return result
