"""What a video was made of and with: enough to make it again, and to tell that it is the same."""

import platform
from importlib.metadata import version

from models.assets import FACE_MODELS
from models.contracts import Contract, QualityReport, Receipt, VideoRequest
from models.journal import Asked, Stage

LIBRARIES = ("avatar-orchestrator", "av", "numpy", "opencv-python-headless", "torch")


class Manifest(Contract):
    id: str = ""  # the video's, as in its credentials and behind its marks
    marks: tuple[str, ...] = ()  # that its segments carry unseen, hexadecimal
    request: VideoRequest
    seed: int
    frames: int
    renderer: str  # name and version
    versions: dict[str, str]
    face_models: dict[str, str]  # sha256 by name
    code: str  # digest of our own code and weights
    inputs: dict[str, str]  # sha256 by role
    outputs: dict[str, str]  # sha256 by file name
    quality: QualityReport
    warnings: tuple[str, ...]
    timings_s: dict[str, float]
    asked: Asked = Asked()
    run: str = ""  # Prefect's id of the flow run
    stages: tuple[Stage, ...] = ()  # until the delivery
    receipt: Receipt | None = None
    consent: str = ""  # sha256 of the record that it was made under


def versions() -> dict[str, str]:
    found = {library: version(library) for library in LIBRARIES}
    return {"python": platform.python_version()} | found


def face_models() -> dict[str, str]:
    return {name: file.sha256 for name, file in FACE_MODELS.files.items()}
