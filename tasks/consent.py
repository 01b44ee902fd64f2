"""Whether the portrait may be shown, as the operator's policy has it, and under which record."""

from datetime import UTC, datetime

from prefect import task

from models.consent import LOCAL, Consents, check
from models.contracts import MAX_IMAGE_BYTES, PortraitSource
from models.stages import GivenConsent, RenderedClip
from models.storage import file_sha256
from tasks.inputs import input_file
from tasks.journal import asked, recorded
from tasks.policies import is_transient, store
from tasks.settings import settings


@task(
    name="check-consent",
    retries=2,
    retry_delay_seconds=1,
    retry_condition_fn=is_transient,
    persist_result=False,
)
@recorded
def check_consent(source: PortraitSource) -> GivenConsent:
    """Asked anew in every run: a withdrawal counts at once. Raises ConsentError."""
    policy = settings().consent
    portrait = file_sha256(input_file(source.image), MAX_IMAGE_BYTES)
    found, warning = check(
        Consents(store()), policy, asked().owner or LOCAL, portrait, datetime.now(UTC)
    )
    return GivenConsent(
        sha256=found.sha256 if found else "", warnings=(warning,) if warning else ()
    )


def under(clip: RenderedClip, consent: GivenConsent) -> RenderedClip:
    """The clip, which says under which consent it was made."""
    warnings = (*clip.warnings, *consent.warnings)
    return clip.model_copy(update={"consent": consent.sha256, "warnings": warnings})
