"""Where a distillation stands, so that one that was stopped goes on."""

import pickle
from io import BytesIO
from pathlib import Path

import torch

from models.distill.report import Score
from models.distill.training import Recipe, Training
from models.errors import InvalidRequest
from models.media.files import replacing, writing_to

FILE = "checkpoint.pt"
DIFFERENT = {
    "teacher": "another teacher",
    "corpus": "other portraits or recordings",
    "activation": "a teacher of another activation",
    "share": "another share",
    "seed": "another seed",
    "faces": "another batch",
    "windows": "another batch",
    "rate": "another rate",
}


def save(folder: Path, training: Training, scores: tuple[Score, ...]) -> None:
    """Raises OutputError."""
    content = {
        "recipe": training.recipe.model_dump_json(),
        "scores": [score.model_dump_json() for score in scores],
        "training": training.state(),
    }
    whole = BytesIO()  # torch's own writer has one error for everything, a full disk among it
    torch.save(content, whole)
    with replacing(folder / FILE) as part, writing_to(folder / FILE):
        part.write_bytes(whole.getbuffer())


def resume(folder: Path, training: Training) -> tuple[Score, ...]:
    """Set `training` to where the folder's checkpoint left it; its scores, () if there is none.

    Raises InvalidRequest where it is of another recipe, or damaged.
    """
    file = folder / FILE
    if not file.is_file():
        return ()
    try:
        content = torch.load(file, map_location="cpu", weights_only=True)
        recipe = Recipe.model_validate_json(content["recipe"])
        scores = tuple(Score.model_validate_json(each) for each in content["scores"])
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as error:
        raise InvalidRequest(f"{file} is damaged ({error}): remove it to begin anew") from error
    _check(file, recipe, training.recipe)
    training.restore(content["training"])
    return scores


def _check(file: Path, found: Recipe, wanted: Recipe) -> None:
    for name, told in DIFFERENT.items():
        if getattr(found, name) != getattr(wanted, name):
            raise InvalidRequest(
                f"{file} is of {told}: choose another --out, or remove it to begin anew"
            )
