"""The mesh renderer: one photo warped along the face's contours; no weights, CPU or GPU."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from models.arrays import F32, U8
from models.contracts import Look
from models.mesh.canvas import Canvas, frame_portrait
from models.mesh.eyes import Eye, measure_eyes
from models.mesh.features import eye_layers, mouth_layers, shaped
from models.mesh.head import HeadBasis, grid_nodes, head_basis
from models.mesh.interior import Interior, build_interior
from models.mesh.lids import Lid, build_lid
from models.mesh.mouth import Mouth, measure_mouth
from models.mesh.paint import Box, eye_box, mouth_box, paint_eye, paint_mouth
from models.mesh.sampling import CpuSampler, Sampler, TorchSampler
from models.motion.tracks import MotionTrack
from models.portrait.face import Face, Picture
from models.renderer import Card, Span

BATCH = 8


@dataclass(frozen=True)
class MeshPortrait:
    """A portrait framed and measured."""

    canvas: Canvas
    pixels: Tensor  # (2H, 2W, 3) uint8
    nodes: Tensor  # (2, gh, gw) frame pixels
    pixel_grid: Tensor  # (2, H, W) frame pixels
    head: HeadBasis
    mouth: Mouth
    eyes: tuple[Eye, Eye]
    lids: tuple[Lid, Lid]
    interior: Interior
    mouth_box: Box
    eye_boxes: tuple[Box, Box]

    @property
    def size(self) -> tuple[int, int]:
        return self.canvas.size


@dataclass(frozen=True)
class _Controls:
    """One batch of a motion track, as tensors."""

    mouth: Tensor
    blink: Tensor
    gaze: Tensor
    brow: Tensor
    head: Tensor


class MeshRenderer:
    card = Card("mesh", "1", "Apache-2.0", commercial_use=True)

    def __init__(self, device: str = "cpu", batch: int = BATCH) -> None:
        self._device = torch.device(device)
        self._batch = batch
        self._sampler: Sampler = CpuSampler() if device == "cpu" else TorchSampler()

    def prepare(
        self, picture: Picture, face: Face, look: Look, backdrop: Picture | None = None
    ) -> MeshPortrait:
        canvas = frame_portrait(picture, face, look, backdrop)
        size = look.size
        mouth = measure_mouth(canvas.landmarks, size)
        eyes = measure_eyes(canvas.landmarks, mouth.scale)
        return MeshPortrait(
            canvas=canvas,
            pixels=torch.from_numpy(canvas.pixels),
            nodes=_channels_first(grid_nodes(size)),
            pixel_grid=_channels_first(np.stack(np.meshgrid(*map(np.arange, size)), axis=-1)),
            head=head_basis(canvas.landmarks, mouth.scale, size),
            mouth=mouth,
            eyes=eyes,
            lids=(build_lid(canvas, eyes[0]), build_lid(canvas, eyes[1])),
            interior=build_interior(canvas, mouth),
            mouth_box=mouth_box(mouth, size),
            eye_boxes=(eye_box(eyes[0], size), eye_box(eyes[1], size)),
        )

    def render(self, prepared: MeshPortrait, motion: MotionTrack, span: Span) -> Iterator[U8]:
        with torch.inference_mode():
            for first in range(span.first, span.stop, self._batch):
                stop = min(first + self._batch, span.stop)
                yield self._frames(prepared, self._controls(motion, first, stop)).cpu().numpy()

    def _controls(self, motion: MotionTrack, first: int, stop: int) -> _Controls:
        def rows(values: F32) -> Tensor:
            return torch.from_numpy(values[first:stop]).to(self._device)

        return _Controls(
            mouth=rows(motion.mouth),
            blink=rows(motion.blink),
            gaze=rows(motion.gaze),
            brow=rows(motion.brow),
            head=rows(motion.head),
        )

    def _frames(self, portrait: MeshPortrait, control: _Controls) -> Tensor:
        """(B, H, W, 3) uint8: the whole frame by the coarse grid, then the features over it."""
        carried = portrait.head.displacement(control.head)
        coarse = _coarse_displacement(portrait, control, carried)
        fine = self._sampler.enlarge(coarse, portrait.size)
        frames = self._sampler.picture(portrait.pixels, portrait.pixel_grid + fine)
        rest = self._sampler.enlarge(carried, portrait.size) + portrait.pixel_grid
        self._paint(portrait, control, rest, frames)
        return frames

    def _paint(
        self, portrait: MeshPortrait, control: _Controls, rest: Tensor, frames: Tensor
    ) -> None:
        box = portrait.mouth_box
        painted = paint_mouth(
            self._sampler,
            portrait.pixels,
            portrait.mouth,
            portrait.interior,
            control.mouth,
            box.of(rest),
        )
        _put(frames, box, painted)
        for eye, lid, box in zip(portrait.eyes, portrait.lids, portrait.eye_boxes, strict=True):
            painted = paint_eye(
                self._sampler,
                portrait.pixels,
                eye,
                lid,
                control.blink,
                control.gaze,
                control.brow,
                box.of(rest),
            )
            _put(frames, box, painted)


def _coarse_displacement(portrait: MeshPortrait, control: _Controls, carried: Tensor) -> Tensor:
    """(B, 2, gh, gw): head, brows and jaw together."""
    places = (portrait.nodes + carried).flatten(2)
    for eye in portrait.eyes:
        places = eye_layers(eye, control.blink, control.brow, places).single()
    mouth = portrait.mouth
    places = mouth_layers(mouth, control.mouth, mouth.targets(control.mouth), places).single()
    return shaped(places, portrait.nodes.shape[1:]) - portrait.nodes


def _put(frames: Tensor, box: Box, painted: Tensor) -> None:
    frames[:, box.top : box.bottom, box.left : box.right, :3] = (
        painted.round().clamp(0, 255).to(torch.uint8)
    )


def _channels_first(grid: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(grid, -1, 0), np.float32))
