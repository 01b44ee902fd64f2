"""Uploads that go to S3 past the gateway, as callers see them."""

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from api.contracts import Resource, UploadResource
from models.contracts import MAX_AUDIO_BYTES, MAX_IMAGE_BYTES


class NewDirectUpload(Resource):
    """A file that is going to be sent to S3."""

    kind: Literal["image", "audio"]
    size: int = Field(ge=1, le=MAX_AUDIO_BYTES, description="Bytes.", strict=True)
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]

    @model_validator(mode="after")
    def _pictures_are_smaller(self) -> Self:
        if self.kind == "image" and self.size > MAX_IMAGE_BYTES:
            raise ValueError(f"a picture may have {MAX_IMAGE_BYTES >> 20} MB: make it smaller")
        return self


class Put(Resource):
    """One PUT request that S3 answers."""

    method: Literal["PUT"] = "PUT"
    url: str
    headers: dict[str, str] = Field(description="To be sent as they are; they are signed.")
    expires_at: datetime


class DirectUpload(Resource):
    upload: UploadResource
    put: Put | None = Field(
        default=None, description="Empty where you have the same file already: nothing to send."
    )
