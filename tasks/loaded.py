"""What a process loads once and keeps for all its videos, and what tasks read from the store."""

import platform
from dataclasses import replace
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from models.engines.tuning import Tuning, key_of
from models.renderer import Home
from models.renderers import AUTO, Choice, choose
from models.stages import MadeSpeech, spoken_from_json
from tasks.policies import store
from tasks.settings import limit_threads, settings

NEEDED = (
    "models.clip",
    "models.pictures",
    "models.portrait.preflight",
    "models.quality.gate",
    "models.speech.mouth",
)

if TYPE_CHECKING:
    from models.media.waveform import SpokenAudio
    from models.portrait.analyser import FaceAnalyser
    from models.renderer import Renderer
    from models.speech.synthesis import EspeakSynthesiser


@cache
def face_analyser() -> "FaceAnalyser":
    from models.portrait.analyser import FaceAnalyser

    limit_threads()
    return FaceAnalyser(settings().models)


@cache
def synthesiser() -> "EspeakSynthesiser":
    """The speech process is started when it is first asked to speak."""
    from models.speech.synthesis import EspeakSynthesiser

    return EspeakSynthesiser()


@cache
def home() -> Home:
    given = settings()
    return Home(
        device=given.device,
        weights=given.models / "weights",
        plans=given.models / "plans",
        tensorrt=given.enable_tensorrt,
        half=given.enable_fp16,
        max_batch=given.max_batch_size,
        threads=given.network_threads,
    )


def _tuned(name: str) -> Home:
    """With the engine and the batch that `optimize-engines` found best on this machine."""
    key = key_of(platform.node())
    if not store().exists(key):
        return home()
    tuning = Tuning.model_validate_json(store().path(key).read_text(encoding="utf-8"))
    found = tuning.choice_of(name, settings().device)
    if found is None:
        return home()
    return replace(home(), engine=found.engine, max_batch=home().max_batch or found.batch)


def chosen(name: str, *, commercial: bool = False) -> Choice:
    """Raises InvalidRequest, MissingWeights, LicenceRefused."""
    return choose(name, home(), commercial=commercial)


def renderer(name: str) -> "Renderer[Any]":
    """Loaded once a process, and anew when its weights have changed.

    Raises InvalidRequest, SetupError.
    """
    from models.renderers import load_renderer

    choice = chosen(name)
    if choice not in _loaded:
        for other in [each for each in _loaded if each.name == choice.name]:
            del _loaded[other]  # first, so that both are never in memory
        limit_threads()
        _loaded[choice] = load_renderer(choice.name, _tuned(choice.name))
    return _loaded[choice]


_loaded: dict[Choice, "Renderer[Any]"] = {}


def preload() -> None:
    """Load what every new video needs, while this process waits for something else."""
    for module in NEEDED:
        import_module(module)
    renderer(AUTO)


def spoken(speech: MadeSpeech) -> "SpokenAudio":
    """Raises MissingFile."""
    text = store().path(speech.words).read_text(encoding="utf-8")
    return spoken_from_json(text, store().path(speech.recording))
