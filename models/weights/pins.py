"""What is known of weights that an operator added, and what they may be used for."""

from datetime import datetime

from pydantic import Field

from models.contracts import Contract
from models.errors import LicenceRefused
from models.wav2lip.layout import RELU, Activation

NAME = r"^[a-z0-9][a-z0-9_-]{0,39}$"


class Pin(Contract):
    """Beside every weights file as JSON, and enough to fetch the same file on another machine."""

    name: str = Field(pattern=NAME)
    layout: str  # the renderer whose layout they have
    source: str  # where they came from: a path, https:// or s3://
    further: tuple[str, ...] = ()  # where the rest came from, of weights that are several files
    source_sha256: str  # of what was found there, at first import
    sha256: str  # of the safetensors file made of it
    size: int  # bytes, of the same
    licence: str
    commercial_use: bool
    added_at: datetime
    activation: Activation = RELU  # of the layout wav2lip

    @property
    def sources(self) -> tuple[str, ...]:
        return (self.source, *self.further)

    def check_licence(self, *, commercial: bool) -> None:
        """Raises LicenceRefused."""
        if commercial and not self.commercial_use:
            raise LicenceRefused(
                f"the weights {self.name} ({self.licence}) are not for commercial use: "
                "choose another renderer, or add weights that are"
            )
