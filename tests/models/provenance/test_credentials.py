"""Credentials are written into a real MP4 and read again, also where somebody touched the file."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from models.errors import SetupError
from models.provenance.credential import Credential, development_credential, load_credential
from models.provenance.credentials import (
    SOURCE,
    Made,
    Statement,
    read_statement,
    sign,
    sign_beside,
)
from tests.models.media.films import segment

MARKS = ("c0ffee123456", "00000000002a")


def made() -> Made:
    return Made("vid_1", "mesh", "1", "code", MARKS, "0.1.0")


@pytest.fixture
def credential(tmp_path: Path) -> Credential:
    return development_credential(tmp_path / "keys")


def signed(tmp_path: Path, credential: Credential) -> tuple[Path, Statement]:
    video, out = tmp_path / "video.mp4", tmp_path / "signed.mp4"
    segment(video, np.full((10, 64, 64, 3), 90, np.uint8), Fraction(25))
    return out, sign(video, made(), credential, out)


def test_what_was_signed_is_read_again(tmp_path: Path, credential: Credential) -> None:
    out, stated = signed(tmp_path, credential)
    assert read_statement(out) == stated
    assert (stated.state, stated.source, stated.marks) == ("Valid", SOURCE, MARKS)
    assert stated.video == {"id": "vid_1", "renderer": "mesh", "code": "code"}


def test_a_development_certificate_says_so(tmp_path: Path, credential: Credential) -> None:
    _, stated = signed(tmp_path, credential)
    assert credential.development
    assert "development only" in stated.issuer
    assert stated.problems == ("signingCredential.untrusted",)


def test_one_changed_byte_of_the_pictures_is_told(tmp_path: Path, credential: Credential) -> None:
    out, _ = signed(tmp_path, credential)
    content = bytearray(out.read_bytes())
    content[content.index(b"mdat") + 400] ^= 1
    out.write_bytes(content)
    stated = read_statement(out)
    assert stated is not None
    assert not stated.intact
    assert "assertion.bmffHash.mismatch" in stated.problems


@pytest.fixture
def webm(tmp_path: Path, credential: Credential) -> Path:
    """With its credentials beside it."""
    video = tmp_path / "video.webm"
    segment(video, np.full((10, 64, 64, 4), 90, np.uint8), Fraction(25))
    sign_beside(video, made(), credential, tmp_path / "video.c2pa")
    return video


def test_credentials_beside_a_webm_are_read_again(webm: Path) -> None:
    stated = read_statement(webm)
    assert stated is not None
    assert (stated.state, stated.marks) == ("Valid", MARKS)
    assert stated.video["id"] == "vid_1"


def test_credentials_beside_hold_for_every_byte(webm: Path) -> None:
    content = bytearray(webm.read_bytes())
    content[len(content) // 2] ^= 1
    webm.write_bytes(content)
    stated = read_statement(webm)
    assert stated is not None
    assert not stated.intact
    assert "assertion.dataHash.mismatch" in stated.problems


def test_a_webm_alone_states_nothing(webm: Path) -> None:
    webm.with_suffix(".c2pa").unlink()
    assert read_statement(webm) is None


def test_a_video_without_credentials_states_nothing(tmp_path: Path) -> None:
    video = tmp_path / "video.mp4"
    segment(video, np.full((10, 64, 64, 3), 90, np.uint8), Fraction(25))
    assert read_statement(video) is None


def test_the_development_credential_is_made_once(tmp_path: Path) -> None:
    first = development_credential(tmp_path)
    assert development_credential(tmp_path) == first
    assert (tmp_path / "development.pem").stat().st_mode & 0o077 == 0


def test_a_broken_credential_names_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text("nothing")
    with pytest.raises(SetupError, match=r"key\.pem is no signing credential: put a private key"):
        load_credential(tmp_path / "key.pem")
