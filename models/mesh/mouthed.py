"""A network draws the mouth, the mesh moves the head and the eyes: what such renderers share."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import torch
from torch import Tensor

from models.arrays import U8
from models.engines.ahead import Ahead, Drawing
from models.engines.memory import BatchLimit, in_batches
from models.engines.sharing import Request, SharedEngine
from models.engines.streams import delivered
from models.mesh.overlay import CpuOverlay, Place, TorchOverlay
from models.mesh.patch import colour_offset
from models.mesh.placement import placed
from models.mesh.renderer import MeshPortrait, MeshRenderer
from models.mesh.sampling import CpuSampler, TorchSampler
from models.motion.tracks import MotionTrack
from models.renderer import Card, Span

Decoder = Callable[..., Tensor]  # what (B, ...) frames hear and maps to pictures (B, 3, h, w), 0..1
Maps = tuple[Tensor, ...]  # (1, C, ...) each: what a decoder knows of a face


@dataclass(frozen=True)
class TalkingPortrait:
    """A portrait ready for the mesh, and what the network knows of its face."""

    mesh: MeshPortrait
    maps: Maps
    offset: Tensor  # (3, h, w) RGB, 0..255: what makes the drawn picture's edge the portrait's
    opacity: Tensor  # (1, h, w, 1) 0..255
    place: Place

    @property
    def size(self) -> tuple[int, int]:
        return self.mesh.size


class MouthedRenderer(ABC):
    card: Card
    bgr: ClassVar[bool] = False  # the order of the decoder's colours

    def __init__(self, decoder: Decoder, device: str, batch: int) -> None:
        """`decoder` takes tensors of the device; videos that are rendered at once share it."""
        self._device, self._at_once = torch.device(device), BatchLimit(batch)
        self.shared = SharedEngine(decoder, batch, mixes=getattr(decoder, "mixes", False))
        self._mesh = MeshRenderer(device, batch)
        on_cpu = self._device.type == "cpu"
        self._beside = ThreadPoolExecutor(1, thread_name_prefix="mouth") if on_cpu else None
        self._overlay = CpuOverlay(CpuSampler()) if on_cpu else TorchOverlay(TorchSampler())

    def render(self, prepared: TalkingPortrait, motion: MotionTrack, span: Span) -> Iterator[U8]:
        heard = self._hearing(motion)

        def ask(part: Span) -> Drawing:
            asked = self.shared.submit(heard(part), prepared.maps)
            return Drawing(part, self._drawn(asked), partial(self.shared.withdraw, asked))

        batches = self._batches(prepared, motion, span, Ahead(ask, span.stop))
        return delivered(batches, self._device)

    def _batches(
        self, prepared: TalkingPortrait, motion: MotionTrack, span: Span, ahead: Ahead
    ) -> Generator[Tensor]:
        """The network draws, for others too, while the mesh moves the head."""

        def make(part: Span) -> Tensor:
            drawing = ahead.drawing(part)
            try:
                frames, places = self._mesh.without_mouth(prepared.mesh, motion, part)
                pictures = self._pictures(prepared, drawing.result())
                self._overlay(frames, pictures, places, prepared.place)
            finally:
                drawing.withdraw()
            return frames

        with closing(ahead):
            yield from in_batches(span, self._at_once, make)

    def _drawn(self, asked: Request) -> Callable[[], Tensor]:
        """Waits for it. A card is given its work here, a processor's cores beside us."""
        if self._beside is None:
            return lambda: self.shared.result(asked)

        def result() -> Tensor:
            with torch.inference_mode():
                return self.shared.result(asked)

        return self._beside.submit(result).result

    @abstractmethod
    def _hearing(self, motion: MotionTrack) -> Callable[[Span], Tensor]:
        """What the decoder is called with for a span's frames. Raises EngineUnusable."""

    def _talking(
        self,
        mesh: MeshPortrait,
        maps: Maps,
        silence: Tensor,
        seen: Tensor,
        shown: Tensor,
        place: Place,
    ) -> TalkingPortrait:
        """`seen` (3, S, S) 0..1 is the face as the network sees it, `shown` (h, w) its opacity."""
        with torch.inference_mode():
            drawn = self.shared(silence, *maps)[0].float().cpu()
        offset = 255 * colour_offset(seen, drawn, shown)
        portrait = TalkingPortrait(
            mesh=mesh,
            maps=maps,
            offset=offset.flip(0) if self.bgr else offset,
            opacity=255 * shown[None, :, :, None],
            place=place,
        )
        return placed(portrait, self._device)

    def _pictures(self, portrait: TalkingPortrait, drawn: Tensor) -> Tensor:
        """(B, h, w, 4): RGB in the portrait's colours, and opacity, 0..255."""
        colours = 255 * drawn.float()
        rgb = ((colours.flip(1) if self.bgr else colours) + portrait.offset).permute(0, 2, 3, 1)
        return torch.cat([rgb, portrait.opacity.expand(len(rgb), -1, -1, -1)], dim=3)
