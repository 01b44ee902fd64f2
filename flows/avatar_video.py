"""What happens to a request, in order; each step's policy stands in its file in tasks/."""

from prefect import flow

from models.contracts import TopicSpeech, VideoRequest, VideoResult
from tasks.consent import check_consent, under
from tasks.failures import tell_failure
from tasks.pictures import draw_pictures
from tasks.preflight import check_portrait, check_request
from tasks.provenance import sign_video
from tasks.publish import publish
from tasks.quality import check_quality
from tasks.render import render_clip
from tasks.screening import screen_words
from tasks.script import write_script
from tasks.speech import follow_mouth, make_speech
from tasks.tracing import tell


@flow(
    name="avatar-video",
    persist_result=False,
    on_failure=[tell_failure, tell],
    on_completion=[tell],
    on_cancellation=[tell],
)
def avatar_video(request: VideoRequest) -> VideoResult:
    """One request in, one finished video out."""
    given = check_request(request)
    portrait, consent = check_portrait(given.portrait), check_consent(given.portrait)
    words = given.speech
    words = write_script(words) if isinstance(words, TopicSpeech) else words
    speech = make_speech(screen_words(words))
    mouth = follow_mouth(speech, given.look.expressiveness)
    clip = render_clip(portrait, speech, mouth, given.look, given.renderer)
    quality = check_quality(clip, speech, portrait)
    pictures, signed = draw_pictures(clip), sign_video(under(clip, consent), request.delivery)
    return publish(request, portrait, speech, mouth, signed, pictures, quality)
