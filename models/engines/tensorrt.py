"""TensorRT: an ONNX file to a plan for this card, and a plan called like a module."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from models.errors import EngineUnusable

WORKSPACE_BYTES = 2 << 30


def library() -> Any:  # noqa: ANN401, it has no types
    """Raises EngineUnusable where the library or the card is missing."""
    try:
        import tensorrt
    except ImportError as error:
        raise EngineUnusable(
            "TensorRT is not installed: pip install 'avatar-orchestrator[gpu]'"
        ) from error
    if not torch.cuda.is_available():
        raise EngineUnusable("TensorRT needs an NVIDIA card that torch can use")
    return tensorrt


def build(model: bytes, target: Path, batch: int) -> None:
    """For 1 to `batch` in the first input's first axis; Q/DQ pairs make it INT8.

    Raises EngineUnusable.
    """
    trt = library()
    log = trt.Logger(trt.Logger.WARNING)
    builder = trt.Builder(log)
    network = builder.create_network(0)
    parser = trt.OnnxParser(network, log)
    if not parser.parse(model):
        reasons = "; ".join(str(parser.get_error(index)) for index in range(parser.num_errors))
        raise EngineUnusable(f"TensorRT cannot read the network: {reasons}")
    config = builder.create_builder_config()
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, WORKSPACE_BYTES)
    for flag in ("FP16", "INT8"):  # newer libraries take the types from the network alone
        if hasattr(trt.BuilderFlag, flag):
            config.set_flag(getattr(trt.BuilderFlag, flag))
    first = network.get_input(0)
    rest = tuple(first.shape)[1:]
    profile = builder.create_optimization_profile()
    profile.set_shape(first.name, (1, *rest), (batch, *rest), (batch, *rest))
    config.add_optimization_profile(profile)
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        raise EngineUnusable("TensorRT could not build the network: see its log")
    target.write_bytes(bytes(plan))


class TensorRTEngine:
    def __init__(self, plan: Path) -> None:
        """Raises EngineUnusable."""
        trt = library()
        self._runtime = trt.Runtime(trt.Logger(trt.Logger.WARNING))
        self._engine = self._runtime.deserialize_cuda_engine(plan.read_bytes())
        if self._engine is None:
            raise EngineUnusable(f"{plan.name} is for another card or library: remove it")
        self._context = self._engine.create_execution_context()
        names = [self._engine.get_tensor_name(at) for at in range(self._engine.num_io_tensors)]
        self._inputs, self._output = names[:-1], names[-1]
        self._stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]

    def __call__(self, *inputs: Tensor) -> Tensor:
        given = [each.float().contiguous() for each in inputs]
        for name, each in zip(self._inputs, given, strict=True):
            self._context.set_input_shape(name, tuple(each.shape))
            self._context.set_tensor_address(name, each.data_ptr())
        shape = tuple(self._context.get_tensor_shape(self._output))
        drawn = torch.empty(shape, device=given[0].device)
        self._context.set_tensor_address(self._output, drawn.data_ptr())
        self._stream.wait_stream(torch.cuda.current_stream())
        self._context.execute_async_v3(self._stream.cuda_stream)
        torch.cuda.current_stream().wait_stream(self._stream)
        return drawn
