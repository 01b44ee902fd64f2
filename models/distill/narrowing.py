"""A layout with fewer channels: the same stages, kernels and keys, told from its shapes again."""

from dataclasses import replace

from models.errors import InvalidRequest
from models.wav2lip.layout import (
    FACE_CHANNELS,
    MEL_CHANNELS,
    Layout,
    Stage,
    read_layout,
)

LEAST_SHARE = 0.1
MULTIPLE = 8  # of channels, where there are many: what vector units and tensor cores take


def narrowed(layout: Layout, share: float) -> Layout:
    """With about `share` of the weights, 0.1..1. Raises InvalidRequest."""
    if not LEAST_SHARE <= share <= 1:
        raise InvalidRequest(f"a student has {LEAST_SHARE:g} to 1 of its teacher, not {share:g}")
    width = share**0.5  # a convolution's weights go with inputs and with outputs
    face, inputs = [], FACE_CHANNELS
    for stage in layout.face:
        face.append(_narrower(stage, inputs, width))
        inputs = face[-1][-1].outputs
    audio = _narrower(layout.audio, MEL_CHANNELS, width)
    decoder, inputs = [], audio[-1].outputs
    for stage, skipped in zip(layout.decoder, reversed(face), strict=True):
        decoder.append(_narrower(stage, inputs, width))
        inputs = decoder[-1][-1].outputs + skipped[-1].outputs
    first, last = layout.output
    first = replace(first, inputs=inputs, outputs=_channels(first.outputs, width))
    made = Layout(
        layout.size,
        tuple(face),
        audio,
        tuple(decoder),
        (first, replace(last, inputs=first.outputs)),
    )
    if read_layout(made.shapes()) != made:
        raise InvalidRequest(f"a student of {share:g} has no shapes of its own: use a larger share")
    return made


def parameters(layout: Layout) -> int:
    """Numbers that are learnt."""
    fixed = ("running_mean", "running_var", "num_batches_tracked")
    return sum(_product(shape) for key, shape in layout.shapes().items() if not key.endswith(fixed))


def _narrower(stage: Stage, inputs: int, width: float) -> Stage:
    made = []
    for conv in stage:
        made.append(replace(conv, inputs=inputs, outputs=_channels(conv.outputs, width)))
        inputs = made[-1].outputs
    return tuple(made)


def _channels(count: int, width: float) -> int:
    """Of few channels each counts, and none is lost altogether."""
    unit = max(1, min(MULTIPLE, count // MULTIPLE))
    return max(unit, unit * round(count * width / unit))


def _product(shape: tuple[int, ...]) -> int:
    result = 1
    for each in shape:
        result *= each
    return result
