"""The MuseTalk renderer: the network draws the mouth, the mesh moves the head and the eyes."""

from collections.abc import Callable

import torch
from torch import Tensor

from models.contracts import Look
from models.engines.threads import torch_threads
from models.errors import EngineUnusable
from models.mesh.mouthed import Decoder, MouthedRenderer, TalkingPortrait
from models.mesh.overlay import place_of
from models.motion.tracks import MotionTrack
from models.musetalk.crop import SHOWN_FROM, face_box, face_picture, network_input, opacity
from models.musetalk.ears import Ears, Listener
from models.musetalk.layout import PICTURE
from models.musetalk.network import PortraitEncoder
from models.portrait.face import Face, Picture
from models.renderer import Span
from models.renderers import MUSETALK


class MuseTalkRenderer(MouthedRenderer):
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
        """`encoder` and `ears` are on the device, `decoder` takes what they heard (B, T, D)."""
        super().__init__(decoder, device, batch)
        self._encoder, self._ears, self._threads = encoder, ears, threads

    def prepare(
        self, picture: Picture, face: Face, look: Look, backdrop: Picture | None = None
    ) -> TalkingPortrait:
        mesh = self._mesh.prepare(picture, face, look, backdrop)
        box = face_box(mesh.canvas.landmarks)
        seen, shown = face_picture(mesh.canvas, box), opacity(mesh.canvas.landmarks, box)
        with torch.inference_mode(), torch_threads(self._threads):
            maps = self._encoder(network_input(seen).to(self._device))
        place = place_of(box, SHOWN_FROM, PICTURE, mesh.grid)
        return self._talking(mesh, maps, self._silence(), seen, shown, place)

    def _hearing(self, motion: MotionTrack) -> Callable[[Span], Tensor]:
        if motion.sound is None:
            raise EngineUnusable(f"{self.card.name} hears the sound: make the motion with it")
        listener = Listener(self._ears, motion.sound)
        return lambda part: listener.heard(part.first, part.stop)

    def _silence(self) -> Tensor:
        with torch.inference_mode():
            return self._ears.silence()
