"""A network's way through the flow: its weights and licence, its sound, its segments, the gate."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from flows.avatar_video import avatar_video
from models.assets import DEFAULT_CACHE
from models.contracts import VideoRequest
from models.errors import BelowTheBar, LicenceRefused, MissingWeights
from models.motion.files import load_track
from models.motion.tracks import MotionTrack
from models.weights.folder import FOLDER, WeightsFolder
from tasks import loaded
from tasks.settings import settings
from tests.models.wav2lip import published


def asked(portrait: Path, output: Path, **changes: object) -> VideoRequest:
    given: dict[str, object] = {
        "portrait": {"image": str(portrait)},
        "speech": {"script": "Papa may buy a blue map."},
        "look": {"resolution": 256, "fps": "29.97"},
        "delivery": {"output": str(output), "contact_sheet": False},
        "renderer": "wav2lip",
    }
    return VideoRequest.model_validate(given | changes)


@pytest.fixture
def models_here(store_here: Path, face_models: Path, tmp_path: Path) -> Iterator[Path]:
    """A folder of models with the face's, for weights of our own."""
    folder = tmp_path / "models"
    folder.mkdir()
    for model in DEFAULT_CACHE.iterdir():
        (folder / model.name).symlink_to(model)
    kept = (settings, loaded.home)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AVATAR_MODELS", str(folder))
        for each in kept:
            each.cache_clear()
        yield folder
    for each in kept:
        each.cache_clear()


def test_without_weights_the_command_that_adds_them_is_named(
    models_here: Path, portrait_file: Path, tmp_path: Path
) -> None:
    with pytest.raises(MissingWeights, match="avatar weights add wav2lip"):
        avatar_video(asked(portrait_file, tmp_path / "talk.mp4"))


def test_a_network_s_video_is_rendered_segment_by_segment_and_judged(
    models_here: Path, store_here: Path, portrait_file: Path, tmp_path: Path
) -> None:
    """Random weights draw noise: the frames are made, and the gate keeps them from the caller."""
    torch.save(published.random_state(), tmp_path / "random.pth")
    WeightsFolder(models_here / FOLDER).add(
        "wav2lip", str(tmp_path / "random.pth"), licence="research only", commercial_use=False
    )
    with pytest.raises(LicenceRefused, match="not for commercial use"):
        avatar_video(asked(portrait_file, tmp_path / "talk.mp4", commercial=True))
    assert not (store_here / "segments").exists()
    with pytest.raises(BelowTheBar, match="lip"):
        avatar_video(asked(portrait_file, tmp_path / "talk.mp4"))
    assert list((store_here / "segments").glob("*.mp4"))
    (motion,) = (store_here / "clips").glob("*.motion.npz")
    track = load_track(MotionTrack, motion)
    assert track.heard is not None
    assert len(track.heard.starts) == len(track)
