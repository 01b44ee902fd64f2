"""From a topic to the words."""

from prefect import task

from models.contracts import ScriptSpeech, TopicSpeech
from tasks.policies import RESULT, cached, is_transient, keep, key_of
from tasks.progress import begin
from tasks.settings import settings


def script_files(topic: TopicSpeech) -> tuple[str]:
    return (key_of("scripts", topic) + ".json",)


@task(
    name="write-script",
    retries=2,
    retry_delay_seconds=[5, 20],
    retry_condition_fn=is_transient,
    timeout_seconds=180,
    cache_key_fn=cached(script_files),
    persist_result=True,
    result_serializer=RESULT,
)
def write_script(topic: TopicSpeech) -> ScriptSpeech:
    """Let the language model write. Raises MissingKey, ServiceError."""
    from models.script.writer import ScriptWriter

    begin("Writing the script")
    key = settings().mistral_api_key
    writer = ScriptWriter(key.get_secret_value() if key else None, server=settings().mistral_url)
    script = ScriptSpeech(script=writer.write(topic), voice=topic.voice)
    keep(script, *script_files(topic))
    return script
