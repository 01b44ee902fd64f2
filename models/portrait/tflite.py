"""Reads a TensorFlow Lite file into a plain graph of tensors and operators, without TensorFlow.

Field numbers are those of TensorFlow Lite's schema.fbs, version 3. Constants that the file keeps
as half floats or sparse come out dense and float32, so DEQUANTIZE and DENSIFY are folded away.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from flatbuffers import flexbuffers
from numpy.typing import NDArray

from models.portrait.flatbuffer import Fields

Constant = NDArray[Any]

DTYPES: Mapping[int, str] = {0: "<f4", 1: "<f2", 2: "<i4"}
OPERATORS: Mapping[int, str] = {
    0: "ADD",
    1: "AVERAGE_POOL_2D",
    2: "CONCATENATION",
    3: "CONV_2D",
    4: "DEPTHWISE_CONV_2D",
    5: "DEPTH_TO_SPACE",
    6: "DEQUANTIZE",
    14: "LOGISTIC",
    17: "MAX_POOL_2D",
    18: "MUL",
    19: "RELU",
    22: "RESHAPE",
    23: "RESIZE_BILINEAR",
    32: "CUSTOM",
    34: "PAD",
    45: "STRIDED_SLICE",
    54: "PRELU",
    117: "HARD_SWISH",
    124: "DENSIFY",
}
FOLDED = ("DEQUANTIZE", "DENSIFY")

Slots = Mapping[str, tuple[int, str]]  # option -> field number and kind
ARITHMETIC: Slots = {"activation": (0, "Int8")}
WINDOW: Slots = {"padding": (0, "Int8"), "stride_w": (1, "Int32"), "stride_h": (2, "Int32")}
POOL: Slots = {**WINDOW, "width": (3, "Int32"), "height": (4, "Int32")}
OPTIONS: Mapping[str, Slots] = {
    "ADD": ARITHMETIC,
    "MUL": ARITHMETIC,
    "CONV_2D": {**WINDOW, "activation": (3, "Int8")},
    "DEPTHWISE_CONV_2D": {**WINDOW, "activation": (4, "Int8")},
    "MAX_POOL_2D": POOL,
    "AVERAGE_POOL_2D": POOL,
    "CONCATENATION": {"axis": (0, "Int32")},
    "DEPTH_TO_SPACE": {"block": (0, "Int32")},
}


@dataclass(frozen=True)
class Operator:
    kind: str  # as in OPERATORS; a custom operator goes by its own name
    inputs: tuple[int, ...]  # indices of tensors, -1 for one left out
    outputs: tuple[int, ...]
    options: Mapping[str, Any]


@dataclass(frozen=True)
class Graph:
    operators: tuple[Operator, ...]  # in order of execution
    constants: Mapping[int, Constant]
    shapes: Mapping[int, tuple[int, ...]]  # of every tensor, channels last
    inputs: tuple[int, ...]
    outputs: Mapping[str, int]


def read_graph(path: Path) -> Graph:
    """The first (and, in these models, only) subgraph of a .tflite file."""
    model = Fields.root(path.read_bytes())
    buffers = [buffer.array(0, "Uint8") for buffer in model.children(4)]
    kinds = [_kind(code) for code in model.children(1)]
    subgraph = next(model.children(2))
    tensors = list(subgraph.children(0))
    operators = [_operator(fields, kinds) for fields in subgraph.children(3)]
    return Graph(
        operators=tuple(operator for operator in operators if operator.kind not in FOLDED),
        constants=_fold(operators, dict(_constants(tensors, buffers))),
        shapes={index: _shape(tensor) for index, tensor in enumerate(tensors)},
        inputs=tuple(subgraph.array(1, "Int32").tolist()),
        outputs={tensors[i].text(3): i for i in subgraph.array(2, "Int32").tolist()},
    )


def _kind(code: Fields) -> str:
    name = OPERATORS[max(code.number(0, "Int8"), code.number(3, "Int32"))]
    return code.text(1) if name == "CUSTOM" else name


def _operator(fields: Fields, kinds: list[str]) -> Operator:
    kind = kinds[fields.number(0, "Uint32")]
    return Operator(
        kind=kind,
        inputs=tuple(fields.array(1, "Int32").tolist()),
        outputs=tuple(fields.array(2, "Int32").tolist()),
        options=_options(fields, kind),
    )


def _options(fields: Fields, kind: str) -> Mapping[str, Any]:
    custom = bytes(fields.array(5, "Uint8"))
    if kind == "Convolution2DTransposeBias":  # a C struct: padding, stride_w, stride_h
        return dict(zip(WINDOW, np.frombuffer(custom, "<i4", count=3).tolist(), strict=True))
    if custom:
        options: Mapping[str, Any] = flexbuffers.Loads(custom)
        return options
    builtin = fields.child(4)
    slots = OPTIONS.get(kind, {}) if builtin else {}
    return {name: builtin.number(*slot) for name, slot in slots.items() if builtin}


def _constants(
    tensors: list[Fields], buffers: list[NDArray[np.uint8]]
) -> Iterator[tuple[int, Constant]]:
    for index, tensor in enumerate(tensors):
        data = buffers[tensor.number(2, "Uint32")]
        if not len(data):
            continue
        values = data.view(DTYPES[tensor.number(1, "Int8")])
        sparsity = tensor.child(6)
        if sparsity:
            yield index, densify(values, _shape(tensor), sparsity)
        else:
            yield index, values.reshape(_shape(tensor))


def _fold(operators: list[Operator], constants: dict[int, Constant]) -> dict[int, Constant]:
    for operator in operators:
        if operator.kind in FOLDED:
            constants[operator.outputs[0]] = constants[operator.inputs[0]].astype(np.float32)
    return constants


def _shape(tensor: Fields) -> tuple[int, ...]:
    return tuple(tensor.array(0, "Int32").tolist())


def densify(values: Constant, shape: tuple[int, ...], sparsity: Fields) -> Constant:
    """Unpack a tensor whose last dimension is compressed row by row and whose others are dense.

    `values` (N,) holds the non-zeros; segment k of the last dimension's index says which of them
    form row k. The format allows more (blocks, other orders); these models do not use it.
    """
    *outer, last = sparsity.children(2)
    if any(dimension.number(0, "Int8") for dimension in outer) or len(sparsity.array(1, "Int32")):
        raise ValueError("unknown kind of sparse tensor: only rows compressed in order are read")
    segments = _index_vector(last, 2)
    columns = _index_vector(last, 4)
    dense = np.zeros((len(segments) - 1, shape[-1]), values.dtype)
    rows = np.repeat(np.arange(len(segments) - 1), np.diff(segments))
    dense[rows, columns] = values
    return dense.reshape(shape)


def _index_vector(dimension: Fields, slot: int) -> NDArray[np.int64]:
    """A SparseIndexVector union: its kind in `slot`, the table with the values after it."""
    kind = {1: "Int32", 2: "Uint16", 3: "Uint8"}[dimension.number(slot, "Uint8")]
    table = dimension.child(slot + 1)
    return (table.array(0, kind) if table else np.zeros(0)).astype(np.int64)
