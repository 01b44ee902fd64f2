"""C2PA content credentials: what a video is and how it was made, signed.

They stand inside an MP4. WebM has no place for them, so they lie in a file beside it, bound to all
of its bytes.
"""

import json
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import c2pa

from models.errors import EncodeFailed
from models.provenance.credential import Credential

INSIDE = frozenset({".mp4"})
BESIDE = ".c2pa"
_MEDIA_TYPES = {".webm": "video/webm"}
ALGORITHM = "org.avatar-orchestrator.mark.1"
VIDEO = "org.avatar-orchestrator.video"
CONSENT = "org.avatar-orchestrator.consent"
# a photograph moved by a model: https://cv.iptc.org/newscodes/digitalsourcetype/
SOURCE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
_USES = ("ai_inference", "ai_generative_training", "ai_training", "data_mining")


@dataclass(frozen=True)
class Made:
    """What is stated about a video."""

    id: str
    renderer: str
    renderer_version: str
    code: str  # digest of our own code and weights
    marks: tuple[str, ...]  # that its segments carry unseen, hexadecimal, in order
    generator_version: str
    consent: str = ""  # sha256 of the record that it was made under


@dataclass(frozen=True)
class Statement:
    """What a file's credentials say, and whether they are to be believed."""

    state: str  # Trusted, Valid (whole, but signed by someone unknown) or Invalid
    issuer: str
    video: dict[str, Any]  # what we state ourselves; empty: somebody else's credentials
    marks: tuple[str, ...]
    source: str  # the digital source type
    problems: tuple[str, ...]
    consent: str = ""  # sha256 of the record

    @property
    def intact(self) -> bool:
        return self.state in ("Trusted", "Valid")


def sign(video: Path, made: Made, credential: Credential, out: Path) -> Statement:
    """`out` is `video` with credentials, read again. Raises EncodeFailed; then there is no file."""
    info = c2pa.C2paSignerInfo(c2pa.C2paSigningAlg.ES256, credential.chain, credential.key, None)
    try:
        with c2pa.Signer.from_info(info) as signer, c2pa.Builder(_document(video, made)) as builder:
            builder.sign_file(video, out, signer)
        stated = _read(out)
    except c2pa.C2paError as error:
        out.unlink(missing_ok=True)
        raise EncodeFailed(f"{video.name} could not be signed: {error}") from error
    return _as_written(stated, made, video, out)


def sign_beside(video: Path, made: Made, credential: Credential, out: Path) -> Statement:
    """`out` is the credentials alone, read again. Raises EncodeFailed; then there is no file."""
    info = c2pa.C2paSignerInfo(c2pa.C2paSigningAlg.ES256, credential.chain, credential.key, None)
    try:
        with (
            c2pa.Signer.from_info(info) as signer,
            c2pa.Builder(_document(video, made)) as builder,
            video.open("rb") as content,
            TemporaryFile() as copy,
        ):
            builder.set_no_embed()
            out.write_bytes(builder.sign(signer, _MEDIA_TYPES[video.suffix], content, copy))
        stated = _read(video, out)
    except c2pa.C2paError as error:
        out.unlink(missing_ok=True)
        raise EncodeFailed(f"{video.name} could not be signed: {error}") from error
    return _as_written(stated, made, video, out)


def read_statement(video: Path) -> Statement | None:
    """None where a file has no credentials, inside or beside it. Raises EncodeFailed."""
    try:
        beside = video.with_suffix(BESIDE)
        return _read(video, beside if video.suffix in _MEDIA_TYPES and beside.exists() else None)
    except c2pa.C2paError.NotSupported:
        return None
    except c2pa.C2paError as error:
        raise EncodeFailed(f"the credentials of {video.name} cannot be read: {error}") from error


def _read(video: Path, beside: Path | None = None) -> Statement | None:
    with ExitStack() as stack:
        if beside is None:
            reader = c2pa.Reader.try_create(video)
        else:
            content = stack.enter_context(video.open("rb"))
            kind = _MEDIA_TYPES[video.suffix]
            reader = c2pa.Reader.try_create(kind, content, beside.read_bytes())
        return None if reader is None else _told(reader)


def _told(reader: c2pa.Reader) -> Statement:
    with reader:
        return _statement(reader)


def _as_written(stated: Statement | None, made: Made, video: Path, out: Path) -> Statement:
    if stated is None or not stated.intact or stated.marks != made.marks:
        out.unlink(missing_ok=True)
        raise EncodeFailed(f"{video.name} was signed, but its credentials do not read as written")
    return stated


def _statement(reader: c2pa.Reader) -> Statement:
    active = reader.get_active_manifest() or {}
    said = {each["label"]: each["data"] for each in active.get("assertions", ())}
    actions = said.get("c2pa.actions.v2", {}).get("actions", ())
    binding = said.get("c2pa.soft-binding", {})
    ours = binding.get("alg") == ALGORITHM
    results = (reader.get_validation_results() or {}).get("activeManifest", {})
    return Statement(
        state=str(reader.get_validation_state()),
        issuer=str(active.get("signature_info", {}).get("issuer", "")),
        video=said.get(VIDEO, {}),
        marks=tuple(block["value"] for block in binding.get("blocks", ()) if ours),
        source=next((a["digitalSourceType"] for a in actions if "digitalSourceType" in a), ""),
        problems=tuple(each["code"] for each in results.get("failure", ())),
        consent=said.get(CONSENT, {}).get("hash", ""),
    )


def _document(video: Path, made: Made) -> str:
    agent = {"name": made.renderer, "version": made.renderer_version}
    created = {"action": "c2pa.created", "digitalSourceType": SOURCE, "softwareAgent": agent}
    blocks = [{"scope": {}, "value": mark} for mark in made.marks]
    stated = {
        "c2pa.actions.v2": {"actions": [created, {"action": "c2pa.watermarked.bound"}]},
        "cawg.training-mining": {
            "entries": {f"cawg.{use}": {"use": "notAllowed"} for use in _USES}
        },
        "c2pa.soft-binding": {"alg": ALGORITHM, "blocks": blocks},
        VIDEO: {"id": made.id, "renderer": made.renderer, "code": made.code},
    }
    if made.consent:
        stated[CONSENT] = {"alg": "sha256", "hash": made.consent}
    generator = {"name": "Avatar Orchestrator", "version": made.generator_version}
    return json.dumps(
        {
            "claim_generator_info": [generator],
            "title": video.name,
            "assertions": [{"label": label, "data": data} for label, data in stated.items()],
        }
    )
