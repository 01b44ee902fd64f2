"""Say in or beside the file what it is and how it was made, signed; index what its frames carry."""

from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from prefect import task

from models.contracts import Delivery
from models.stages import RenderedClip
from models.storage import file_sha256
from models.watermark.ledger import Carried, Carrier, carried_key, carrier_key
from tasks.journal import recorded
from tasks.policies import RESULT, cached, code_version, keep, key_of, store
from tasks.settings import settings

if TYPE_CHECKING:
    from models.provenance.credential import Credential

UNSIGNED = "not signed: content credentials need the extra `trust`"
DEVELOPMENT = "signed with a certificate for development: set AVATAR_SIGNING_CREDENTIAL"


def signed_files(clip: RenderedClip, delivery: Delivery) -> tuple[str]:
    """The signed clip, or what lies beside it; where nothing can be signed, the clip itself."""
    if not _can_sign():
        return (clip.video,)
    by = settings().signing_credential or "development"
    made_of = (clip.video, clip.sha256, video_id(clip, delivery), by, clip.consent)
    return (key_of("signed", *made_of) + (".mp4" if _takes_it_in(clip) else ".c2pa"),)


def video_id(clip: RenderedClip, delivery: Delivery) -> str:
    """The gateway's, which is the last part of the prefix; else the clip's own digest."""
    return (delivery.key_prefix or Path(clip.video).stem).rsplit("/", 1)[-1]


@task(
    name="sign-video",
    timeout_seconds=600,
    cache_key_fn=cached(signed_files),
    persist_result=True,
    result_serializer=RESULT,
)
@recorded
def sign_video(clip: RenderedClip, delivery: Delivery) -> RenderedClip:
    """The clip with content credentials, beside it where WebM has no place. Raises EncodeFailed."""
    identity = video_id(clip, delivery)
    _enter(clip, identity)
    named = clip.model_copy(update={"video_id": identity})
    if not _can_sign():
        return named.model_copy(update={"warnings": (*clip.warnings, UNSIGNED)})
    (signed,) = signed_files(clip, delivery)
    with store().work_folder() as folder:
        out = folder / Path(signed).name
        development = _sign(clip, identity, out)
        sha256 = file_sha256(out)
        store().put(out, signed)
    warnings = (*clip.warnings, DEVELOPMENT) if development else clip.warnings
    here = {"video": signed, "sha256": sha256} if _takes_it_in(clip) else {"credentials": signed}
    return named.model_copy(update={**here, "warnings": warnings})


def _enter(clip: RenderedClip, identity: str) -> None:
    """Into the ledger, which marks lead to this video."""
    if not clip.marks:
        return
    keep(Carried(marks=clip.marks), carried_key(identity))
    for mark in clip.marks:
        keep(Carrier(video=identity, clip=clip.video), carrier_key(mark, identity))


def _can_sign() -> bool:
    return find_spec("c2pa") is not None


def _takes_it_in(clip: RenderedClip) -> bool:
    return clip.video.endswith(".mp4")


def _sign(clip: RenderedClip, identity: str, out: Path) -> bool:
    """Whether the certificate is only for development."""
    from models.provenance.credentials import Made, sign, sign_beside

    credential = _credential()
    made = Made(
        id=identity,
        renderer=clip.renderer,
        renderer_version=clip.renderer_version,
        code=code_version(),
        marks=clip.marks,
        generator_version=version("avatar-orchestrator"),
        consent=clip.consent,
    )
    signing = sign if _takes_it_in(clip) else sign_beside
    signing(store().path(clip.video), made, credential, out)
    return credential.development


def _credential() -> "Credential":
    from models.provenance.credential import development_credential, load_credential

    given = settings().signing_credential
    return (
        load_credential(given) if given else development_credential(settings().models / "signing")
    )
