"""What a video would need and cost, before anything is made."""

from fastapi import APIRouter

from api.accepting import uploads_of
from api.auth import Reader
from api.contracts import Money, NewQuote, Quote, Recording
from api.gateway import Here
from api.json_bodies import JsonRoute
from api.orders import check_look, check_uploads, upload_ids
from api.problems import Problem
from api.responses import BODY, problems

router = APIRouter(prefix="/v1/quotes", tags=["quotes"], route_class=JsonRoute)


@router.post("", response_model=Quote, responses=problems(*BODY))
async def quote(request: NewQuote, caller: Reader, here: Here) -> Quote:
    """Seconds, price and ETA, by the speed of finished videos and the queue as it stands."""
    check_look(request)
    async with here.database.reading() as session:
        uploads = await uploads_of(session, caller.owner, upload_ids(request))
        if isinstance(request.speech, Recording) and request.speech.upload not in uploads:
            field = "speech.upload" if request.speech.url is None else "speech.url"
            detail = f"{field} names no upload of yours: upload the recording first"
            raise Problem(422, "invalid_request", detail, field=field)
        check_uploads(request, uploads)
        made, videos = await here.desk.quote(session, request, uploads)
    return Quote(
        speech_s=made.speech_s,
        exact=made.exact,
        render_s=made.render_s,
        queue_s=made.queue_s,
        eta_s=round(made.eta_s, 2),
        price=Money.of(made.price, here.settings.currency),
        measured_on=videos,
    )
