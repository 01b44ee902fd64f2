"""The Wav2Lip renderer: the network draws the mouth, the mesh moves the head and the eyes."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from models.arrays import U8
from models.contracts import Look
from models.engines.memory import BatchLimit, in_batches
from models.engines.sharing import SharedEngine
from models.engines.streams import delivered
from models.errors import EngineUnusable
from models.mesh.overlay import CpuOverlay, Place, TorchOverlay, place_of
from models.mesh.patch import colour_offset
from models.mesh.placement import placed
from models.mesh.renderer import MeshPortrait, MeshRenderer
from models.mesh.sampling import CpuSampler, TorchSampler
from models.motion.tracks import MEL_BANDS, WINDOW_ROWS, Heard, MotionTrack
from models.portrait.face import Face, Picture
from models.renderer import Span
from models.renderers import WAV2LIP
from models.wav2lip.crop import face_box, face_picture, network_input, opacity
from models.wav2lip.mel import windows
from models.wav2lip.network import FaceEncoder, Maps

BATCH = 16
SILENT = -4.0  # a mel row of digital silence

Decoder = Callable[..., Tensor]  # (B, 1, 80, 16) and a face's maps to (B, 3, h, S), BGR 0..1


@dataclass(frozen=True)
class TalkingPortrait:
    """A portrait ready for the mesh, and what the network knows of its face."""

    mesh: MeshPortrait
    maps: Maps
    offset: Tensor  # (3, h, S) RGB, 0..255: what makes the drawn picture's edge the portrait's
    opacity: Tensor  # (1, h, S, 1) 0..255
    place: Place

    @property
    def size(self) -> tuple[int, int]:
        return self.mesh.size


class Wav2LipRenderer:
    card = WAV2LIP

    def __init__(
        self, encoder: FaceEncoder, decoder: Decoder, size: int, device: str, batch: int = BATCH
    ) -> None:
        """`encoder` is on the device, `decoder` takes tensors of it; the face has `size` pixels."""
        self._device, self._size = torch.device(device), size
        self._encoder, self._at_once = encoder, BatchLimit(batch)
        self.shared = SharedEngine(decoder, batch, mixes=getattr(decoder, "mixes", False))
        self._mesh = MeshRenderer(device, batch)
        on_cpu = self._device.type == "cpu"
        self._overlay = CpuOverlay(CpuSampler()) if on_cpu else TorchOverlay(TorchSampler())

    def prepare(
        self, picture: Picture, face: Face, look: Look, backdrop: Picture | None = None
    ) -> TalkingPortrait:
        mesh, size = self._mesh.prepare(picture, face, look, backdrop), self._size
        box = face_box(mesh.canvas.landmarks)
        seen = face_picture(mesh.canvas, box, size)
        top = self._encoder.trim.top
        shown = opacity(size, top)
        with torch.inference_mode():
            maps = self._encoder(network_input(seen).to(self._device))
            drawn = self.shared(self._silence(), *maps)[0].float().cpu()
        portrait = TalkingPortrait(
            mesh=mesh,
            maps=maps,
            offset=255 * colour_offset(seen, drawn, shown).flip(0),
            opacity=255 * shown[None, :, :, None],
            place=place_of(box, top, size, mesh.grid),
        )
        return placed(portrait, self._device)

    def render(self, prepared: TalkingPortrait, motion: MotionTrack, span: Span) -> Iterator[U8]:
        if motion.heard is None:
            raise EngineUnusable(f"{self.card.name} hears the sound: make the motion with it")
        rows, heard = torch.from_numpy(motion.heard.rows), motion.heard

        def make(part: Span) -> Tensor:
            """The network may draw for others too, while the mesh moves the head."""
            asked = self.shared.submit(self._heard(rows, heard, part), prepared.maps)
            try:
                frames, places = self._mesh.without_mouth(prepared.mesh, motion, part)
                pictures = self._pictures(prepared, self.shared.result(asked))
                self._overlay(frames, pictures, places, prepared.place)
            finally:
                self.shared.withdraw(asked)
            return frames

        return delivered(in_batches(span, self._at_once, make), self._device)

    def _heard(self, rows: Tensor, heard: Heard, part: Span) -> Tensor:
        starts = torch.from_numpy(heard.starts[part.first : part.stop])
        return windows(rows, starts).to(self._device)

    def _pictures(self, portrait: TalkingPortrait, drawn: Tensor) -> Tensor:
        """(B, h, S, 4): RGB in the portrait's colours, and opacity, 0..255."""
        rgb = (255 * drawn.float().flip(1) + portrait.offset).permute(0, 2, 3, 1)
        return torch.cat([rgb, portrait.opacity.expand(len(rgb), -1, -1, -1)], dim=3)

    def _silence(self) -> Tensor:
        shape = (1, 1, MEL_BANDS, WINDOW_ROWS)
        return torch.full(shape, SILENT, device=self._device)
