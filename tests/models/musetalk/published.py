"""The public MuseTalk 1.5 layout written out from its tables, and its networks step by step.

An independent reference: it shares nothing with `models.musetalk` nor with the libraries that it
uses, folds nothing and caches nothing.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

State = dict[str, Tensor]
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Sizes:
    unet: tuple[int, int, int, int]
    unet_layers: int
    vae: tuple[int, int, int, int]
    vae_layers: int
    width: int  # of what is heard
    ear_layers: int
    ear_inner: int


PUBLISHED = Sizes((320, 640, 1280, 1280), 2, (128, 256, 512, 512), 2, 384, 4, 1536)
SMALL = Sizes((32, 64, 64, 64), 2, (32, 32, 64, 64), 2, 64, 2, 96)
TINY = Sizes((32, 32, 32, 32), 1, (32, 32, 32, 32), 1, 64, 1, 64)  # the quickest to render with
MEL_BANDS, STEPS, HEADS, GROUPS, SCALE = 80, 1500, 8, 32, 0.18215
UNET_ENTRIES, VAE_ENTRIES, EAR_ENTRIES = 686, 248, 67
PARAMETERS = 941.81e6


def shapes(sizes: Sizes) -> dict[str, Shape]:
    found = {f"unet.{key}": shape for key, shape in unet_shapes(sizes).items()}
    found |= {f"vae.{key}": shape for key, shape in vae_shapes(sizes).items()}
    return found | {f"whisper.{key}": shape for key, shape in ear_shapes(sizes).items()}


def random_state(sizes: Sizes = SMALL, seed: int = 0) -> State:
    """Weights that keep every layer's activations about as large as its input's."""
    random = torch.Generator().manual_seed(seed)
    return {key: _random(key, shape, random) for key, shape in shapes(sizes).items()}


def _random(key: str, shape: Shape, random: torch.Generator) -> Tensor:
    if len(shape) == 1:
        drawn = 0.1 * torch.randn(shape, generator=random)
        return 1 + drawn if "norm" in key and key.endswith("weight") else drawn
    fan = math.prod(shape[1:])
    values: Tensor = torch.randn(shape, generator=random) / fan**0.5
    return values


def unet_shapes(sizes: Sizes) -> dict[str, Shape]:
    a, b, c, d = sizes.unet
    time = 4 * a
    found = _conv("conv_in", 8, a, 3)
    found |= _linear("time_embedding.linear_1", a, time)
    found |= _linear("time_embedding.linear_2", time, time)
    skipped, inputs = [a], a
    for level, outputs in enumerate(sizes.unet):
        for place in range(sizes.unet_layers):
            found |= _resnet(f"down_blocks.{level}.resnets.{place}", inputs, outputs, time)
            if level < 3:
                found |= _transformer(f"down_blocks.{level}.attentions.{place}", outputs, sizes)
            inputs = outputs
            skipped.append(outputs)
        if level < 3:
            found |= _conv(f"down_blocks.{level}.downsamplers.0.conv", outputs, outputs, 3)
            skipped.append(outputs)
    found |= _resnet("mid_block.resnets.0", d, d, time)
    found |= _transformer("mid_block.attentions.0", d, sizes)
    found |= _resnet("mid_block.resnets.1", d, d, time)
    for level, outputs in enumerate((d, c, b, a)):
        for place in range(sizes.unet_layers + 1):
            name = f"up_blocks.{level}.resnets.{place}"
            found |= _resnet(name, inputs + skipped.pop(), outputs, time)
            if level > 0:
                found |= _transformer(f"up_blocks.{level}.attentions.{place}", outputs, sizes)
            inputs = outputs
        if level < 3:
            found |= _conv(f"up_blocks.{level}.upsamplers.0.conv", outputs, outputs, 3)
    return found | _pair("conv_norm_out", a) | _conv("conv_out", a, 4, 3)


def vae_shapes(sizes: Sizes) -> dict[str, Shape]:
    first, last = sizes.vae[0], sizes.vae[-1]
    found, inputs = _conv("encoder.conv_in", 3, first, 3), first
    for level, outputs in enumerate(sizes.vae):
        for place in range(sizes.vae_layers):
            found |= _resnet(f"encoder.down_blocks.{level}.resnets.{place}", inputs, outputs)
            inputs = outputs
        if level < 3:
            name = f"encoder.down_blocks.{level}.downsamplers.0.conv"
            found |= _conv(name, outputs, outputs, 3)
    found |= _looking("encoder.mid_block", last)
    found |= _pair("encoder.conv_norm_out", last) | _conv("encoder.conv_out", last, 8, 3)
    found |= _conv("quant_conv", 8, 8, 1) | _conv("post_quant_conv", 4, 4, 1)
    found |= _conv("decoder.conv_in", 4, last, 3) | _looking("decoder.mid_block", last)
    for level, outputs in enumerate(reversed(sizes.vae)):
        for place in range(sizes.vae_layers + 1):
            found |= _resnet(f"decoder.up_blocks.{level}.resnets.{place}", inputs, outputs)
            inputs = outputs
        if level < 3:
            found |= _conv(f"decoder.up_blocks.{level}.upsamplers.0.conv", outputs, outputs, 3)
    return found | _pair("decoder.conv_norm_out", first) | _conv("decoder.conv_out", first, 3, 3)


def ear_shapes(sizes: Sizes) -> dict[str, Shape]:
    width, inner = sizes.width, sizes.ear_inner
    found: dict[str, Shape] = {
        "conv1.weight": (width, MEL_BANDS, 3),
        "conv1.bias": (width,),
        "conv2.weight": (width, width, 3),
        "conv2.bias": (width,),
        "embed_positions.weight": (STEPS, width),
    }
    for layer in range(sizes.ear_layers):
        name = f"layers.{layer}"
        found |= _linear(f"{name}.self_attn.k_proj", width, width, bias=False)
        for each in ("v_proj", "q_proj", "out_proj"):
            found |= _linear(f"{name}.self_attn.{each}", width, width)
        found |= _pair(f"{name}.self_attn_layer_norm", width)
        found |= _linear(f"{name}.fc1", width, inner) | _linear(f"{name}.fc2", inner, width)
        found |= _pair(f"{name}.final_layer_norm", width)
    return found | _pair("layer_norm", width)


def _pair(name: str, channels: int) -> dict[str, Shape]:
    return {f"{name}.weight": (channels,), f"{name}.bias": (channels,)}


def _linear(name: str, inputs: int, outputs: int, *, bias: bool = True) -> dict[str, Shape]:
    found: dict[str, Shape] = {f"{name}.weight": (outputs, inputs)}
    return found | ({f"{name}.bias": (outputs,)} if bias else {})


def _conv(name: str, inputs: int, outputs: int, kernel: int) -> dict[str, Shape]:
    return {f"{name}.weight": (outputs, inputs, kernel, kernel), f"{name}.bias": (outputs,)}


def _resnet(name: str, inputs: int, outputs: int, time: int = 0) -> dict[str, Shape]:
    found = _pair(f"{name}.norm1", inputs) | _conv(f"{name}.conv1", inputs, outputs, 3)
    if time:
        found |= _linear(f"{name}.time_emb_proj", time, outputs)
    found |= _pair(f"{name}.norm2", outputs) | _conv(f"{name}.conv2", outputs, outputs, 3)
    if inputs != outputs:
        found |= _conv(f"{name}.conv_shortcut", inputs, outputs, 1)
    return found


def _transformer(name: str, channels: int, sizes: Sizes) -> dict[str, Shape]:
    block = f"{name}.transformer_blocks.0"
    found = _pair(f"{name}.norm", channels) | _conv(f"{name}.proj_in", channels, channels, 1)
    for place, heard in ((1, channels), (2, sizes.width)):
        attention = f"{block}.attn{place}"
        found |= _linear(f"{attention}.to_q", channels, channels, bias=False)
        found |= _linear(f"{attention}.to_k", heard, channels, bias=False)
        found |= _linear(f"{attention}.to_v", heard, channels, bias=False)
        found |= _linear(f"{attention}.to_out.0", channels, channels)
    for place in (1, 2, 3):
        found |= _pair(f"{block}.norm{place}", channels)
    found |= _linear(f"{block}.ff.net.0.proj", channels, 8 * channels)
    found |= _linear(f"{block}.ff.net.2", 4 * channels, channels)
    return found | _conv(f"{name}.proj_out", channels, channels, 1)


def _looking(name: str, channels: int) -> dict[str, Shape]:
    attention = f"{name}.attentions.0"
    found = _resnet(f"{name}.resnets.0", channels, channels) | _pair(
        f"{attention}.group_norm", channels
    )
    for each in ("to_q", "to_k", "to_v", "to_out.0"):
        found |= _linear(f"{attention}.{each}", channels, channels)
    return found | _resnet(f"{name}.resnets.1", channels, channels)


class Reference:
    """The networks of one state dict; keys are looked up as they stand in it."""

    def __init__(self, state: State, sizes: Sizes) -> None:
        self.state, self.sizes = state, sizes

    def unet(self, latents: Tensor, heard: Tensor) -> Tensor:
        """(B, 8, 32, 32) and (B, T, D) to (B, 4, 32, 32), at time 0."""
        half = self.sizes.unet[0] // 2  # the sinusoid of 0, cosines first
        time = torch.cat([torch.ones(half), torch.zeros(half)])[None]
        time = self._silu_linear("unet.time_embedding.linear_1", time, before=False)
        time = self._linear("unet.time_embedding.linear_2", time)
        x = self._conv("unet.conv_in", latents)
        skipped = [x]
        for level in range(4):
            block = f"unet.down_blocks.{level}"
            for place in range(self.sizes.unet_layers):
                x = self._resnet(f"{block}.resnets.{place}", x, 1e-5, time)
                if level < 3:
                    x = self._transformer(f"{block}.attentions.{place}", x, heard)
                skipped.append(x)
            if level < 3:
                x = self._conv(f"{block}.downsamplers.0.conv", x, stride=2)
                skipped.append(x)
        x = self._resnet("unet.mid_block.resnets.0", x, 1e-5, time)
        x = self._transformer("unet.mid_block.attentions.0", x, heard)
        x = self._resnet("unet.mid_block.resnets.1", x, 1e-5, time)
        for level in range(4):
            block = f"unet.up_blocks.{level}"
            for place in range(self.sizes.unet_layers + 1):
                x = torch.cat([x, skipped.pop()], dim=1)
                x = self._resnet(f"{block}.resnets.{place}", x, 1e-5, time)
                if level > 0:
                    x = self._transformer(f"{block}.attentions.{place}", x, heard)
            if level < 3:
                x = x.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
                x = self._conv(f"{block}.upsamplers.0.conv", x)
        x = functional.silu(self._group_norm("unet.conv_norm_out", x, 1e-5))
        return self._conv("unet.conv_out", x)

    def encode(self, pictures: Tensor) -> Tensor:
        """(B, 3, 256, 256), -1..1, to the means of their latents, scaled, (B, 4, 32, 32)."""
        x = self._conv("vae.encoder.conv_in", pictures)
        for level in range(4):
            block = f"vae.encoder.down_blocks.{level}"
            for place in range(self.sizes.vae_layers):
                x = self._resnet(f"{block}.resnets.{place}", x, 1e-6)
            if level < 3:
                padded = functional.pad(x, (0, 1, 0, 1))
                x = self._conv(f"{block}.downsamplers.0.conv", padded, stride=2, padding=0)
        x = self._vae_middle("vae.encoder.mid_block", x)
        x = functional.silu(self._group_norm("vae.encoder.conv_norm_out", x, 1e-6))
        x = self._conv("vae.quant_conv", self._conv("vae.encoder.conv_out", x), padding=0)
        return SCALE * x[:, :4]

    def decode(self, latents: Tensor) -> Tensor:
        """(B, 4, 32, 32) to pictures (B, 3, 256, 256), 0..1."""
        x = self._conv("vae.post_quant_conv", latents / SCALE, padding=0)
        x = self._vae_middle("vae.decoder.mid_block", self._conv("vae.decoder.conv_in", x))
        for level in range(4):
            block = f"vae.decoder.up_blocks.{level}"
            for place in range(self.sizes.vae_layers + 1):
                x = self._resnet(f"{block}.resnets.{place}", x, 1e-6)
            if level < 3:
                x = x.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
                x = self._conv(f"{block}.upsamplers.0.conv", x)
        x = functional.silu(self._group_norm("vae.decoder.conv_norm_out", x, 1e-6))
        return (self._conv("vae.decoder.conv_out", x) / 2 + 0.5).clamp(0, 1)

    def hear(self, mel: Tensor) -> Tensor:
        """Log-mel (80, 3000) to all states of the encoder, (1500, states, D)."""
        x = functional.gelu(self._conv1d("whisper.conv1", mel[None], stride=1))
        x = functional.gelu(self._conv1d("whisper.conv2", x, stride=2))
        x = x[0].T + self.state["whisper.embed_positions.weight"]
        states = [x]
        for layer in range(self.sizes.ear_layers):
            name = f"whisper.layers.{layer}"
            y = self._layer_norm(f"{name}.self_attn_layer_norm", x)[None]
            query, keys, values = (
                self._linear(f"{name}.self_attn.{each}_proj", y) for each in "qkv"
            )
            y = _attention(query, keys, values, self.sizes.width // 64)
            x = x + self._linear(f"{name}.self_attn.out_proj", y)[0]
            y = self._linear(f"{name}.fc1", self._layer_norm(f"{name}.final_layer_norm", x))
            x = x + self._linear(f"{name}.fc2", functional.gelu(y))
            states.append(x)
        states[-1] = self._layer_norm("whisper.layer_norm", x)
        return torch.stack(states, dim=1)

    def _vae_middle(self, name: str, x: Tensor) -> Tensor:
        x = self._resnet(f"{name}.resnets.0", x, 1e-6)
        attention = f"{name}.attentions.0"
        y = _tokens(self._group_norm(f"{attention}.group_norm", x, 1e-6))
        query, keys, values = (self._linear(f"{attention}.to_{each}", y) for each in "qkv")
        y = self._linear(f"{attention}.to_out.0", _attention(query, keys, values, 1))
        return self._resnet(f"{name}.resnets.1", x + _planes(y, x), 1e-6)

    def _transformer(self, name: str, x: Tensor, heard: Tensor) -> Tensor:
        y = self._conv(f"{name}.proj_in", self._group_norm(f"{name}.norm", x, 1e-6), padding=0)
        tokens, block = _tokens(y), f"{name}.transformer_blocks.0"
        for place in (1, 2):
            y = self._layer_norm(f"{block}.norm{place}", tokens)
            source, attention = (y, heard)[place - 1], f"{block}.attn{place}"
            query = self._linear(f"{attention}.to_q", y)
            keys, values = (self._linear(f"{attention}.to_{each}", source) for each in "kv")
            y = self._linear(f"{attention}.to_out.0", _attention(query, keys, values, HEADS))
            tokens = tokens + y
        y = self._linear(f"{block}.ff.net.0.proj", self._layer_norm(f"{block}.norm3", tokens))
        half = y.shape[2] // 2
        gated = y[..., :half] * functional.gelu(y[..., half:])
        tokens = tokens + self._linear(f"{block}.ff.net.2", gated)
        return x + self._conv(f"{name}.proj_out", _planes(tokens, x), padding=0)

    def _resnet(self, name: str, x: Tensor, epsilon: float, time: Tensor | None = None) -> Tensor:
        y = functional.silu(self._group_norm(f"{name}.norm1", x, epsilon))
        y = self._conv(f"{name}.conv1", y)
        if time is not None:
            y = y + self._silu_linear(f"{name}.time_emb_proj", time)[:, :, None, None]
        y = functional.silu(self._group_norm(f"{name}.norm2", y, epsilon))
        y = self._conv(f"{name}.conv2", y)
        if f"{name}.conv_shortcut.weight" in self.state:
            x = self._conv(f"{name}.conv_shortcut", x, padding=0)
        return x + y

    def _silu_linear(self, name: str, x: Tensor, *, before: bool = True) -> Tensor:
        if before:
            return self._linear(name, functional.silu(x))
        return functional.silu(self._linear(name, x))

    def _conv(self, name: str, x: Tensor, *, stride: int = 1, padding: int = 1) -> Tensor:
        weight, bias = self.state[f"{name}.weight"], self.state[f"{name}.bias"]
        return functional.conv2d(x, weight, bias, stride, padding)

    def _conv1d(self, name: str, x: Tensor, *, stride: int) -> Tensor:
        weight, bias = self.state[f"{name}.weight"], self.state[f"{name}.bias"]
        return functional.conv1d(x, weight, bias, stride, 1)

    def _linear(self, name: str, x: Tensor) -> Tensor:
        y = x @ self.state[f"{name}.weight"].T
        return y + self.state[f"{name}.bias"] if f"{name}.bias" in self.state else y

    def _group_norm(self, name: str, x: Tensor, epsilon: float) -> Tensor:
        groups = x.reshape(len(x), GROUPS, -1)
        mean, variance = groups.mean(2, keepdim=True), groups.var(2, keepdim=True, correction=0)
        y = ((groups - mean) / (variance + epsilon).sqrt()).view_as(x)
        weight, bias = self.state[f"{name}.weight"], self.state[f"{name}.bias"]
        return y * weight[:, None, None] + bias[:, None, None]

    def _layer_norm(self, name: str, x: Tensor) -> Tensor:
        mean, variance = x.mean(-1, keepdim=True), x.var(-1, keepdim=True, correction=0)
        y = (x - mean) / (variance + 1e-5).sqrt()
        return y * self.state[f"{name}.weight"] + self.state[f"{name}.bias"]


def _attention(query: Tensor, keys: Tensor, values: Tensor, heads: int) -> Tensor:
    """Head by head, (B, N, C)."""
    size = query.shape[2] // heads
    made = []
    for head in range(heads):
        at = slice(head * size, (head + 1) * size)
        scores = query[..., at] @ keys[..., at].transpose(1, 2) / size**0.5
        made.append(scores.softmax(dim=2) @ values[..., at])
    return torch.cat(made, dim=2)


def _tokens(x: Tensor) -> Tensor:
    return x.flatten(2).transpose(1, 2)


def _planes(tokens: Tensor, like: Tensor) -> Tensor:
    return tokens.transpose(1, 2).reshape(like.shape)
