"""Portraits and recordings of the user's become a corpus, by the way that a video takes."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor

from models.contracts import Look
from models.distill.corpus import Corpus, corpus_of
from models.errors import InputError, InvalidRequest
from models.media.recording import load_recording
from models.mesh.canvas import frame_portrait
from models.mesh.patch import FaceBox
from models.motion.tracks import MEL_RATE_HZ
from models.portrait.analyser import FaceAnalyser
from models.portrait.image import load_picture
from models.portrait.preflight import choose
from models.speech.features import blocks_16k
from models.wav2lip.crop import face_box, face_picture
from models.wav2lip.mel import mel_rows

PICTURES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif"})
SOUNDS = frozenset(
    {".wav", ".flac", ".mp3", ".m4a", ".aac", ".ogg", ".opus", ".mp4", ".mov", ".mkv", ".webm"}
)
# Shift right and down and size of a crop, of the face's own: boxes of other portraits lie otherwise
CROPS = ((0.0, 0.0, 1.0), (-0.03, 0.02, 1.0), (0.03, -0.02, 0.96), (0.0, 0.03, 1.05))


@dataclass(frozen=True)
class Material:
    corpus: Corpus
    portraits: int
    sound_s: float
    skipped: tuple[str, ...]  # what is wrong with each file that was left out


def gather(
    portraits: Sequence[Path], recordings: Sequence[Path], finder: FaceAnalyser, size: int
) -> Material:
    """Of files, and of folders of them; one that will not do is left out, and told.

    Raises InvalidRequest where nothing or too little remains.
    """
    skipped: list[str] = []
    pictures = files_of(portraits, PICTURES, "portraits")
    faces = _each(pictures, lambda file: _crops(file, finder, size), skipped)
    if not faces:
        raise InvalidRequest(f"no portrait will do: {skipped[0]}")
    sounds = files_of(recordings, SOUNDS, "recordings")
    heard = _each(sounds, _mel, skipped)
    if not heard:
        raise InvalidRequest(f"no recording will do: {skipped[-1]}")
    seconds = sum(map(len, heard)) / MEL_RATE_HZ
    return Material(corpus_of(faces, heard), len(faces), seconds, tuple(skipped))


def files_of(given: Sequence[Path], kinds: frozenset[str], what: str) -> list[Path]:
    """Files as they are given, and of each folder those of the kinds, by name.

    Raises InvalidRequest.
    """
    found: list[Path] = []
    for path in given:
        if not path.exists():
            raise InvalidRequest(f"there is no file or folder {path}: correct the path")
        inside = sorted(each for each in path.rglob("*") if each.suffix.lower() in kinds)
        found += inside if path.is_dir() else [path]
    if not found:
        named = ", ".join(map(str, given)) or "nothing"
        endings = ", ".join(sorted(kinds))
        raise InvalidRequest(f"there are no {what} in {named}: files end in {endings}")
    return found


def _each(
    files: Iterable[Path], read: Callable[[Path], Tensor], skipped: list[str]
) -> list[Tensor]:
    done = []
    for file in files:
        try:
            done.append(read(file))
        except InputError as error:
            skipped.append(str(error))
    return done


def _crops(file: Path, finder: FaceAnalyser, size: int) -> Tensor:
    """(V, 3, S, S) uint8 BGR. Raises PortraitError."""
    picture = load_picture(file)
    canvas = frame_portrait(picture, choose(picture, finder.faces(picture)), Look())
    box = face_box(canvas.landmarks)
    crops = [face_picture(canvas, _moved(box, *crop), size) for crop in CROPS]
    return (255 * torch.stack(crops)).round().to(torch.uint8)


def _moved(box: FaceBox, right: float, down: float, size: float) -> FaceBox:
    width, height = size * box.width, size * box.height
    return replace(
        box,
        left=box.left + right * box.width + (box.width - width) / 2,
        top=box.top + down * box.height + (box.height - height) / 2,
        width=width,
        height=height,
    )


def _mel(file: Path) -> Tensor:
    """(M, 80). Raises AudioError."""
    with TemporaryDirectory() as folder:
        recording, _ = load_recording(file, Path(folder) / "sound.wav")
        return torch.from_numpy(mel_rows(blocks_16k(recording)))
