"""The renderers there are, by name; each is imported only when it is asked for."""

from collections.abc import Callable
from typing import Any

from models.errors import InvalidRequest
from models.renderer import Renderer

AUTO = "auto"


def _mesh(device: str) -> Renderer[Any]:
    from models.mesh.renderer import MeshRenderer

    return MeshRenderer(device)


RENDERERS: dict[str, Callable[[str], Renderer[Any]]] = {"mesh": _mesh}


def check_renderer(name: str) -> str:
    """The renderer that `name` stands for. Raises InvalidRequest."""
    chosen = next(iter(RENDERERS)) if name == AUTO else name
    if chosen not in RENDERERS:
        raise InvalidRequest(f"no renderer {name!r}: use {AUTO} or {', '.join(RENDERERS)}")
    return chosen


def load_renderer(name: str, device: str) -> Renderer[Any]:
    """Raises InvalidRequest."""
    return RENDERERS[check_renderer(name)](device)
