"""From words or a recording to sound, and from sound to the mouth."""

import time
from pathlib import Path
from typing import TYPE_CHECKING

from prefect import task

from models.contracts import MAX_AUDIO_BYTES, RecordedSpeech, ScriptSpeech
from models.motion.files import save_track
from models.stages import FollowedMouth, MadeSpeech, spoken_to_json
from models.storage import file_sha256
from tasks import loaded
from tasks.inputs import input_file
from tasks.journal import recorded, spent
from tasks.policies import RESULT, cached, is_transient, key_of, store
from tasks.progress import begin
from tasks.settings import limit_threads

if TYPE_CHECKING:
    from models.media.waveform import SpokenAudio

UNFIT_TRANSCRIPT = "the transcript is not what is said: the lips follow the sound alone"


def speech_files(speech: RecordedSpeech | ScriptSpeech) -> tuple[str, str]:
    """The recording and what is known about it."""
    name = key_of("speech", *_told_apart_by(speech))
    return f"{name}.wav", f"{name}.json"


def _told_apart_by(speech: RecordedSpeech | ScriptSpeech) -> tuple[object, ...]:
    if isinstance(speech, ScriptSpeech):
        return (speech,)
    content = file_sha256(input_file(speech.audio), MAX_AUDIO_BYTES)
    return content, speech.model_copy(update={"audio": ""})


@task(
    name="make-speech",
    retries=2,
    retry_delay_seconds=1,
    retry_condition_fn=is_transient,
    timeout_seconds=900,
    cache_key_fn=cached(speech_files),
    persist_result=True,
    result_serializer=RESULT,
)
@recorded
def make_speech(speech: RecordedSpeech | ScriptSpeech) -> MadeSpeech:
    """Speak the script, or take the recording in. Raises AudioError, ScriptError, SpeechFailed."""
    begin("Speaking" if isinstance(speech, ScriptSpeech) else "Listening")
    started = time.perf_counter()
    with store().work_folder() as folder:
        spoken, warnings = _spoken(speech, folder / "speech.wav")
        recording, words = speech_files(speech)
        told = folder / "words.json"
        told.write_text(spoken_to_json(spoken), encoding="utf-8")
        store().put(told, words)
        store().put(spoken.recording.path, recording)
        return MadeSpeech(
            recording=recording,
            words=words,
            sha256=file_sha256(spoken.recording.path),
            duration_s=spoken.recording.duration_s,
            warnings=warnings,
            seconds=time.perf_counter() - started,
        )


def mouth_files(speech: MadeSpeech, expressiveness: float) -> tuple[str]:
    return (key_of("mouths", speech.recording, expressiveness) + ".npz",)


@task(
    name="follow-mouth",
    timeout_seconds=900,
    cache_key_fn=cached(mouth_files),
    persist_result=True,
    result_serializer=RESULT,
)
@recorded
def follow_mouth(speech: MadeSpeech, expressiveness: float) -> FollowedMouth:
    """Mouth curves at 100 Hz, from the best that is known about the speech."""
    from models.speech.mouth import follow

    begin("Reading the lips")
    limit_threads()
    started = time.perf_counter()
    (track,) = mouth_files(speech, expressiveness)
    with store().work_folder() as folder:
        save_track(follow(loaded.spoken(speech), expressiveness), folder / "mouth.npz")
        store().put(folder / "mouth.npz", track)
    return FollowedMouth(track=track, seconds=time.perf_counter() - started)


def _spoken(
    speech: RecordedSpeech | ScriptSpeech, out: Path
) -> tuple["SpokenAudio", tuple[str, ...]]:
    if isinstance(speech, ScriptSpeech):
        spent(speech_chars=len(speech.script))
        return loaded.synthesiser().speak(
            speech.script, speech.voice, speech.rate, speech.pitch, out
        ), ()
    return _recorded(speech, out)


def _recorded(speech: RecordedSpeech, out: Path) -> tuple["SpokenAudio", tuple[str, ...]]:
    from models.media.recording import load_recording
    from models.media.waveform import SpokenAudio
    from models.speech.posteriors import with_times

    recording, report = load_recording(
        input_file(speech.audio), out, normalise_loudness=speech.normalise_loudness
    )
    known = SpokenAudio(recording, text=speech.transcript, language=speech.language)
    spoken = with_times(known, loaded.synthesiser())
    if speech.transcript and not spoken.phonemes:
        return spoken, (*report.warnings, UNFIT_TRANSCRIPT)
    return spoken, report.warnings
