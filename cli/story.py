"""All that is known of a video: its manifest, its journal and why it failed, in lines."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from models.contracts import Failure, Receipt
from models.delivery import MANIFEST
from models.errors import InvalidRequest
from models.journal import JOURNAL, Asked, Journal, told, trace_id
from models.manifest import Manifest
from models.storage import file_sha256

ERROR = "error.json"


@dataclass(frozen=True)
class Story:
    """A video that was made has a manifest; one that failed in the store has a journal."""

    name: str
    file: Path | None = None
    manifest: Manifest | None = None
    journal: Journal | None = None
    failure: Failure | None = None


def story_of(video: str) -> Story:
    """Of a file that was delivered, or of an id in the store. Raises InvalidRequest."""
    beside = Path(video).with_suffix(MANIFEST)
    if beside.is_file():
        manifest = Manifest.model_validate_json(beside.read_text(encoding="utf-8"))
        return Story(manifest.id or video, Path(video), manifest)
    story = _stored(video) if "/" not in video else Story(video)
    if story.manifest is None and story.journal is None:
        raise InvalidRequest(f"{video} has no manifest beside it or in the store: name another")
    return story


def lines(story: Story) -> Iterator[tuple[str, str]]:
    """(what, how it is) for people, from who asked to how to make it again."""
    yield "id", story.name
    yield from _asked(story)
    manifest = story.manifest
    if manifest is not None:
        yield "renderer", f"{manifest.renderer}, {manifest.frames} frames, seed {manifest.seed}"
        yield "code", manifest.code
    if story.failure is not None:
        yield "failed", f"{story.failure.code}: {story.failure.message}"
    yield from _stages(story)
    if manifest is not None:
        yield from _made(manifest, story.file)


def _stored(video: str) -> Story:
    from tasks.policies import store

    def text(name: str) -> str | None:
        key = f"videos/{video}/{name}"
        return store().path(key).read_text(encoding="utf-8") if store().exists(key) else None

    manifest, journal, error = text("manifest.json"), text(JOURNAL), text(ERROR)
    kinds = [f"videos/{video}/video.{kind}" for kind in ("mp4", "webm")]
    files = [store().path(key) for key in kinds if store().exists(key)]
    return Story(
        name=video,
        file=files[0] if files else None,
        manifest=Manifest.model_validate_json(manifest) if manifest else None,
        journal=Journal.model_validate_json(journal) if journal else None,
        failure=Failure.model_validate_json(error) if error else None,
    )


def _asked(story: Story) -> Iterator[tuple[str, str]]:
    by, run = Asked(), ""
    if story.journal is not None:
        by, run = story.journal.asked, story.journal.run
    elif story.manifest is not None:
        by, run = story.manifest.asked, story.manifest.run
    yield "asked for by", by.owner or "nobody that we know of: not through the gateway"
    if by.request:
        yield "in request", by.request
    if by.batch:
        yield "in batch", by.batch
    if run:
        yield "flow run", run
    yield "trace", trace_id(by.video or story.name)


def _stages(story: Story) -> Iterator[tuple[str, str]]:
    """The journal knows the delivery too, and what failed."""
    stages = story.manifest.stages if story.manifest else ()
    if story.journal is not None:
        whole = story.journal
        yield "took", f"{whole.seconds:.2f} s, {whole.outcome}"
        stages = whole.stages
    for stage in stages:
        yield "stage", told(stage)


def _made(manifest: Manifest, file: Path | None) -> Iterator[tuple[str, str]]:
    for stage, seconds in manifest.timings_s.items():
        yield f"{stage} took", f"{seconds:.2f} s"
    for role, digest in manifest.inputs.items():
        yield f"made of {role}", digest
    if file is not None:
        kept = file_sha256(file) == manifest.outputs.get(file.suffix)
        yield "file", "as it was delivered" if kept else "changed since it was delivered"
    for suffix, digest in manifest.outputs.items():
        yield f"delivered {suffix}", digest
    yield "marks", ", ".join(manifest.marks) or "none"
    yield "consent", manifest.consent or "none was asked for or found"
    for check in manifest.quality.checks:
        yield check.name, f"{check.value:.4g}, must be {check.bar}"
    for warning in manifest.warnings:
        yield "warning", warning
    if manifest.receipt is not None:
        yield from _paid(manifest.receipt)
    yield "make it again", f"avatar reproduce {manifest.id or file}"


def _paid(receipt: Receipt) -> Iterator[tuple[str, str]]:
    for item in receipt.items:
        yield item.name, f"{item.quantity:,.6g} {item.unit}, {item.amount:.6f} {receipt.currency}"
    yield "cost us", f"{receipt.total:.6f} {receipt.currency}"
