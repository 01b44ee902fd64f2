"""Consent to be shown, as callers record it."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, Field, StringConstraints

from api.contracts import Resource, Short, UploadId, storable

Told = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=500),
    AfterValidator(storable),
]


class NewConsent(Resource):
    portrait: UploadId = Field(description="The picture that may be shown.")
    subject: Told = Field(description="Who is shown, and agreed.", examples=["Anna Kern"])
    method: Told = Field(description="How they agreed.", examples=["signed form"])
    purpose: Told = Field(description="For what.", examples=["training videos"])
    given_at: AwareDatetime
    valid_until: AwareDatetime | None = Field(default=None, description="Empty: without an end.")
    evidence: Short = Field(default="", description="Where its proof is.")


class NewWithdrawal(Resource):
    reason: Short = ""


class ConsentResource(Resource):
    id: str = Field(examples=["con_" + "0" * 32])
    state: Literal["valid", "withdrawn", "expired", "future"]
    portrait_sha256: str
    subject: str
    method: str
    purpose: str
    given_at: datetime
    valid_until: datetime | None = None
    evidence: str = ""
    recorded_at: datetime
    recorded_by: str
    sha256: str = Field(description="Of the record; videos made under it name it, signed.")
    withdrawn_at: datetime | None = None
    withdrawn_because: str | None = None
    videos: tuple[str, ...] | None = Field(
        default=None, description="That there are of this portrait; told by get and withdraw."
    )


class ConsentPage(Resource):
    data: tuple[ConsentResource, ...]
    next_cursor: str | None = None
