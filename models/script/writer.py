"""A topic into words to speak, by a Mistral language model."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from pydantic import BaseModel, Field, ValidationError

from models.contracts import MAX_SCRIPT_CHARS, TopicSpeech
from models.errors import ServiceUnavailable
from models.script.plain import count_words, plain
from models.script.service import Answer, ChatService, Message, Usage

MODEL = "mistral-small-latest"
DRAFTS = 3  # the first and two corrections
TOLERANCE = 0.15  # of the words aimed at
TOKENS_A_WORD, MORE_TOKENS = 6, 300  # generous, for the scripts that need the most

SYSTEM = """You write what one presenter says to the camera in a short video.
Write in {language}, in a {tone} tone, for the ear: short sentences, one thought each, a clear \
beginning and end. Write numbers, units and abbreviations the way they are spoken.
Write only the words that are said: no headings, lists, markdown, emoji, stage directions or \
speaker names. Do not say that you are a model or that this is a script."""
REQUEST = """Topic: {topic}

Write {words} words, at least {fewest} and at most {most}: they must take {seconds:.0f} seconds \
to say."""
CORRECTION = """That was {had} words. Write the whole script again, {change}: {words} words, at \
least {fewest} and at most {most}."""


class Draft(BaseModel):
    """What the model is made to answer with."""

    title: str = Field(description="A title for the video, at most eight words.")
    script: str = Field(description="The words to say, in plain text.")


@dataclass(frozen=True)
class WrittenScript:
    title: str
    text: str  # plain words, one line a paragraph
    words: int
    target_words: int
    model: str  # as the service names it
    usage: Usage  # of all drafts

    @property
    def close_enough(self) -> bool:
        return abs(self.words - self.target_words) <= TOLERANCE * self.target_words


class ScriptWriter:
    """Writes scripts of a wanted length.

    Raises MissingKey without a key, and from `write` RateLimited, ServiceUnavailable and
    ServiceRefused.
    """

    def __init__(
        self,
        api_key: str | None,
        *,
        base_url: str | None = None,
        model: str = MODEL,
        timeout_s: float = 60.0,
        backoff_s: float = 1.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._model = model
        self._service = ChatService(
            api_key, base_url=base_url, timeout_s=timeout_s, backoff_s=backoff_s, sleep=sleep
        )

    def write(self, topic: TopicSpeech, words_per_second: float) -> WrittenScript:
        """The draft nearest to the length asked for, at the voice's measured speed.

        The speed counts words as `count_words` does. Asks up to DRAFTS times.
        """
        target = max(1, round(topic.duration_s * words_per_second))
        messages, drafts, usage = _opening(topic, target), [], Usage()
        for _ in range(DRAFTS):
            answer = self._ask(messages, target)
            usage += answer.usage
            draft = _read(answer, target)
            if draft is None:
                continue
            drafts.append(draft)
            if draft.close_enough:
                break
            messages = [*_opening(topic, target), *_correction(answer, draft)]
        if not drafts:
            raise ServiceUnavailable(f"{self._model} wrote no script in {DRAFTS} tries: try again")
        return replace(min(drafts, key=_distance), usage=usage)

    def _ask(self, messages: list[Message], target: int) -> Answer:
        tokens = TOKENS_A_WORD * target + MORE_TOKENS
        return self._service.ask(messages, model=self._model, answer=Draft, max_tokens=tokens)


def _read(answer: Answer, target: int) -> WrittenScript | None:
    """None for what is no script: no JSON, another shape, no words, too many."""
    try:
        draft = Draft.model_validate_json(answer.content)
    except ValidationError:
        return None
    text = plain(draft.script)
    words = count_words(text)
    if not words or len(text) > MAX_SCRIPT_CHARS:
        return None
    return WrittenScript(plain(draft.title), text, words, target, answer.model, answer.usage)


def _opening(topic: TopicSpeech, target: int) -> list[Message]:
    system = SYSTEM.format(language=topic.language, tone=topic.tone)
    request = REQUEST.format(topic=topic.topic, seconds=topic.duration_s, **_bounds(target))
    return [{"role": "system", "content": system}, {"role": "user", "content": request}]


def _correction(answer: Answer, draft: WrittenScript) -> list[Message]:
    change = "shorter" if draft.words > draft.target_words else "longer"
    request = CORRECTION.format(had=draft.words, change=change, **_bounds(draft.target_words))
    return [
        {"role": "assistant", "content": answer.content},
        {"role": "user", "content": request},
    ]


def _bounds(target: int) -> dict[str, int]:
    margin = round(TOLERANCE / 2 * target)
    return {"words": target, "fewest": max(1, target - margin), "most": target + margin}


def _distance(draft: WrittenScript) -> int:
    return abs(draft.words - draft.target_words)
