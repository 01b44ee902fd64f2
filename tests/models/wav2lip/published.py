"""The public Wav2Lip network for 96 pixels, written out from its table, BatchNorm and all.

An independent reference: it shares nothing with `models.wav2lip`, folds nothing and caches nothing.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

State = dict[str, Tensor]
ConvRow = tuple[str, int, int, int, int | tuple[int, int], int, bool]

# name, inputs, outputs, kernel, stride, padding, residual
FACE: tuple[tuple[ConvRow, ...], ...] = (
    (("face_encoder_blocks.0.0", 6, 16, 7, 1, 3, False),),
    (
        ("face_encoder_blocks.1.0", 16, 32, 3, 2, 1, False),
        ("face_encoder_blocks.1.1", 32, 32, 3, 1, 1, True),
        ("face_encoder_blocks.1.2", 32, 32, 3, 1, 1, True),
    ),
    (
        ("face_encoder_blocks.2.0", 32, 64, 3, 2, 1, False),
        ("face_encoder_blocks.2.1", 64, 64, 3, 1, 1, True),
        ("face_encoder_blocks.2.2", 64, 64, 3, 1, 1, True),
        ("face_encoder_blocks.2.3", 64, 64, 3, 1, 1, True),
    ),
    (
        ("face_encoder_blocks.3.0", 64, 128, 3, 2, 1, False),
        ("face_encoder_blocks.3.1", 128, 128, 3, 1, 1, True),
        ("face_encoder_blocks.3.2", 128, 128, 3, 1, 1, True),
    ),
    (
        ("face_encoder_blocks.4.0", 128, 256, 3, 2, 1, False),
        ("face_encoder_blocks.4.1", 256, 256, 3, 1, 1, True),
        ("face_encoder_blocks.4.2", 256, 256, 3, 1, 1, True),
    ),
    (
        ("face_encoder_blocks.5.0", 256, 512, 3, 2, 1, False),
        ("face_encoder_blocks.5.1", 512, 512, 3, 1, 1, True),
    ),
    (
        ("face_encoder_blocks.6.0", 512, 512, 3, 1, 0, False),
        ("face_encoder_blocks.6.1", 512, 512, 1, 1, 0, False),
    ),
)
AUDIO: tuple[ConvRow, ...] = (
    ("audio_encoder.0", 1, 32, 3, 1, 1, False),
    ("audio_encoder.1", 32, 32, 3, 1, 1, True),
    ("audio_encoder.2", 32, 32, 3, 1, 1, True),
    ("audio_encoder.3", 32, 64, 3, (3, 1), 1, False),
    ("audio_encoder.4", 64, 64, 3, 1, 1, True),
    ("audio_encoder.5", 64, 64, 3, 1, 1, True),
    ("audio_encoder.6", 64, 128, 3, 3, 1, False),
    ("audio_encoder.7", 128, 128, 3, 1, 1, True),
    ("audio_encoder.8", 128, 128, 3, 1, 1, True),
    ("audio_encoder.9", 128, 256, 3, (3, 2), 1, False),
    ("audio_encoder.10", 256, 256, 3, 1, 1, True),
    ("audio_encoder.11", 256, 512, 3, 1, 0, False),
    ("audio_encoder.12", 512, 512, 1, 1, 0, False),
)
# name, inputs, outputs, stride, padding, output padding, residual convolutions behind it
GROWING = (
    ("face_decoder_blocks.1", 1024, 512, 1, 0, 0, 1),
    ("face_decoder_blocks.2", 1024, 512, 2, 1, 1, 2),
    ("face_decoder_blocks.3", 768, 384, 2, 1, 1, 2),
    ("face_decoder_blocks.4", 512, 256, 2, 1, 1, 2),
    ("face_decoder_blocks.5", 320, 128, 2, 1, 1, 2),
    ("face_decoder_blocks.6", 160, 64, 2, 1, 1, 2),
)
ENTRIES, PARAMETERS = 352, 36.298e6
PICTURES = (6, 1)  # channels of what goes in: two pictures, and a spectrogram


def random_state(seed: int = 0, fewer: int = 1) -> State:
    """Weights of the published shapes under the published keys, `module.` prefix and all.

    With `fewer` each layer has that many times fewer channels: a small network of the same layout.

    BatchNorm's statistics are those of the activations that the weights make, so that every layer
    is alive, as in a trained network.
    """
    random = torch.Generator().manual_seed(seed)
    state: State = {}
    for row in [row for stage in FACE for row in stage] + list(AUDIO):
        inputs, outputs = row[1] if row[1] in PICTURES else row[1] // fewer, row[2] // fewer
        _add(state, row[0], (outputs, inputs, row[3], row[3]), outputs, random)
    most = 512 // fewer
    _add(state, "face_decoder_blocks.0.0", (most, most, 1, 1), most, random)
    for name, whole, made, _, _, _, behind in GROWING:
        inputs, outputs = whole // fewer, made // fewer
        _add(state, f"{name}.0", (inputs, outputs, 3, 3), outputs, random)
        for place in range(1, 1 + behind):
            _add(state, f"{name}.{place}", (outputs, outputs, 3, 3), outputs, random)
    _add(state, "output_block.0", (32 // fewer, 80 // fewer, 3, 3), 32 // fewer, random)
    state["output_block.1.weight"] = torch.randn(3, 32 // fewer, 1, 1, generator=random) * 0.2
    state["output_block.1.bias"] = torch.zeros(3)
    with torch.inference_mode():
        mel = torch.rand(6, 1, 80, 16, generator=random) * 8 - 4
        forward(state, mel, torch.rand(6, 6, 96, 96, generator=random), _measured)
    return {f"module.{key}": value for key, value in state.items()}


Norm = Callable[[State, str, Tensor], Tensor]
Activate = Callable[[Tensor], Tensor]


def _as_trained(state: State, name: str, x: Tensor) -> Tensor:
    mean, variance = state[f"{name}.running_mean"], state[f"{name}.running_var"]
    weight, bias = state[f"{name}.weight"], state[f"{name}.bias"]
    return functional.batch_norm(x, mean, variance, weight, bias)


def _measured(state: State, name: str, x: Tensor) -> Tensor:
    state[f"{name}.running_mean"] = x.mean(dim=(0, 2, 3))
    state[f"{name}.running_var"] = x.var(dim=(0, 2, 3)) + 1e-3
    return _as_trained(state, name, x)


def leaky(x: Tensor) -> Tensor:
    """What some trainers put in place of ReLU."""
    return torch.where(x > 0, x, 0.01 * x)


def forward(
    state: State,
    mel: Tensor,
    faces: Tensor,
    norm: Norm = _as_trained,
    activate: Activate = torch.relu,
) -> Tensor:
    """(B, 1, 80, 16) and (B, 6, 96, 96) to (B, 3, 96, 96)."""

    def conv(row: ConvRow, x: Tensor) -> Tensor:
        name, _, _, _, stride, padding, residual = row
        weight, bias = state[f"{name}.conv_block.0.weight"], state[f"{name}.conv_block.0.bias"]
        y = norm(state, f"{name}.conv_block.1", functional.conv2d(x, weight, bias, stride, padding))
        return activate(y + x) if residual else activate(y)

    features = []
    for stage in FACE:
        for row in stage:
            faces = conv(row, faces)
        features.append(faces)
    x = mel
    for row in AUDIO:
        x = conv(row, x)
    x = torch.cat(
        [conv(("face_decoder_blocks.0.0", 512, 512, 1, 1, 0, False), x), features.pop()], 1
    )
    for name, _, outputs, stride, padding, extra, behind in GROWING:
        block = f"{name}.0.conv_block"
        y = functional.conv_transpose2d(
            x, state[f"{block}.0.weight"], state[f"{block}.0.bias"], stride, padding, extra
        )
        x = activate(norm(state, f"{block}.1", y))
        for place in range(1, 1 + behind):
            x = conv((f"{name}.{place}", outputs, outputs, 3, 1, 1, True), x)
        x = torch.cat([x, features.pop()], 1)
    x = conv(("output_block.0", 80, 32, 3, 1, 1, False), x)
    last = functional.conv2d(x, state["output_block.1.weight"], state["output_block.1.bias"])
    return torch.sigmoid(last)


def _add(
    state: State, name: str, shape: tuple[int, ...], outputs: int, random: torch.Generator
) -> None:
    conv, norm = f"{name}.conv_block.0", f"{name}.conv_block.1"
    fan = shape[1] * shape[2] * shape[3]
    state[f"{conv}.weight"] = torch.randn(shape, generator=random) * (2 / fan) ** 0.5
    state[f"{conv}.bias"] = torch.randn(outputs, generator=random) * 0.1
    state[f"{norm}.weight"] = torch.rand(outputs, generator=random) + 0.5
    state[f"{norm}.bias"] = torch.randn(outputs, generator=random) * 0.2
    state[f"{norm}.running_mean"] = torch.zeros(outputs)
    state[f"{norm}.running_var"] = torch.ones(outputs)
    state[f"{norm}.num_batches_tracked"] = torch.tensor(1000)
