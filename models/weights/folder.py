"""The weights an operator added to this machine: pinned, converted, and checked when they load.

A folder with NAME.safetensors and NAME.json for each. The first import pins the sha256 of what
was found at the source; from then on only that file is the weights of that name.
"""

import hashlib
import re
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from models.errors import InvalidRequest, MissingWeights, WeightsRefused
from models.media.files import replacing, writing_to
from models.storage import file_sha256
from models.wav2lip.layout import RELU, Activation
from models.weights.pins import NAME, Pin
from models.weights.sources import bring

if TYPE_CHECKING:
    from torch import Tensor

FOLDER = "weights"  # in the folder of the models
Check = Callable[[Mapping[str, "Tensor"]], object]
Join = Callable[["Iterable[Mapping[str, Tensor]]"], "dict[str, Tensor]"]


def _wav2lip(state: Mapping[str, "Tensor"]) -> object:
    from models.wav2lip.folding import fold

    return fold(state)


def _musetalk(state: Mapping[str, "Tensor"]) -> object:
    from models.musetalk.networks import networks

    return networks(state)


def _musetalk_joined(states: "Iterable[Mapping[str, Tensor]]") -> "dict[str, Tensor]":
    from models.musetalk.parts import joined

    return joined(states)


LAYOUTS: dict[str, Check] = {"wav2lip": _wav2lip, "musetalk": _musetalk}  # raise WeightsRefused
JOINED: dict[str, Join] = {"musetalk": _musetalk_joined}  # of those that are several files


class WeightsFolder:
    def __init__(self, root: Path) -> None:
        self.root = root

    def pins(self) -> tuple[Pin, ...]:
        """By name."""
        return tuple(self.pin(file.stem) for file in sorted(self.root.glob("*.json")))

    def pin(self, name: str) -> Pin:
        """Raises MissingWeights, WeightsRefused, InvalidRequest."""
        _check_name(name)
        try:
            return Pin.model_validate_json(self._pin_file(name).read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise MissingWeights(
                f"there are no weights {name}: `avatar weights add {name} FILE` adds yours"
            ) from error
        except ValidationError as error:
            raise WeightsRefused(
                f"{self._pin_file(name)} is damaged: remove it and add the weights again"
            ) from error

    def has(self, name: str) -> bool:
        return self._pin_file(name).is_file() and self.file(name).is_file()

    def file(self, name: str) -> Path:
        return self.root / f"{name}.safetensors"

    def add(
        self,
        name: str,
        *sources: str,
        licence: str,
        commercial_use: bool,
        layout: str | None = None,
        activation: Activation = RELU,
        sha256: str | None = None,
    ) -> Pin:
        """Import, check and pin. Raises WeightsRefused, InvalidRequest and what `bring` does.

        `sources` are the files that the weights are published in, mostly one. A name that is
        pinned takes only the same again; `sha256` demands a certain one.
        """
        _check_name(name)
        kind = layout or name
        if kind not in LAYOUTS:
            raise InvalidRequest(f"no layout {kind!r}: there are {', '.join(LAYOUTS)}")
        if not licence.strip():
            raise InvalidRequest(f"name the licence of {name}: it decides who may use them")
        if activation != RELU and kind != "wav2lip":
            raise InvalidRequest(f"{kind} has one activation: leave it out")
        pinned = self.pin(name) if self._pin_file(name).is_file() else None
        wanted = sha256 or (pinned.source_sha256 if pinned else None)
        if len(sources) > 1 and kind not in JOINED:
            raise InvalidRequest(f"the weights of {kind} are one file: name only that")
        found, made = self._import(name, kind, sources, wanted, activation)
        pin = Pin(
            name=name,
            layout=kind,
            source=sources[0],
            further=sources[1:],
            source_sha256=found,
            sha256=made,
            size=self.file(name).stat().st_size,
            licence=licence,
            commercial_use=commercial_use,
            added_at=datetime.now(UTC),
            activation=activation,
        )
        with replacing(self._pin_file(name)) as part:
            part.write_text(pin.model_dump_json(indent=2) + "\n", encoding="utf-8")
        return pin

    def pull(self, name: str) -> Pin:
        """Fetch pinned weights whose file is not here, from where they first came.

        Raises MissingWeights, WeightsRefused and what `bring` does.
        """
        pin = self.pin(name)
        if not self.has(name) or _hash(self.file(name)) != pin.sha256:
            self._import(name, pin.layout, pin.sources, pin.source_sha256, pin.activation)
        return self.verify(name)

    def verify(self, name: str) -> Pin:
        """Raises MissingWeights, WeightsRefused where the file is not the pinned one."""
        pin = self.pin(name)
        if not self.file(name).is_file():
            raise MissingWeights(f"the file of {name} is gone: `avatar weights pull {name}`")
        if _hash(self.file(name)) != pin.sha256:
            raise WeightsRefused(
                f"{self.file(name)} is not what was added: `avatar weights pull {name}`"
            )
        return pin

    def forget(self, name: str) -> None:
        """Take the weights off this machine, if they are here."""
        for file in (self._pin_file(name), self.file(name)):
            file.unlink(missing_ok=True)

    def load(self, name: str) -> "dict[str, Tensor]":
        """The tensors, their file checked. Raises MissingWeights, WeightsRefused."""
        from models.weights.checkpoint import read_checkpoint

        self.verify(name)
        return read_checkpoint(self.file(name))

    def _import(
        self,
        name: str,
        layout: str,
        sources: Sequence[str],
        wanted: str | None,
        activation: Activation,
    ) -> tuple[str, str]:
        """The sha256 of what was found, and of the safetensors file made of it.

        The file tells its activation, so that other pictures have another sha256.
        """
        from safetensors.torch import save_file

        from models.weights.checkpoint import read_checkpoint

        with writing_to(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.root, prefix=".import-") as scratch:
            brought = [Path(scratch) / f"weights{place}" for place in range(len(sources))]
            for source, file in zip(sources, brought, strict=True):
                bring(source, file)
            found = _sha256_of(brought)
            if wanted and found != wanted:
                raise WeightsRefused(
                    f"{' with '.join(sources)} has the sha256 {found} where {name} is pinned to "
                    f"{wanted}: use the pinned file, or add this one under another name"
                )
            states = [read_checkpoint(file) for file in brought]
            state = JOINED[layout](states) if layout in JOINED else states[0]
            LAYOUTS[layout](state)
            with replacing(self.file(name)) as part, writing_to(self.file(name)):
                tensors = {key: value.contiguous() for key, value in state.items()}
                save_file(tensors, part, None if activation == RELU else {"activation": activation})
        return found, _hash(self.file(name))

    def _pin_file(self, name: str) -> Path:
        return self.root / f"{name}.json"


def _check_name(name: str) -> None:
    if not re.fullmatch(NAME, name):
        raise InvalidRequest(f"{name!r} is no name for weights: it must match {NAME}")


def _sha256_of(files: Sequence[Path]) -> str:
    """Of one file's bytes; of several the sha256 of theirs, sorted, so that their order is free."""
    each = sorted(file_sha256(file) for file in files)
    return each[0] if len(each) == 1 else hashlib.sha256("".join(each).encode()).hexdigest()


def _hash(file: Path) -> str:
    status = file.stat()
    return _sha256(file, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=32)
def _sha256(file: Path, size: int, mtime_ns: int) -> str:
    return file_sha256(file)
