"""Words that are not to be spoken: a check that can be exchanged, and a list as the first of them.

A refusal names what kind of thing was found and never the words, so that it may be logged.
"""

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from models.errors import InvalidRequest, ScriptRefused

WORDS = Path(__file__).with_name("screening.json")
MODEL = "mistral-moderation-latest"
PIECE_CHARS = 8_000  # of a script, in one question
HARMFUL = frozenset(  # what else it finds, such as advice on health or money, may be said
    {
        "dangerous_and_criminal_content",
        "hate_and_discrimination",
        "selfharm",
        "sexual",
        "violence_and_threats",
    }
)
UNSPOKEN = re.compile(r"[\W_]+")


class Screen(Protocol):
    def found(self, text: str) -> Sequence[str]:
        """The kinds of things in it that must not be said; none: it may."""
        ...


class WordList:
    """Phrases by kind, compared without case, accents of width, spaces and punctuation."""

    def __init__(self, phrases: Mapping[str, Sequence[str]]) -> None:
        self._phrases = {kind: [_plain(one) for one in some] for kind, some in phrases.items()}

    @classmethod
    def load(cls, file: Path | None = None) -> "WordList":
        """Of a JSON file, KIND to a list of phrases. Raises InvalidRequest."""
        place = file or WORDS
        try:
            content = json.loads(place.read_text(encoding="utf-8"))
            return cls({str(kind): [str(one) for one in some] for kind, some in content.items()})
        except (OSError, ValueError, AttributeError, TypeError) as error:
            raise InvalidRequest(
                f"{place} is no list of words ({error}): write JSON, each kind with its phrases"
            ) from error

    def found(self, text: str) -> Sequence[str]:
        plain = _plain(text)
        return [kind for kind, some in self._phrases.items() if any(one in plain for one in some)]


class MistralScreen:
    """Mistral's moderation. Raises RateLimited, ServiceUnavailable, ServiceRefused."""

    def __init__(self, api_key: str, base_url: str | None = None, timeout_s: float = 20.0) -> None:
        self._options = {
            "api_key": api_key,
            "server_url": base_url,
            "timeout_ms": round(timeout_s * 1000),
        }

    def found(self, text: str) -> Sequence[str]:
        from mistralai.client import Mistral

        from models.script.service import translated

        pieces = [text[at : at + PIECE_CHARS] for at in range(0, len(text), PIECE_CHARS)]
        with translated(), Mistral(**self._options) as client:  # type: ignore[arg-type]
            answer = client.classifiers.moderate(model=MODEL, inputs=pieces)
        kinds = {
            kind
            for result in answer.results
            for kind, found in (result.categories or {}).items()
            if found and kind in HARMFUL
        }
        return sorted(kinds)


def require_fit(text: str, screens: Sequence[Screen]) -> None:
    """Raises ScriptRefused with the kinds that the first of the screens to object found."""
    for screen in screens:
        if kinds := screen.found(text):
            raise ScriptRefused(
                f"the script is refused ({', '.join(kinds)}): say something else, or ask the "
                "operator"
            )


def _plain(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold()
    return f" {UNSPOKEN.sub(' ', folded).strip()} "
