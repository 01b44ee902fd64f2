"""The Wav2Lip renderer: the network draws the mouth, the mesh moves the head and the eyes."""

from collections.abc import Callable

import torch
from torch import Tensor

from models.contracts import Look
from models.errors import EngineUnusable
from models.mesh.mouthed import Decoder, MouthedRenderer, TalkingPortrait
from models.mesh.overlay import place_of
from models.motion.tracks import MEL_BANDS, WINDOW_ROWS, MotionTrack
from models.portrait.face import Face, Picture
from models.renderer import Span
from models.renderers import WAV2LIP
from models.wav2lip.crop import face_box, face_picture, network_input, opacity
from models.wav2lip.mel import windows
from models.wav2lip.network import FaceEncoder

BATCH = 16
SILENT = -4.0  # a mel row of digital silence


class Wav2LipRenderer(MouthedRenderer):
    card = WAV2LIP
    bgr = True

    def __init__(
        self, encoder: FaceEncoder, decoder: Decoder, size: int, device: str, batch: int = BATCH
    ) -> None:
        """`encoder` is on the device; the face has `size` pixels.

        `decoder` takes mel windows (B, 1, 80, 16) and a face's maps.
        """
        super().__init__(decoder, device, batch)
        self._encoder, self._size = encoder, size

    def prepare(
        self, picture: Picture, face: Face, look: Look, backdrop: Picture | None = None
    ) -> TalkingPortrait:
        mesh, size = self._mesh.prepare(picture, face, look, backdrop), self._size
        box = face_box(mesh.canvas.landmarks)
        seen, top = face_picture(mesh.canvas, box, size), self._encoder.trim.top
        with torch.inference_mode():
            maps = self._encoder(network_input(seen).to(self._device))
        place = place_of(box, top, size, mesh.grid)
        return self._talking(mesh, maps, self._silence(), seen, opacity(size, top), place)

    def _hearing(self, motion: MotionTrack) -> Callable[[Span], Tensor]:
        heard = motion.heard
        if heard is None:
            raise EngineUnusable(f"{self.card.name} hears the sound: make the motion with it")
        rows, starts = torch.from_numpy(heard.rows), torch.from_numpy(heard.starts)
        return lambda part: windows(rows, starts[part.first : part.stop]).to(self._device)

    def _silence(self) -> Tensor:
        shape = (1, 1, MEL_BANDS, WINDOW_ROWS)
        return torch.full(shape, SILENT, device=self._device)
