"""The mesh renderer: one photo warped along the face's contours; no weights, CPU or GPU."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from models.arrays import F32, U8
from models.contracts import Look
from models.engines.memory import BatchLimit, in_batches
from models.engines.streams import delivered
from models.mesh.canvas import Canvas, frame_portrait
from models.mesh.eyes import Eye, measure_eyes
from models.mesh.features import EyeLayers, MouthLayers, eye_layers, mouth_layers
from models.mesh.grid import Box, Grid, grid_for
from models.mesh.head import HeadBasis, head_basis
from models.mesh.interior import Interior, build_interior
from models.mesh.lids import Lid, build_lid
from models.mesh.mouth import Mouth, measure_mouth
from models.mesh.paint import (
    brow_box,
    enlarged,
    eye_box,
    jaw_box,
    mouth_box,
    paint_eye,
    paint_mouth,
)
from models.mesh.placement import placed
from models.mesh.sampling import CpuSampler, Sampler, TorchSampler
from models.motion.tracks import MotionTrack
from models.portrait.face import Face, Picture
from models.renderer import Span
from models.renderers import MESH

BATCH = 8


@dataclass(frozen=True)
class EyePart:
    """An eye, what its lid is made of, and the cells it is painted in and that it moves."""

    eye: Eye
    lid: Lid
    box: Box
    reach: Box


@dataclass(frozen=True)
class MeshPortrait:
    """A portrait framed and measured."""

    canvas: Canvas
    grid: Grid
    pixels: Tensor  # (2H, 2W, C) uint8
    still: Tensor  # (H, W, C) uint8, the frame where nothing moves
    moving: Box  # the cells that anything moves
    nodes: Tensor  # (2, gh, gw) frame pixels
    head: HeadBasis
    mouth: Mouth
    interior: Interior
    mouth_box: Box
    jaw_box: Box
    eyes: tuple[EyePart, EyePart]

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
    card = MESH

    def __init__(
        self, device: str = "cpu", batch: int = BATCH, sampler: Sampler | None = None
    ) -> None:
        self._device = torch.device(device)
        self._at_once = BatchLimit(batch)
        self._sampler = sampler or (CpuSampler() if device == "cpu" else TorchSampler())

    def prepare(
        self, picture: Picture, face: Face, look: Look, backdrop: Picture | None = None
    ) -> MeshPortrait:
        canvas = frame_portrait(picture, face, look, backdrop)
        grid = grid_for(look.size)
        mouth = measure_mouth(canvas.landmarks, look.size)
        left, right = measure_eyes(canvas.landmarks, mouth.scale)
        eyes = (_measure_eye(canvas, left, grid), _measure_eye(canvas, right, grid))
        head, jaw = head_basis(canvas.landmarks, mouth.scale, grid), jaw_box(mouth, grid)
        portrait = MeshPortrait(
            canvas=canvas,
            grid=grid,
            pixels=torch.from_numpy(canvas.pixels),
            still=_still(canvas),
            moving=head.reach.around(jaw).around(eyes[0].reach).around(eyes[1].reach),
            nodes=grid.planes(),
            head=head,
            mouth=mouth,
            interior=build_interior(canvas, mouth),
            mouth_box=mouth_box(mouth, grid),
            jaw_box=jaw,
            eyes=eyes,
        )
        return placed(portrait, self._device)

    def render(self, prepared: MeshPortrait, motion: MotionTrack, span: Span) -> Iterator[U8]:
        def make(part: Span) -> Tensor:
            return self._frames(prepared, self._controls(motion, part.first, part.stop))

        return delivered(in_batches(span, self._at_once, make), self._device)

    def without_mouth(
        self, portrait: MeshPortrait, motion: MotionTrack, span: Span
    ) -> tuple[Tensor, Tensor]:
        """One batch for a renderer that paints the mouth itself, the photo's mouth in it.

        Frames (B, H, W, C) uint8, and where the head's movement takes every node's picture from,
        (B, 2, gh, gw) frame pixels.
        """
        control = self._controls(motion, span.first, span.stop)
        places = portrait.nodes + portrait.head.displacement(control.head)
        return self._warped(portrait, control, places, None), places

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
        """(B, H, W, C) uint8: the whole frame by the coarse grid, then the features over it."""
        places = portrait.nodes + portrait.head.displacement(control.head)
        mouth = mouth_layers(portrait.mouth, control.mouth, portrait.jaw_box.of(places))
        frames = self._warped(portrait, control, places, mouth)
        self._paint_mouth(frames, portrait, control, mouth)
        return frames

    def _warped(
        self, portrait: MeshPortrait, control: _Controls, places: Tensor, mouth: MouthLayers | None
    ) -> Tensor:
        """(B, H, W, C) uint8 by the coarse grid, with the eyes painted but not the mouth."""
        eyes = [
            eye_layers(part.eye, control.blink, control.brow, part.reach.of(places))
            for part in portrait.eyes
        ]
        whole = places.clone()
        for part, layers in zip(portrait.eyes, eyes, strict=True):
            _move(whole, part.reach, places, layers.single())
        if mouth is not None:
            _move(whole, portrait.jaw_box, places, mouth.single())
        cell, moving = portrait.grid.cell, portrait.moving
        corner = (moving.left * cell, moving.top * cell)
        moved = moving.of(whole)
        frames = self._sampler.warp(portrait.pixels, moved, portrait.still, corner, cell)
        for part, layers in zip(portrait.eyes, eyes, strict=True):
            self._paint_eye(frames, portrait, part, control, places, layers)
        return frames

    def _paint_mouth(
        self, frames: Tensor, portrait: MeshPortrait, control: _Controls, layers: MouthLayers
    ) -> None:
        inner = portrait.mouth_box.within(portrait.jaw_box)
        fine = enlarged(layers, inner, self._sampler, portrait.grid.cell)
        painted = paint_mouth(
            self._sampler,
            portrait.pixels,
            portrait.mouth,
            portrait.interior,
            control.mouth,
            fine,
        )
        _put(frames, portrait.mouth_box, portrait.grid.cell, painted)

    def _paint_eye(
        self,
        frames: Tensor,
        portrait: MeshPortrait,
        part: EyePart,
        control: _Controls,
        places: Tensor,
        layers: EyeLayers,
    ) -> None:
        cell = portrait.grid.cell
        fine = enlarged(layers, part.box.within(part.reach), self._sampler, cell)
        rest = self._sampler.enlarge(part.box.of(places), cell)
        painted = paint_eye(
            self._sampler,
            portrait.pixels,
            part.eye,
            part.lid,
            control.blink,
            control.gaze,
            rest,
            fine,
        )
        _put(frames, part.box, cell, painted)


def _move(whole: Tensor, box: Box, rest: Tensor, moved: Tensor) -> None:
    """Add a feature's displacement in its box; boxes may overlap."""
    box.of(whole).add_(moved - box.of(rest))


def _put(frames: Tensor, box: Box, cell: int, painted: Tensor) -> None:
    top, left = box.top * cell, box.left * cell
    target = frames[:, top : box.bottom * cell, left : box.right * cell, :3]
    seen = painted[:, : target.shape[1], : target.shape[2]]
    target.copy_(seen.round().clamp(0, 255))


def _still(canvas: Canvas) -> Tensor:
    """The canvas at the frame's size, as a warp that moves nothing samples it."""
    width, height = canvas.size
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    places = torch.from_numpy(np.stack([x, y])[None])
    return CpuSampler().read(torch.from_numpy(canvas.pixels), places)[0]


def _measure_eye(canvas: Canvas, eye: Eye, grid: Grid) -> EyePart:
    return EyePart(eye, build_lid(canvas, eye), eye_box(eye, grid), brow_box(eye, grid))
