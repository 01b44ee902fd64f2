"""The encoder of a card, where there is one."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from models.contracts import Encoder
from models.errors import EngineUnusable
from models.media.encode import VideoWriter
from models.media.encoder import check_encoder, format_for, has_nvenc


def test_transparency_is_always_encoded_by_the_processor() -> None:
    assert format_for(alpha=True, encoder=Encoder.NVENC) == format_for(alpha=True)


def test_without_such_a_card_the_remedy_is_named() -> None:
    if has_nvenc():
        pytest.skip("this machine has one")
    check_encoder(Encoder.X264)
    with pytest.raises(EngineUnusable, match="AVATAR_ENCODER=x264"):
        check_encoder(Encoder.NVENC)


@pytest.mark.gpu
def test_a_card_encodes_what_it_is_given(tmp_path: Path) -> None:
    if not has_nvenc():
        pytest.skip("no card with an encoder: NVENC is NOT tested here")
    rows, columns = np.mgrid[0:256, 0:256].astype(np.uint8)
    frames = np.stack([np.stack([rows, columns, rows + shift], -1) for shift in range(12)])
    out = tmp_path / "card.mp4"
    with VideoWriter(out, (256, 256), Fraction(25), frames=12, encoder=Encoder.NVENC) as writer:
        writer.write(frames)
    with av.open(str(out)) as video:
        shown = [frame.to_ndarray(format="rgb24") for frame in video.decode(video=0)]
    assert len(shown) == 12
    assert np.abs(np.stack(shown).astype(int) - frames).mean() < 4
