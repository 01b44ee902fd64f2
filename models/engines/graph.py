"""Writes an ONNX graph operator by operator, in FP32 or with Q/DQ pairs around what is INT8.

ONNX Runtime and TensorRT read the same file. Each operator belongs to a scope, a stage of the
network; scopes are what a sweep keeps in FP32 or not.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from models.arrays import F32

OPSET, IR = 17, 10
LAST_ROW = 1 << 30
Range = tuple[float, float]
Shape = Sequence[int | str]


@dataclass(frozen=True)
class Int8:
    """What is computed in eight bits, and in which ranges."""

    ranges: Mapping[str, Range]  # lowest and highest value by tensor
    convs: frozenset[str]  # scopes whose convolutions are INT8
    sums: frozenset[str] = frozenset()  # and those whose residual sums are, too
    signed: bool = False  # symmetric, as TensorRT wants it; else CPUs' unsigned activations

    def scale(self, tensor: str) -> tuple[float, int]:
        """Scale and zero point."""
        low, high = (float(value) for value in self.ranges[tensor])
        if self.signed:
            return max(-low, high, 1e-6) / 127, 0
        low, high = min(low, 0.0), max(high, 1e-6)
        scale = (high - low) / 255
        return scale, round(-low / scale)


@dataclass
class Graph:
    int8: Int8 | None = None
    leak: float = 0.0  # what its ReLUs let through of what is negative
    nodes: list[Any] = field(default_factory=list)
    constants: list[Any] = field(default_factory=list)
    inputs: list[Any] = field(default_factory=list)
    tensors: list[str] = field(default_factory=list)  # what operators made, in order
    _paired: dict[str, str] = field(default_factory=dict)

    def input(self, name: str, shape: Shape) -> str:
        self.inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
        self.tensors.append(name)
        return name

    def conv(
        self,
        x: str,
        weight: F32,
        bias: F32 | None,
        scope: str,
        *,
        strides: Sequence[int] = (1, 1),
        pads: Sequence[int] = (0, 0, 0, 0),
    ) -> str:
        """`weight` is (outputs, inputs, h, w); `pads` are top, left, bottom, right."""
        name = self._name("conv")
        small = self.int8 is not None and scope in self.int8.convs
        read = (
            [self._paired_int8(x), self._int8_weight(name, weight)]
            if small
            else [
                x,
                self._constant(f"{name}.weight", weight),
            ]
        )
        if bias is not None:
            read.append(self._constant(f"{name}.bias", bias))
        kernel = list(weight.shape[2:])
        made = self._add(
            "Conv", read, name, kernel_shape=kernel, strides=list(strides), pads=list(pads)
        )
        return self._paired_int8(made) if small else made  # else it's computed in FP32

    def add(self, x: str, y: str, scope: str) -> str:
        if self.int8 is not None and scope in self.int8.sums:
            return self._add("Add", [self._paired_int8(x), self._paired_int8(y)])
        return self._add("Add", [x, y])

    def relu(self, x: str) -> str:
        return self._add("LeakyRelu", [x], alpha=self.leak) if self.leak else self._add("Relu", [x])

    def sigmoid(self, x: str, name: str) -> str:
        return self._add("Sigmoid", [x], name)

    def rows_from(self, x: str, first: int) -> str:
        if not first:
            return x
        name = self._name("rows")
        ends = ((first, "first"), (LAST_ROW, "stop"), (2, "axis"))
        read = [self._constant(f"{name}.{end}", np.array([value])) for value, end in ends]
        return self._add("Slice", [x, *read], name)

    def without_last(self, x: str) -> str:
        """Less the last row and column."""
        name = self._name("less")
        ends = (([0, 0], "first"), ([-1, -1], "stop"), ([2, 3], "axes"))
        read = [self._constant(f"{name}.{end}", np.array(value)) for value, end in ends]
        return self._add("Slice", [x, *read], name)

    def pixel_shuffle(self, x: str) -> str:
        """(B, 4C, h, w) to (B, C, 2h, 2w)."""
        return self._add("DepthToSpace", [x], blocksize=2, mode="CRD")

    def model(
        self, output: str, shape: Sequence[int | str] | None, *, tell_all: bool = False
    ) -> bytes:
        """The file's bytes; `tell_all` makes every operator's result an output, to calibrate."""
        made = [helper.make_tensor_value_info(output, TensorProto.FLOAT, shape)]
        if tell_all:
            rest = [name for name in self.tensors if name != output]
            made += [helper.make_tensor_value_info(each, TensorProto.FLOAT, None) for each in rest]
        graph = helper.make_graph(self.nodes, "network", self.inputs, made, self.constants)
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR
        )
        if not tell_all:
            onnx.checker.check_model(model)
        serialised: bytes = model.SerializeToString()
        return serialised

    def _name(self, kind: str) -> str:
        return f"{kind}{len(self.tensors)}"

    def _add(self, kind: str, read: list[str], name: str | None = None, **how: Any) -> str:  # noqa: ANN401
        made = name or self._name(kind.lower())
        self.nodes.append(helper.make_node(kind, read, [made], name=made, **how))
        self.tensors.append(made)
        return made

    def _constant(self, name: str, values: np.ndarray) -> str:
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def _paired_int8(self, x: str) -> str:
        """`x` through a Q and a DQ, once."""
        if x in self._paired or x in self._paired.values() or self.int8 is None:
            return self._paired.get(x, x)
        scale, zero = self.int8.scale(x)
        kind = np.int8 if self.int8.signed else np.uint8
        read = [
            self._constant(f"{x}.scale", np.array(scale, np.float32)),
            self._constant(f"{x}.zero", np.array(zero, kind)),
        ]
        small, back = f"{x}.small", f"{x}.back"
        self.nodes.append(helper.make_node("QuantizeLinear", [x, *read], [small], name=small))
        self.nodes.append(helper.make_node("DequantizeLinear", [small, *read], [back], name=back))
        self._paired[x] = back
        return back

    def _int8_weight(self, name: str, weight: F32) -> str:
        """Symmetric, a scale for every output channel."""
        scale = np.maximum(np.abs(weight).max(axis=(1, 2, 3)) / 127, 1e-8).astype(np.float32)
        small = np.rint(weight / scale[:, None, None, None]).clip(-127, 127).astype(np.int8)
        read = [
            self._constant(f"{name}.weight", small),
            self._constant(f"{name}.weight.scale", scale),
            self._constant(f"{name}.weight.zero", np.zeros(len(scale), np.int8)),
        ]
        back = f"{name}.weight.back"
        self.nodes.append(helper.make_node("DequantizeLinear", read, [back], name=back, axis=0))
        return back
