"""The voices there are to speak a script with."""

from functools import cache
from typing import Annotated

import anyio
from fastapi import APIRouter, Query

from api.auth import Reader
from api.contracts import VoiceList, VoiceResource
from api.problems import unavailable
from api.responses import problems
from api.strict import StrictRoute

router = APIRouter(prefix="/v1/voices", tags=["voices"], route_class=StrictRoute)


@router.get("", response_model=VoiceList, responses=problems())
async def list_voices(
    caller: Reader,
    language: Annotated[
        str | None,
        Query(pattern=r"^[A-Za-z0-9-]{1,20}$", description="Only of this, such as en or pt-br."),
    ] = None,
) -> VoiceList:
    """Names that `speech.voice` takes."""
    try:
        found = await anyio.to_thread.run_sync(_voices)
    except ImportError as error:
        raise unavailable("this gateway has no list of voices: see the documentation") from error
    wanted = (language or "").lower()
    return VoiceList(
        data=tuple(
            voice
            for voice in found
            if not wanted or voice.language == wanted or voice.language.startswith(f"{wanted}-")
        )
    )


@cache
def _voices() -> tuple[VoiceResource, ...]:
    """Asked of the speech engine once: it takes a moment."""
    from models.speech.synthesis import EspeakSynthesiser

    return tuple(
        VoiceResource(
            name=voice.name,
            language=voice.language,
            gender=voice.gender,
            description=voice.description,
        )
        for voice in EspeakSynthesiser().voices()
    )
