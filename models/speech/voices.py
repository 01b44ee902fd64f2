"""The engine's voices, and a lookup that takes the names people write."""

import difflib
import re
from dataclasses import dataclass

from models.errors import UnknownVoice
from models.speech.espeak import EspeakProcess
from models.speech.espeak_protocol import Json

_REGION_OR_SCRIPT = re.compile(r"[a-z]{2}|\d{3}|[a-z]{4}")


@dataclass(frozen=True)
class Voice:
    name: str  # what to write in a request
    language: str  # BCP 47, lower case
    gender: str  # male, female or unknown
    description: str
    identifier: str  # the library's file name


class VoiceBook:
    """All voices by name. `en-us`, `fr_FR`, `German`, `en-gb+f2` and `it-IT` all resolve."""

    def __init__(self, listing: Json) -> None:
        self.voices = _named(listing["voices"])
        self.variants: tuple[str, ...] = tuple(listing["variants"])
        self._by_alias = _aliases(self.voices, listing["voices"])
        self._variant_by_alias = {_plain(variant): variant for variant in self.variants}

    def find(self, wanted: str) -> tuple[Voice, str]:
        """The voice and the library's name for it with its variant. Raises UnknownVoice."""
        base, plus, variant = wanted.partition("+")
        voice = self._base(_plain(base))
        if voice is None:
            raise UnknownVoice(
                f"no voice {wanted!r}: {_near(_plain(base), self._by_alias)}"
                "`avatar voices` lists them all"
            )
        if not plus:
            return voice, voice.identifier
        if (known := self._variant_by_alias.get(_plain(variant))) is None:
            raise UnknownVoice(
                f"voice {wanted!r} has no variant {variant!r}: "
                f"{_near(_plain(variant), self._variant_by_alias)}or leave it out"
            )
        return voice, f"{voice.identifier}+{known}"

    def _base(self, name: str) -> Voice | None:
        parts = name.split("-")
        if name in self._by_alias:
            return self._by_alias[name]
        if len(parts) > 1 and _REGION_OR_SCRIPT.fullmatch(parts[-1]):
            return self._base("-".join(parts[:-1]))
        return None


def voice_book(process: EspeakProcess) -> VoiceBook:
    return VoiceBook(process.listing())


def _plain(name: str) -> str:
    return name.strip().lower().replace("_", "-")


def _file_name(listed: Json) -> str:
    return str(listed["identifier"]).rsplit("/", 1)[-1]


def _named(listed: list[Json]) -> tuple[Voice, ...]:
    """Each voice under its language tag, or its file's name where another has that tag."""
    taken: set[str] = set()
    voices = []
    for entry in listed:
        tag = str(entry["languages"][0][1])
        name = tag if tag not in taken else _plain(_file_name(entry))
        taken.add(name)
        voices.append(Voice(name, tag, entry["gender"], entry["name"], _file_name(entry)))
    return tuple(voices)


def _aliases(voices: tuple[Voice, ...], listed: list[Json]) -> dict[str, Voice]:
    """Own names first, then tags by the library's priority, then file and display names."""
    aliases = {voice.name: voice for voice in voices}
    tags = [
        (priority, tag, voice)
        for voice, entry in zip(voices, listed, strict=True)
        for priority, tag in entry["languages"]
    ]
    for _, tag, voice in sorted(tags, key=lambda item: int(item[0])):
        aliases.setdefault(_plain(tag), voice)
    for voice in voices:
        aliases.setdefault(_plain(voice.identifier), voice)
        aliases.setdefault(_plain(voice.description), voice)
        family = aliases.get(voice.language.split("-")[0], voice)
        aliases.setdefault(_plain(voice.description.split(" (")[0]), family)
    return aliases


def _near(name: str, known: dict[str, Voice] | dict[str, str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=3, cutoff=0.5)
    return f"did you mean {', '.join(close)}? " if close else ""
