"""Portraits that a renderer made ready, kept while one video's segments follow each other."""

from functools import lru_cache
from typing import Any

from models.contracts import Captions, Look
from models.stages import Segment
from models.storage import file_sha256
from tasks import loaded
from tasks.inputs import input_file
from tasks.policies import store
from tasks.settings import settings

KEPT = 2  # segments of one video follow each other, and perhaps another's between


def prepared(segment: Segment) -> Any:  # noqa: ANN401, each renderer's own kind
    """The segment's portrait, made ready once for all that show it alike.

    Raises PortraitError, SetupError.
    """
    identity = loaded.chosen(segment.renderer).identity
    behind = segment.look.background.picture
    content = file_sha256(input_file(behind)) if behind else ""
    look = segment.look.model_copy(update={"captions": Captions.NONE, "label": None})
    return _prepared(
        segment.renderer, identity, segment.portrait, segment.face_index, look, content
    )


@lru_cache(maxsize=KEPT)
def _prepared(
    renderer: str, identity: str, image: str, face_index: int, look: Look, backdrop: str
) -> Any:  # noqa: ANN401
    """`identity` of the renderer and its weights; sha256 of the backdrop, "" for none."""
    from models.clip import with_person_mask
    from models.portrait.image import load_picture

    behind = look.background.picture
    picture = load_picture(store().path(image))
    face = loaded.face_analyser().faces(picture)[face_index]
    return loaded.renderer(renderer).prepare(
        with_person_mask(picture, look, settings().models),
        face,
        look,
        load_picture(input_file(behind)) if behind else None,
    )
