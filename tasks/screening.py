"""Refuse words that must not be put into anybody's mouth, before anything is spoken."""

from functools import cache

from prefect import task

from models.contracts import RecordedSpeech, ScriptSpeech
from models.errors import MissingKey
from models.screening import MistralScreen, Screen, WordList, require_fit
from tasks.journal import recorded
from tasks.policies import is_transient
from tasks.settings import settings


@task(
    name="screen-words",
    retries=3,
    retry_delay_seconds=[1, 5, 20],
    retry_condition_fn=is_transient,
    timeout_seconds=120,
    persist_result=False,
)
@recorded
def screen_words(speech: RecordedSpeech | ScriptSpeech) -> RecordedSpeech | ScriptSpeech:
    """The same, if it may be said; of a recording its transcript. Raises ScriptRefused.

    Where a service that is to be asked is away, nothing is said: raises ServiceError.
    """
    words = speech.script if isinstance(speech, ScriptSpeech) else speech.transcript or ""
    require_fit(words, screens())
    return speech


@cache
def screens() -> tuple[Screen, ...]:
    """Those that the settings ask for, the cheapest first. Raises MissingKey, InvalidRequest."""
    given = settings()
    if given.screening == "off":
        return ()
    own = WordList.load(given.screening_words)
    if given.screening == "words":
        return (own,)
    if given.mistral_api_key is None:
        raise MissingKey("AVATAR_SCREENING=mistral needs a key: set MISTRAL_API_KEY")
    return own, MistralScreen(given.mistral_api_key.get_secret_value(), given.mistral_url)
