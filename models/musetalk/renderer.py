"""The MuseTalk renderer: the network draws the mouth, the mesh moves the head and the eyes."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from models.arrays import U8
from models.contracts import Look
from models.engines.memory import BatchLimit, in_batches
from models.engines.sharing import SharedEngine
from models.engines.streams import delivered
from models.engines.threads import torch_threads
from models.errors import EngineUnusable
from models.mesh.overlay import CpuOverlay, Place, TorchOverlay, place_of
from models.mesh.patch import colour_offset
from models.mesh.placement import placed
from models.mesh.renderer import MeshPortrait, MeshRenderer
from models.mesh.sampling import CpuSampler, TorchSampler
from models.motion.tracks import MotionTrack
from models.musetalk.crop import SHOWN_FROM, face_box, face_picture, network_input, opacity
from models.musetalk.ears import Ears, Listener
from models.musetalk.layout import PICTURE
from models.musetalk.network import Maps, PortraitEncoder
from models.portrait.face import Face, Picture
from models.renderer import Span
from models.renderers import MUSETALK

Decoder = Callable[..., Tensor]  # (B, T, D) and a portrait's maps to (B, 3, h, 256), RGB 0..1


@dataclass(frozen=True)
class TalkingPortrait:
    """A portrait ready for the mesh, and what the network knows of its face."""

    mesh: MeshPortrait
    maps: Maps
    offset: Tensor  # (3, h, 256) RGB, 0..255: what makes the drawn picture's edge the portrait's
    opacity: Tensor  # (1, h, 256, 1) 0..255
    place: Place

    @property
    def size(self) -> tuple[int, int]:
        return self.mesh.size


class MuseTalkRenderer:
    card = MUSETALK

    def __init__(
        self,
        encoder: PortraitEncoder,
        decoder: Decoder,
        ears: Ears,
        device: str,
        batch: int,
        threads: int = 1,
    ) -> None:
        """`encoder` and `ears` are on the device, `decoder` takes tensors of it."""
        self._device, self._ears, self._threads = torch.device(device), ears, threads
        self._encoder, self._at_once = encoder, BatchLimit(batch)
        self.shared = SharedEngine(decoder, batch, mixes=getattr(decoder, "mixes", False))
        self._mesh = MeshRenderer(device, batch)
        on_cpu = self._device.type == "cpu"
        self._overlay = CpuOverlay(CpuSampler()) if on_cpu else TorchOverlay(TorchSampler())

    def prepare(
        self, picture: Picture, face: Face, look: Look, backdrop: Picture | None = None
    ) -> TalkingPortrait:
        mesh = self._mesh.prepare(picture, face, look, backdrop)
        box = face_box(mesh.canvas.landmarks)
        seen, shown = face_picture(mesh.canvas, box), opacity(mesh.canvas.landmarks, box)
        with torch.inference_mode():
            with torch_threads(self._threads):
                maps = self._encoder(network_input(seen).to(self._device))
            drawn = self.shared(self._ears.silence(), *maps)[0].float().cpu()
        portrait = TalkingPortrait(
            mesh=mesh,
            maps=maps,
            offset=255 * colour_offset(seen, drawn, shown),
            opacity=255 * shown[None, :, :, None],
            place=place_of(box, SHOWN_FROM, PICTURE, mesh.grid),
        )
        return placed(portrait, self._device)

    def render(self, prepared: TalkingPortrait, motion: MotionTrack, span: Span) -> Iterator[U8]:
        if motion.sound is None:
            raise EngineUnusable(f"{self.card.name} hears the sound: make the motion with it")
        listener = Listener(self._ears, motion.sound)

        def make(part: Span) -> Tensor:
            """The network may draw for others too, while the mesh moves the head."""
            asked = self.shared.submit(listener.heard(part.first, part.stop), prepared.maps)
            try:
                frames, places = self._mesh.without_mouth(prepared.mesh, motion, part)
                pictures = self._pictures(prepared, self.shared.result(asked))
                self._overlay(frames, pictures, places, prepared.place)
            finally:
                self.shared.withdraw(asked)
            return frames

        return delivered(in_batches(span, self._at_once, make), self._device)

    def _pictures(self, portrait: TalkingPortrait, drawn: Tensor) -> Tensor:
        """(B, h, 256, 4): RGB in the portrait's colours, and opacity, 0..255."""
        rgb = (255 * drawn.float() + portrait.offset).permute(0, 2, 3, 1)
        return torch.cat([rgb, portrait.opacity.expand(len(rgb), -1, -1, -1)], dim=3)
