"""From a topic to the words."""

from prefect import task

from models.contracts import ScriptSpeech, TopicSpeech
from models.journal import Generation
from tasks import loaded
from tasks.journal import answered, recorded
from tasks.policies import RESULT, cached, is_transient, keep, key_of
from tasks.progress import begin
from tasks.settings import settings


def script_files(topic: TopicSpeech) -> tuple[str]:
    return (key_of("scripts", topic) + ".json",)


@task(
    name="write-script",
    retries=1,  # the writer itself waits and asks again, as the service says
    retry_delay_seconds=20,
    retry_condition_fn=is_transient,
    timeout_seconds=600,
    cache_key_fn=cached(script_files),
    persist_result=True,
    result_serializer=RESULT,
)
@recorded
def write_script(topic: TopicSpeech) -> ScriptSpeech:
    """Let the language model write as much as the voice says in the time asked for.

    Raises MissingKey, UnknownVoice and ServiceError.
    """
    from models.script.writer import ScriptWriter

    begin("Writing the script")
    key = settings().mistral_api_key
    writer = ScriptWriter(key.get_secret_value() if key else None, base_url=settings().mistral_url)
    written = writer.write(topic, loaded.synthesiser().speaking_rate(topic.voice))
    answered(
        Generation(
            model=written.model,
            prompt_tokens=written.usage.prompt_tokens,
            completion_tokens=written.usage.completion_tokens,
            asked=topic.topic,
            answered=written.text,
        )
    )
    script = ScriptSpeech(script=written.text, voice=topic.voice)
    keep(script, *script_files(topic))
    return script
