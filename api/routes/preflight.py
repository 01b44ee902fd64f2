"""Would this portrait do, and this recording: faces with boxes, and the reasons for a refusal."""

import hashlib
import time
from uuid import uuid4

import anyio
from fastapi import APIRouter, Response
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from api.accepting import uploads_of
from api.auth import Reader, Starter
from api.caller import Caller
from api.clock import now
from api.contracts import NewPreflight, PreflightResource
from api.gateway import Gateway, Here
from api.ids import is_id, new_id
from api.jobs import FINAL, Order
from api.json_bodies import JsonRoute
from api.orders import audio_source, portrait_source
from api.problems import Problem, not_found, unavailable
from api.responses import BODY, Responses, headers, links, problems
from api.tables import Examination, Upload
from models.contracts import Failure, PreflightReport, PreflightRequest
from models.errors import MissingFile, ServiceError
from models.storage import Store

router = APIRouter(prefix="/v1/preflight", tags=["preflight"], route_class=JsonRoute)

WAIT_S = 6.0  # for the report, before the caller is asked to come back
LOOK_EVERY_S = 0.15
COST_S = 1.0
KNOWN = {"headers": headers("Location"), "links": links("preflight_id", "get_preflight")}
EXAMINED: Responses = {
    200: {"description": "What was found.", **KNOWN},
    202: {
        "description": "Not yet known: GET it in a moment.",
        "model": PreflightResource,
        **KNOWN,
    },
}


@router.post("", response_model=PreflightResource, responses={**EXAMINED, **problems(*BODY)})
async def examine(
    request: NewPreflight, response: Response, caller: Starter, here: Here
) -> PreflightResource:
    """Look at a portrait, and a recording, without rendering. What was seen before is immediate."""
    row = await _row(here, caller, request)
    if await _read(here.store, row) is None:
        row = await _ordered(here, row)
        await _awaited(here.store, row)
    made = await _resource(here, row)
    response.status_code = 202 if made.status == "running" else 200
    response.headers["Location"] = f"/v1/preflight/{row.id}"
    return made


@router.get("/{preflight_id}", response_model=PreflightResource, responses=problems(404))
async def get_preflight(preflight_id: str, caller: Reader, here: Here) -> PreflightResource:
    """What was found."""
    row = None
    if is_id(preflight_id, "pre"):
        async with here.database.reading() as session:
            row = await session.scalar(
                select(Examination).where(
                    Examination.id == preflight_id, Examination.owner == caller.owner
                )
            )
    if row is None:
        raise not_found("preflight", preflight_id)
    return await _resource(here, row)


async def _row(here: Gateway, caller: Caller, request: NewPreflight) -> Examination:
    """The caller's same question, or a new row of it."""
    if request.portrait.upload is None:
        detail = "portrait.url is not fetched for a preflight: upload the file first"
        raise Problem(422, "invalid_request", detail, field="portrait.url")
    names = {request.portrait.upload, *([request.recording] if request.recording else [])}
    async with here.database.writing() as session:
        uploads = await uploads_of(session, caller.owner, names)
        asked = PreflightRequest(
            portrait=portrait_source(request.portrait, uploads),
            recording=audio_source(request.recording, uploads) if request.recording else None,
        )
        digest = hashlib.sha256(asked.model_dump_json().encode()).hexdigest()[:40]
        found = await _same(session, caller.owner, digest)
        if found is not None:
            return found
        order = asked.model_copy(update={"key_prefix": f"preflights/{digest}"})
        row = Examination(
            id=new_id("pre"),
            owner=caller.owner,
            digest=digest,
            request=request.model_dump(mode="json"),
            order=order.model_dump(mode="json"),
            created_at=now(),
        )
        session.add(row)
        return row


async def _same(session: AsyncSession, owner: str, digest: str) -> Examination | None:
    query = select(Examination).where(Examination.owner == owner, Examination.digest == digest)
    found: Examination | None = await session.scalar(query.order_by(Examination.id).limit(1))
    return found


async def _ordered(here: Gateway, row: Examination) -> Examination:
    """With a run that is under way, or a new one. Raises Problem 503."""
    try:
        if row.run_id is not None:
            run = (await here.prefect.runs([row.run_id])).get(row.run_id)
            if run is not None and run.state not in FINAL:
                return row
        row.run_id = await here.prefect.order(
            Order(
                deployment=here.settings.preflight_deployment,
                parameters={"request": row.order},
                caller=row.owner,
                queue="high",
                key=f"{row.id}-{uuid4()}",
                cost_s=COST_S,
            )
        )
    except ServiceError as error:
        raise unavailable("portraits cannot be looked at now: try again in a moment") from error
    async with here.database.writing() as session:
        await session.execute(
            update(Examination).where(Examination.id == row.id).values(run_id=row.run_id)
        )
    return row


async def _awaited(store: Store, row: Examination) -> None:
    end = time.monotonic() + WAIT_S
    while time.monotonic() < end and await _read(store, row) is None:
        await anyio.sleep(LOOK_EVERY_S)


async def _resource(here: Gateway, row: Examination) -> PreflightResource:
    report = await _read(here.store, row)
    facts = {"id": row.id, "created_at": row.created_at}
    if isinstance(report, PreflightReport):
        await _remember_duration(here, row, report)
        found = {name: getattr(report, name) for name in PreflightReport.model_fields}
        return PreflightResource.model_validate({**facts, "status": "done", **found})
    if report is None and await _ended(here, row):
        report = Failure(
            code="preflight_failed", message="looking at it failed: ask again", retryable=True
        )
    status = "running" if report is None else "failed"
    return PreflightResource.model_validate({**facts, "status": status, "error": report})


async def _ended(here: Gateway, row: Examination) -> bool:
    if row.run_id is None:
        return True
    try:
        run = (await here.prefect.runs([row.run_id])).get(row.run_id)
    except ServiceError:
        return False  # not known now: it may well be running
    return (run is None or run.state in FINAL) and await _read(here.store, row) is None


async def _read(store: Store, row: Examination) -> PreflightReport | Failure | None:
    """The report, or why there is none; None while it isn't there. Raises ServiceError."""

    def read() -> PreflightReport | Failure | None:
        kinds: tuple[tuple[str, type[PreflightReport] | type[Failure]], ...] = (
            ("report.json", PreflightReport),
            ("error.json", Failure),
        )
        for name, kind in kinds:
            try:
                path = store.path(f"preflights/{row.digest}/{name}")
                return kind.model_validate_json(path.read_bytes())
            except MissingFile:
                continue
        return None

    return await anyio.to_thread.run_sync(read)


async def _remember_duration(here: Gateway, row: Examination, report: PreflightReport) -> None:
    """Quotes of this recording are exact from now on."""
    name = row.request.get("recording")
    if name is None or report.recording is None:
        return
    async with here.database.writing() as session:
        await session.execute(
            update(Upload)
            .where(Upload.id == name, Upload.owner == row.owner)
            .values(duration_s=report.recording.duration_s)
        )
