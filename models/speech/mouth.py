"""From speech to the curves of the mouth that says it."""

from models.media.waveform import SpokenAudio
from models.motion.mouth import mouth_track
from models.motion.tracks import MouthTrack
from models.speech.posteriors import viseme_posteriors
from models.speech.synthesis import EspeakSynthesiser


def follow(
    speech: SpokenAudio, expressiveness: float = 1.0, synthesiser: EspeakSynthesiser | None = None
) -> MouthTrack:
    """Raises what viseme_posteriors raises."""
    seen = viseme_posteriors(speech, synthesiser)
    return mouth_track(seen.posteriors, seen.energy_db, expressiveness)
