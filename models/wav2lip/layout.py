"""The public Wav2Lip key layout, read from the shapes of a state dict.

Checkpoints for faces of 96, 192, 256, 288, 384 and 512 pixels share one grammar and differ in the
number of stages, their channels and kernels. All of that shows in the shapes; strides and
paddings, which don't, follow from it: a face shrinks to one pixel, and the decoder grows back to
the sizes it shrank through. What activates does not show at all: who adds weights says it.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from models.errors import WeightsRefused

Shape = tuple[int, ...]
Shapes = Mapping[str, Shape]
Stage = tuple["Conv", ...]
Activation = Literal["relu", "leaky"]

SIZES = (96, 192, 256, 288, 384, 512)  # of the faces that public checkpoints were trained on
FACE, AUDIO, DECODER, OUTPUT = (
    "face_encoder_blocks",
    "audio_encoder",
    "face_decoder_blocks",
    "output_block",
)
FACE_CHANNELS, MEL_CHANNELS = 6, 1  # two BGR pictures; one spectrogram
MEL_SHAPE = (80, 16)  # bands, rows of a window
MEL_STRIDES = ((1, 1), (3, 1), (3, 3), (3, 2))  # of the first convolutions that widen; then 1
RELU: Activation = "relu"  # the published network's
LEAKY: Activation = "leaky"
LEAK = 0.01  # of what is negative, torch's own default


@dataclass(frozen=True)
class Conv:
    """A convolution and the BatchNorm behind it."""

    name: str  # prefix of its keys
    inputs: int
    outputs: int
    kernel: int
    stride: tuple[int, int] = (1, 1)
    padding: int = 0
    residual: bool = False
    transposed: bool = False
    output_padding: int = 0
    bare: bool = False  # no BatchNorm: the last one

    def shapes(self) -> dict[str, Shape]:
        """Every key with its shape."""
        ends = (self.inputs, self.outputs) if self.transposed else (self.outputs, self.inputs)
        kernel, each = (*ends, self.kernel, self.kernel), (self.outputs,)
        if self.bare:
            return {f"{self.name}.weight": kernel, f"{self.name}.bias": each}
        conv, norm = f"{self.name}.conv_block.0", f"{self.name}.conv_block.1"
        parts = ("weight", "bias", "running_mean", "running_var")
        shapes = {f"{conv}.weight": kernel, f"{conv}.bias": each}
        return shapes | {f"{norm}.{part}": each for part in parts} | {_count(norm): ()}


@dataclass(frozen=True)
class Layout:
    size: int  # of the square face, pixels
    face: tuple[Stage, ...]
    audio: Stage
    decoder: tuple[Stage, ...]
    output: tuple[Conv, Conv]

    def convs(self) -> Iterable[Conv]:
        for stage in (*self.face, self.audio, *self.decoder, self.output):
            yield from stage

    def shapes(self) -> dict[str, Shape]:
        return {key: shape for conv in self.convs() for key, shape in conv.shapes().items()}

    @property
    def face_sizes(self) -> tuple[int, ...]:
        """Pixels of each stage's picture in the face encoder."""
        return _sizes(self.size, self.face)


def read_layout(shapes: Shapes) -> Layout:
    """Raises WeightsRefused, naming the first key that is missing, too many or misshaped."""
    face = tuple(_face_stage(shapes, index) for index in range(_count_of(shapes, FACE)))
    size = _size_of(face)
    sizes = _sizes(size, face)
    audio = _audio(shapes)
    decoder = _decoder(shapes, face, sizes, audio[-1].outputs)
    skipped = face[0][-1].outputs
    layout = Layout(size, face, audio, decoder, _output(shapes, decoder, skipped))
    _check(shapes, layout.shapes())
    return layout


def _check(found: Shapes, wanted: Shapes) -> None:
    for key in wanted:
        if key not in found:
            raise WeightsRefused(f"{key} is missing: these are not whole weights of Wav2Lip")
    for key, shape in found.items():
        if key not in wanted:
            raise WeightsRefused(f"{key} is no part of Wav2Lip: use weights of its own layout")
        if tuple(shape) != wanted[key]:
            raise WeightsRefused(f"{key} is {tuple(shape)} where {wanted[key]} belongs")


def _count(norm: str) -> str:
    return f"{norm}.num_batches_tracked"


def _count_of(shapes: Shapes, prefix: str) -> int:
    """How many numbered parts stand under the prefix. Raises WeightsRefused where none does."""
    found = {int(hit[1]) for key in shapes if (hit := re.match(rf"{prefix}\.(\d+)\.", key))}
    if not found:
        raise WeightsRefused(f"{prefix}.0 is missing: these are no weights of Wav2Lip")
    return max(found) + 1


def _weight(shapes: Shapes, name: str) -> Shape:
    key = f"{name}.conv_block.0.weight"
    if len(shapes.get(key, ())) != 4:
        raise WeightsRefused(f"{key} is missing: these are not whole weights of Wav2Lip")
    return shapes[key]


def _plain(shapes: Shapes, name: str, inputs: int | None = None) -> tuple[int, int, int]:
    """(inputs, outputs, kernel); inputs as they must be, where that is known."""
    outputs, found, kernel, _ = _weight(shapes, name)
    return found if inputs is None else inputs, outputs, kernel


def _residuals(shapes: Shapes, names: Iterable[str], channels: int) -> Stage:
    return tuple(Conv(name, channels, channels, 3, padding=1, residual=True) for name in names)


def _face_stage(shapes: Shapes, index: int) -> Stage:
    """The first stage keeps the size, the others halve it, but those with a 1x1 inside."""
    prefix = f"{FACE}.{index}"
    names = [f"{prefix}.{place}" for place in range(_count_of(shapes, prefix))]
    before = f"{FACE}.{index - 1}"
    inputs = _weight(shapes, f"{before}.0")[0] if index else FACE_CHANNELS
    inputs, outputs, kernel = _plain(shapes, names[0], inputs)
    if len(names) == 2 and _weight(shapes, names[1])[2] == 1:
        return (Conv(names[0], inputs, outputs, kernel), Conv(names[1], outputs, outputs, 1))
    stride = (2, 2) if index else (1, 1)
    first = Conv(names[0], inputs, outputs, kernel, stride, kernel // 2)
    return (first, *_residuals(shapes, names[1:], outputs))


def _audio(shapes: Shapes) -> Stage:
    names = [f"{AUDIO}.{place}" for place in range(_count_of(shapes, AUDIO))]
    convs: list[Conv] = []
    inputs, wider = MEL_CHANNELS, 0
    for place, name in enumerate(names):
        _, outputs, kernel = _plain(shapes, name)
        last = place >= len(names) - 2  # one that reads what is left, and a 1x1
        if outputs == inputs and not last:
            convs += _residuals(shapes, [name], outputs)
        else:
            stride = MEL_STRIDES[wider] if wider < len(MEL_STRIDES) and not last else (1, 1)
            convs.append(Conv(name, inputs, outputs, kernel, stride, 0 if last else kernel // 2))
            wider += 1
        inputs = outputs
    return tuple(convs)


def _decoder(
    shapes: Shapes, face: tuple[Stage, ...], sizes: tuple[int, ...], inputs: int
) -> tuple[Stage, ...]:
    """The encoder's sizes backwards; each stage but the first also takes what was skipped."""
    count = _count_of(shapes, DECODER)
    if count != len(face):
        raise WeightsRefused(f"{DECODER} has {count} stages where {len(face)} belong")
    stages: list[Stage] = []
    size = 1
    for index, target in enumerate(reversed(sizes)):
        prefix = f"{DECODER}.{index}"
        names = [f"{prefix}.{place}" for place in range(_count_of(shapes, prefix))]
        first = _growing(shapes, names[0], inputs, (size, target)) if index else None
        if first is None:
            _, outputs, kernel = _plain(shapes, names[0])
            first = Conv(names[0], inputs, outputs, kernel, padding=kernel // 2)
        stages.append((first, *_residuals(shapes, names[1:], first.outputs)))
        inputs, size = first.outputs + face[-1 - index][-1].outputs, target
    return tuple(stages)


def _growing(shapes: Shapes, name: str, inputs: int, sizes: tuple[int, int]) -> Conv:
    """The transposed convolution from one size to the next."""
    size, target = sizes
    _, outputs, kernel, _ = _weight(shapes, name)
    if size == 1 and target == kernel:
        return Conv(name, inputs, outputs, kernel, transposed=True)
    extra = target - (2 * (size - 1) - 2 * (kernel // 2) + kernel)
    if extra not in (0, 1):
        raise WeightsRefused(f"{name} cannot grow {size} pixels to {target}")
    return Conv(
        name, inputs, outputs, kernel, (2, 2), kernel // 2, transposed=True, output_padding=extra
    )


def _output(shapes: Shapes, decoder: tuple[Stage, ...], skipped: int) -> tuple[Conv, Conv]:
    inputs, outputs, kernel = _plain(shapes, f"{OUTPUT}.0", decoder[-1][-1].outputs + skipped)
    first = Conv(f"{OUTPUT}.0", inputs, outputs, kernel, padding=kernel // 2)
    return first, Conv(f"{OUTPUT}.1", outputs, 3, 1, bare=True)


def _sizes(size: int, face: tuple[Stage, ...]) -> tuple[int, ...]:
    sizes = []
    for first, *_ in face:
        size = (size + 2 * first.padding - first.kernel) // first.stride[0] + 1
        sizes.append(size)
    return tuple(sizes)


def _size_of(face: tuple[Stage, ...]) -> int:
    fitting = [size for size in SIZES if _sizes(size, face)[-1] == 1]
    if not fitting:
        raise WeightsRefused(f"{FACE} fits no face of {', '.join(map(str, SIZES))} pixels")
    return fitting[-1]  # a public checkpoint never pads where it could halve
