"""A manifest as small as one can be."""

from models.contracts import PortraitSource, QualityReport, ScriptSpeech, VideoRequest
from models.manifest import Manifest


def manifest(frames: int, timings_s: dict[str, float]) -> Manifest:
    """Of a video with 25 frames a second."""
    return Manifest(
        request=VideoRequest(
            portrait=PortraitSource(image="portrait.png"), speech=ScriptSpeech(script="Hello.")
        ),
        seed=1,
        frames=frames,
        renderer="mesh 1",
        versions={},
        face_models={},
        code="0",
        inputs={},
        outputs={},
        quality=QualityReport(checks=()),
        warnings=(),
        timings_s=timings_s,
    )
