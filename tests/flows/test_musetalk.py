"""MuseTalk's way through the flow: its three files, its sound, its segments, the gate."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from flows.avatar_video import avatar_video
from models.assets import DEFAULT_CACHE
from models.contracts import VideoRequest
from models.errors import BelowTheBar
from models.motion.files import load_track
from models.motion.tracks import MotionTrack
from models.weights.folder import FOLDER, WeightsFolder
from tasks import loaded
from tasks.settings import settings
from tests.models.musetalk import published


@pytest.fixture
def models_here(store_here: Path, face_models: Path, tmp_path: Path) -> Iterator[Path]:
    """The face's models, and weights with few channels."""
    folder = tmp_path / "models"
    folder.mkdir()
    for model in DEFAULT_CACHE.iterdir():
        (folder / model.name).symlink_to(model)
    sources = []
    for prefix in ("unet.", "vae.", "whisper."):
        state = published.random_state(published.TINY)
        part = {key[len(prefix) :]: each for key, each in state.items() if key.startswith(prefix)}
        sources.append(str(tmp_path / f"{prefix}pth"))
        torch.save(part, sources[-1])
    weights = WeightsFolder(folder / FOLDER)
    weights.add("musetalk", *sources, licence="our own", commercial_use=True)
    kept = (settings, loaded.home)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AVATAR_MODELS", str(folder))
        patch.setenv("ENABLE_FP16", "false")  # so few channels are faster without
        for each in kept:
            each.cache_clear()
        yield folder
    for each in kept:
        each.cache_clear()


def test_its_video_is_rendered_with_its_sound_and_judged(
    models_here: Path, store_here: Path, portrait_file: Path, tmp_path: Path
) -> None:
    """Random weights draw noise: the frames are made, and the gate keeps them from the caller."""
    request = {
        "portrait": {"image": str(portrait_file)},
        "speech": {"script": "Papa may buy a blue map."},
        "look": {"resolution": 256, "fps": "29.97"},
        "delivery": {"output": str(tmp_path / "talk.mp4"), "contact_sheet": False},
        "renderer": "musetalk",
        "commercial": True,
    }
    with pytest.raises(BelowTheBar):
        avatar_video(VideoRequest.model_validate(request))
    assert list((store_here / "segments").glob("*.mp4"))
    (motion,) = (store_here / "clips").glob("*.motion.npz")
    track = load_track(MotionTrack, motion)
    assert track.heard is None
    assert track.sound is not None
    assert len(track.sound.starts) == len(track)
    assert len(track.sound.samples) > 16_000
