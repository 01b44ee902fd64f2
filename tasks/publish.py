"""Put the video where it was asked for, with everything that goes beside it."""

from pathlib import Path

from prefect import task
from prefect.artifacts import create_markdown_artifact

from models.contracts import Captions, Delivery, QualityReport, Usage, VideoRequest, VideoResult
from models.delivery import (
    CREDENTIALS,
    MANIFEST,
    SHEET,
    SRT,
    THUMBNAIL,
    VTT,
    deliver,
    keep_under,
    place_of,
)
from models.manifest import Manifest, face_models, versions
from models.media.captions import make_cues, srt, vtt, write_text
from models.stages import CheckedPortrait, DrawnPictures, FollowedMouth, MadeSpeech, RenderedClip
from models.storage import file_sha256
from models.summary import markdown
from models.usage import load_rates, receipt, total
from tasks import loaded
from tasks.failures import ERROR
from tasks.journal import asked, recorded, run_id, so_far
from tasks.policies import code_version, keep, store
from tasks.progress import begin
from tasks.settings import settings

ARTIFACT = "avatar-video"
RESULT = "result.json"


@task(name="publish", timeout_seconds=600, persist_result=False)
@recorded
def publish(
    request: VideoRequest,
    portrait: CheckedPortrait,
    speech: MadeSpeech,
    mouth: FollowedMouth,
    clip: RenderedClip,
    pictures: DrawnPictures,
    quality: QualityReport,
) -> VideoResult:
    """Deliver video, captions, pictures and manifest. Raises OutputError; then nothing is there."""
    begin("Delivering")
    video = store().path(clip.video)
    with store().work_folder() as folder:
        files = {video.suffix: video, **_beside(request, speech, pictures, folder)}
        if clip.credentials:
            files[CREDENTIALS] = store().path(clip.credentials)
        manifest = _manifest(request, portrait, speech, mouth, clip, quality, files)
        manifest = manifest.model_copy(update=_accounts(files))
        files[MANIFEST] = folder / "manifest.json"
        files[MANIFEST].write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")
        result = _result(manifest, clip, _delivered(request.delivery, clip, files))
        page = markdown(result, files[THUMBNAIL])
    if request.delivery.key_prefix is not None:
        store().delete(f"{request.delivery.key_prefix}/{ERROR}")  # of an earlier attempt
        keep(result, f"{request.delivery.key_prefix}/{RESULT}")
    create_markdown_artifact(key=ARTIFACT, markdown=page, description="One video")
    return result


def _delivered(delivery: Delivery, clip: RenderedClip, files: dict[str, Path]) -> dict[str, str]:
    """Where each file is now, by suffix: beside the output, under the prefix or in the store."""
    if delivery.output is not None:
        places = deliver(files, place_of(delivery.output))
        return {suffix: str(path) for suffix, path in places.items()}
    prefix = delivery.key_prefix or clip.video.rsplit(".", 1)[0]
    return keep_under(prefix, files, store())


def _beside(
    request: VideoRequest, speech: MadeSpeech, pictures: DrawnPictures, folder: Path
) -> dict[str, Path]:
    """Pictures and captions, by the suffix they are delivered under."""
    files = {THUMBNAIL: store().path(pictures.thumbnail)}
    if request.delivery.contact_sheet:
        files[SHEET] = store().path(pictures.contact_sheet)
    spoken = loaded.spoken(speech)
    if request.look.captions is Captions.NONE or not spoken.words:
        return files
    cues = make_cues(spoken.words, speech.duration_s)
    for suffix, text in ((SRT, srt(cues)), (VTT, vtt(cues))):
        files[suffix] = folder / f"captions{suffix}"
        write_text(text, files[suffix])
    return files


def _manifest(
    request: VideoRequest,
    portrait: CheckedPortrait,
    speech: MadeSpeech,
    mouth: FollowedMouth,
    clip: RenderedClip,
    quality: QualityReport,
    files: dict[str, Path],
) -> Manifest:
    return Manifest(
        id=clip.video_id,
        marks=clip.marks,
        consent=clip.consent,
        request=request,
        seed=request.look.seed,
        frames=clip.frames,
        renderer=f"{clip.renderer} {clip.renderer_version}",
        versions=versions(),
        face_models=face_models(),
        code=code_version(),
        inputs={"portrait": portrait.sha256, "recording": speech.sha256},
        outputs={suffix: file_sha256(file) for suffix, file in files.items()},
        quality=quality,
        warnings=(*portrait.warnings, *speech.warnings, *clip.warnings),
        timings_s={
            "portrait": portrait.seconds,
            "speech": speech.seconds,
            "mouth": mouth.seconds,
            "prepare": clip.prepare_s,
            "render": clip.render_s,
            "join": clip.join_s,
        },
    )


def _accounts(files: dict[str, Path]) -> dict[str, object]:
    """Who asked, what was done for it here, and what that cost."""
    by, stages = asked(), so_far()
    stored = Usage(stored_bytes=sum(file.stat().st_size for file in files.values()))
    usage = total((stored, *(stage.usage for stage in stages)))
    given = settings()
    return {
        "asked": by,
        "run": run_id(),
        "stages": stages,
        "receipt": receipt(usage, load_rates(given.rates)),
    }


def _result(manifest: Manifest, clip: RenderedClip, places: dict[str, str]) -> VideoResult:
    return VideoResult(
        video=places[Path(clip.video).suffix],
        captions_srt=places.get(SRT),
        captions_vtt=places.get(VTT),
        thumbnail=places[THUMBNAIL],
        contact_sheet=places.get(SHEET),
        manifest=places[MANIFEST],
        width=clip.width,
        height=clip.height,
        fps=clip.fps,
        frames=clip.frames,
        duration_s=clip.duration_s,
        renderer=clip.renderer,
        quality=manifest.quality,
        warnings=manifest.warnings,
        timings_s=manifest.timings_s,
        receipt=manifest.receipt,
        consent=manifest.consent,
    )
