"""ONNX Runtime on the CPU, called like the module it replaces."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from models.arrays import F32
from models.errors import EngineUnusable

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

PLAIN = {"session.intra_op.allow_spinning": "0"}  # waiting threads sleep: others use the cores


class OnnxEngine:
    def __init__(self, model: Path | bytes, threads: int) -> None:
        """Raises EngineUnusable."""
        self._session = session(model, threads)
        self._names = [each.name for each in self._session.get_inputs()]

    def __call__(self, *inputs: Tensor) -> Tensor:
        feed = {name: _array(x) for name, x in zip(self._names, inputs, strict=True)}
        return torch.from_numpy(self._session.run(None, feed)[0])


def session(model: Path | bytes, threads: int) -> "InferenceSession":
    """Raises EngineUnusable."""
    try:
        import onnxruntime
    except ImportError as error:
        raise EngineUnusable(
            "ONNX Runtime is not installed: pip install 'avatar-orchestrator[engines]'"
        ) from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    for name, value in PLAIN.items():
        options.add_session_config_entry(name, value)
    given: Any = model if isinstance(model, bytes) else str(model)
    try:
        return onnxruntime.InferenceSession(given, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its own exceptions share no base class
        raise EngineUnusable(f"ONNX Runtime cannot load the network: {error}") from error


def _array(x: Tensor) -> F32:
    return np.ascontiguousarray(x.float().cpu().numpy())
