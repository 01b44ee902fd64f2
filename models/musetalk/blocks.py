"""The UNet's and the VAE's blocks as they run: time folded in, projections joined.

Made of diffusers' modules, whose weights they take. Activations are (B, C, h, w); where they are
channels-last, (B, h·w, C) is a view of them.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


class Norm(nn.Module):
    """GroupNorm, and SiLU behind it where `activated`.

    Torch's own has no channels-last kernel on a card: there two sums in FP32 and one pass replace
    it, so that nothing is laid out anew between two convolutions.
    """

    def __init__(self, norm: Any, *, activated: bool = True) -> None:  # noqa: ANN401
        super().__init__()
        self.groups, self.epsilon, self.activated = norm.num_groups, norm.eps, activated
        self.weight, self.bias = norm.weight, norm.bias

    def forward(self, x: Tensor) -> Tensor:
        y = self.by_sums(x) if x.is_cuda else self.by_torch(x)
        return functional.silu(y, inplace=True) if self.activated else y

    def by_torch(self, x: Tensor) -> Tensor:
        return functional.group_norm(x, self.groups, self.weight, self.bias, self.epsilon)

    def by_sums(self, x: Tensor) -> Tensor:
        batch, channels, height, width = x.shape
        count = height * width * channels // self.groups
        grouped = (batch, self.groups, channels // self.groups)
        total = x.sum((2, 3), dtype=torch.float32).view(grouped).sum(2)
        lengths = torch.linalg.vector_norm(x, dim=(2, 3), dtype=torch.float32)
        mean = total / count
        variance = lengths.square().view(grouped).sum(2) / count - mean.square()
        inverse = (variance.clamp_min(0) + self.epsilon).rsqrt()
        scale = inverse[..., None] * self.weight.float().view(grouped[1:])
        shift = self.bias.float().view(grouped[1:]) - mean[..., None] * scale
        planes = (batch, channels, 1, 1)
        return torch.addcmul(shift.view(planes).to(x.dtype), x, scale.view(planes).to(x.dtype))


class Residual(nn.Module):
    """Two convolutions, their input added; the time, being constant, stands in the first's bias."""

    def __init__(self, block: Any, time: Tensor | None = None) -> None:  # noqa: ANN401
        """`time` (1, D) is the embedding; None where the block has none."""
        super().__init__()
        self.norm1, self.norm2 = Norm(block.norm1), Norm(block.norm2)
        self.conv1 = block.conv1 if time is None else _with_time(block, time)
        self.conv2, self.shortcut = block.conv2, block.conv_shortcut

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv2(self.norm2(self.conv1(self.norm1(x))))
        kept: Tensor = x if self.shortcut is None else self.shortcut(x)
        return y.add_(kept)


def _with_time(block: Any, time: Tensor) -> nn.Conv2d:  # noqa: ANN401
    added = block.time_emb_proj(functional.silu(time))[0]
    return conv_of(block.conv1.weight, block.conv1.bias + added, padding=1)


class SelfAttention(nn.Module):
    """(B, N, C) to the same; one map makes queries, keys and values."""

    def __init__(self, attention: Any) -> None:  # noqa: ANN401
        super().__init__()
        parts = (attention.to_q, attention.to_k, attention.to_v)
        bias = None if parts[0].bias is None else torch.cat([part.bias for part in parts])
        self.all = linear_of(torch.cat([part.weight for part in parts]), bias)
        self.out, self.heads = attention.to_out[0], attention.heads

    def forward(self, x: Tensor) -> Tensor:
        query, keys, values = self.all(x).chunk(3, dim=2)
        made: Tensor = self.out(attend(query, keys, values, self.heads))
        return made


class Hearing(nn.Module):
    """Attention to what is heard, given as keys and values (B, T, 2C)."""

    def __init__(self, attention: Any) -> None:  # noqa: ANN401
        super().__init__()
        self.query, self.out, self.heads = attention.to_q, attention.to_out[0], attention.heads

    def forward(self, query: Tensor, heard: Tensor) -> Tensor:
        keys, values = heard.chunk(2, dim=2)
        query = query.expand(keys.shape[0], -1, -1)
        made: Tensor = self.out(attend(query, keys, values, self.heads))
        return made


class Transformer(nn.Module):
    """Attention to itself, to what is heard, and a gated map; `first` needs no sound."""

    def __init__(self, module: Any) -> None:  # noqa: ANN401
        super().__init__()
        block = module.transformer_blocks[0]
        self.norm, self.enter, self.leave = (
            Norm(module.norm, activated=False),
            module.proj_in,
            module.proj_out,
        )
        self.norm1, self.norm2, self.norm3 = block.norm1, block.norm2, block.norm3
        self.looking, self.hearing = SelfAttention(block.attn1), Hearing(block.attn2)
        self.gate, self.last = block.ff.net[0].proj, block.ff.net[2]

    def forward(self, x: Tensor, heard: Tensor) -> Tensor:
        return self.second(x, *self.first(x), heard)

    def first(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens, and the queries that they ask of the sound, (B, h·w, C) each."""
        tokens = tokens_of(self.enter(self.norm(x)))
        tokens = tokens + self.looking(self.norm1(tokens))
        return tokens, self.hearing.query(self.norm2(tokens))

    def second(self, x: Tensor, tokens: Tensor, query: Tensor, heard: Tensor) -> Tensor:
        tokens = tokens + self.hearing(query, heard)
        value, gate = self.gate(self.norm3(tokens)).chunk(2, dim=2)
        tokens = tokens + self.last(value * functional.gelu(gate))
        made: Tensor = self.leave(planes_of(tokens, x.shape[2])) + x
        return made


class Looking(nn.Module):
    """The VAE's attention of a picture to itself."""

    def __init__(self, attention: Any) -> None:  # noqa: ANN401
        super().__init__()
        self.norm, self.inner = (
            Norm(attention.group_norm, activated=False),
            SelfAttention(attention),
        )

    def forward(self, x: Tensor) -> Tensor:
        return planes_of(self.inner(tokens_of(self.norm(x))), x.shape[2]) + x


class Doubled(nn.Module):
    """A picture twice as large by its nearest pixels, and a 3x3 convolution, as one of 2x2.

    Every new pixel's nine taps fall on four old pixels, so that 16 products do what 36 did: four
    phases, of which each takes its place among the new pixels.
    """

    def __init__(self, upsampler: Any) -> None:  # noqa: ANN401
        super().__init__()
        weight, bias = upsampler.conv.weight, upsampler.conv.bias
        rows = [_joined(weight, 2, phase) for phase in (0, 1)]
        phases = [_joined(row, 3, phase) for row in rows for phase in (0, 1)]
        self.conv = conv_of(torch.cat(phases), bias.repeat(4), padding=1)

    def forward(self, x: Tensor) -> Tensor:
        batch, _, height, width = x.shape
        made = self.conv(x)
        channels = made.shape[1] // 4
        if torch.onnx.is_in_onnx_export():  # runtimes know this as one operator
            phases = [_phase(part, at) for at, part in enumerate(made.split(channels, dim=1))]
            return functional.pixel_shuffle(torch.stack(phases, dim=2).flatten(1, 2), 2)
        grown = torch.empty(
            (batch, channels, 2 * height, 2 * width),
            dtype=made.dtype,
            device=made.device,
            memory_format=torch.channels_last,
        )
        for at, part in enumerate(made.split(channels, dim=1)):
            grown[:, :, at // 2 :: 2, at % 2 :: 2] = _phase(part, at)
        return grown


def _phase(made: Tensor, at: int) -> Tensor:
    """Of what the padded picture made, the places that are this phase's pixels."""
    row, column = divmod(at, 2)
    return made[:, :, row : made.shape[2] - 1 + row, column : made.shape[3] - 1 + column]


def _joined(weight: Tensor, axis: int, phase: int) -> Tensor:
    """Three taps along an axis to the two old pixels that they fall on."""
    first, middle, last = weight.unbind(axis)
    pair = (first, middle + last) if phase == 0 else (first + middle, last)
    return torch.stack(pair, dim=axis)


def attend(query: Tensor, keys: Tensor, values: Tensor, heads: int) -> Tensor:
    """(B, N, C), (B, T, C) twice to (B, N, C)."""
    q, k, v = (x.view(*x.shape[:2], heads, -1).transpose(1, 2) for x in (query, keys, values))
    return functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)


def tokens_of(x: Tensor) -> Tensor:
    """(B, C, h, w) to (B, h·w, C)."""
    return x.permute(0, 2, 3, 1).flatten(1, 2)


def planes_of(tokens: Tensor, height: int) -> Tensor:
    batch, _, channels = tokens.shape
    return tokens.view(batch, height, -1, channels).permute(0, 3, 1, 2)


def conv_of(weight: Tensor, bias: Tensor | None, padding: int = 0) -> nn.Conv2d:
    outputs, inputs, kernel, _ = weight.shape
    made = nn.Conv2d(inputs, outputs, kernel, padding=padding, bias=bias is not None, device="meta")
    made.weight = frozen(weight.contiguous())
    if bias is not None:
        made.bias = frozen(bias.clone())
    return made


def linear_of(weight: Tensor, bias: Tensor | None = None) -> nn.Linear:
    made = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None, device="meta")
    made.weight = frozen(weight.contiguous())
    if bias is not None:
        made.bias = frozen(bias.clone())
    return made


def frozen(values: Tensor) -> nn.Parameter:
    return nn.Parameter(values, requires_grad=False)
