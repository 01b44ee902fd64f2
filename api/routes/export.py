"""Everything that is held about you, to take away."""

import json
from collections.abc import AsyncIterator

from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from api.auth import Reader
from api.gateway import Here
from api.holdings import held
from api.responses import TEXT, problems
from api.strict import StrictRoute

router = APIRouter(prefix="/v1/export", tags=["usage"], route_class=StrictRoute)

LINES = "application/x-ndjson"


@router.get(
    "",
    response_class=StreamingResponse,
    responses={
        200: {"description": "A JSON object a line.", "content": {LINES: {"schema": TEXT}}},
        **problems(),
    },
)
async def export_everything(caller: Reader, here: Here) -> StreamingResponse:
    """Your videos with what was asked for, uploads, consents, charges, keys, webhooks and messages.

    Files are fetched by their videos' links; what opens something, such as a secret, is left out.
    """

    async def lines() -> AsyncIterator[str]:
        async for record in held(here.database, here.store, caller.owner):
            yield json.dumps(record, ensure_ascii=False) + "\n"

    headers = {"Content-Disposition": 'attachment; filename="export.ndjson"'}
    return StreamingResponse(lines(), media_type=LINES, headers=headers)
