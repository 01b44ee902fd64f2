"""Consent to be shown speaking: who gave it, when, how, for what and until when.

A record is a file of the store that is written once. A withdrawal is another beside it, so that
neither rewrites what was said before. Records belong to an owner: another's count for nothing.

    consents/OWNER/PORTRAIT/ID.json              OWNER is a digest, PORTRAIT the picture's sha256
    consents/OWNER/PORTRAIT/ID.withdrawn.json
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import AwareDatetime, Field, StringConstraints

from models.contracts import Contract, Text
from models.errors import ConsentMissing, ConsentWithdrawn, InvalidRequest
from models.storage import Store

FOLDER, RECORD, WITHDRAWN = "consents", ".json", ".withdrawn.json"
LOCAL = "local"  # who asks without a gateway, or at the gateway's own machine
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Told = Annotated[Text, StringConstraints(max_length=500)]
C = TypeVar("C", bound=Contract)


class ConsentPolicy(StrEnum):
    OFF = "off"
    WARN = "warn"
    REQUIRE = "require"


class Consent(Contract):
    id: str = Field(pattern=r"^con_[0-9a-f]{32}$")
    owner: str
    portrait: Sha256
    subject: Told = Field(description="Who is shown, and agreed.")
    method: Told = Field(description="How: a signed form, by email, in a recording.")
    purpose: Told = Field(description="For what.")
    given_at: AwareDatetime
    valid_until: AwareDatetime | None = None
    evidence: str = Field(
        default="", max_length=500, description="Where the proof is, or its hash."
    )
    recorded_at: AwareDatetime
    recorded_by: str = ""  # the key, or the person at the command

    @property
    def sha256(self) -> str:
        """What a video's credentials name: of this record, to the byte."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


class Withdrawal(Contract):
    consent: str
    at: AwareDatetime
    reason: str = Field(default="", max_length=500)


@dataclass(frozen=True)
class Held:
    """A record and what became of it."""

    consent: Consent
    withdrawal: Withdrawal | None = None

    def state(self, at: datetime) -> str:
        """valid, withdrawn, expired or future."""
        if self.withdrawal is not None:
            return "withdrawn"
        if self.consent.valid_until is not None and self.consent.valid_until <= at:
            return "expired"
        return "valid" if self.consent.given_at <= at else "future"


class Consents:
    """Those that a store keeps. Calls raise what the store raises."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, consent: Consent) -> None:
        self._keep(consent, _key(consent, RECORD))

    def withdraw(self, consent: Consent, withdrawal: Withdrawal) -> Withdrawal:
        """The first withdrawal stays the one that counts."""
        key = _key(consent, WITHDRAWN)
        if self._store.exists(key):
            return self._read(key, Withdrawal)
        self._keep(withdrawal, key)
        return withdrawal

    def of_owner(self, owner: str) -> list[Held]:
        """The newest first."""
        found = self._under(f"{_folder(owner)}/")
        return sorted(found, key=lambda held: held.consent.id, reverse=True)

    def of_portrait(self, owner: str, portrait: str) -> list[Held]:
        return list(self._under(f"{_folder(owner)}/{portrait}/"))

    def find(self, owner: str, id: str) -> Held:
        """Raises InvalidRequest where the owner has none of this id."""
        for entry in self._store.entries(f"{_folder(owner)}/"):
            if entry.key.endswith(f"/{id}{RECORD}"):
                return self._held(entry.key)
        raise InvalidRequest(f"there is no consent {id}: list those that there are")

    def forget(self, owner: str) -> int:
        """Delete all of an owner's; how many files."""
        keys = [entry.key for entry in self._store.entries(f"{_folder(owner)}/")]
        for key in keys:
            self._store.delete(key)
        return len(keys)

    def _under(self, prefix: str) -> Iterator[Held]:
        for entry in self._store.entries(prefix):
            if entry.key.endswith(RECORD) and not entry.key.endswith(WITHDRAWN):
                yield self._held(entry.key)

    def _held(self, key: str) -> Held:
        withdrawn = key.removesuffix(RECORD) + WITHDRAWN
        gone = self._read(withdrawn, Withdrawal) if self._store.exists(withdrawn) else None
        return Held(self._read(key, Consent), gone)

    def _read(self, key: str, kind: type[C]) -> C:
        return kind.model_validate_json(self._store.path(key).read_text(encoding="utf-8"))

    def _keep(self, document: Contract, key: str) -> None:
        with self._store.work_folder() as folder:
            file: Path = folder / "document.json"
            file.write_text(document.model_dump_json(indent=2), encoding="utf-8")
            self._store.put(file, key)


def check(
    consents: Consents, policy: ConsentPolicy, owner: str, portrait: str, at: datetime
) -> tuple[Consent | None, str]:
    """The valid consent to show the portrait, or None and a warning.

    Raises ConsentMissing under `require`; ConsentWithdrawn unless the policy is `off`.
    """
    if policy is ConsentPolicy.OFF:
        return None, ""
    held = consents.of_portrait(owner, portrait)
    states = {one.state(at) for one in held}
    valid = [one.consent for one in held if one.state(at) == "valid"]
    if valid:
        return max(valid, key=lambda one: one.given_at), ""
    if "withdrawn" in states:
        raise ConsentWithdrawn("the consent to show this portrait was withdrawn: use another one")
    why = "has expired" if "expired" in states else "is not recorded"
    if policy is ConsentPolicy.REQUIRE:
        raise ConsentMissing(
            f"the consent to show this portrait {why}: record one with `avatar consent add` or "
            "at /v1/consents"
        )
    return None, f"the consent to show this portrait {why}"


def _folder(owner: str) -> str:
    return f"{FOLDER}/{hashlib.sha256(owner.encode()).hexdigest()[:32]}"


def _key(consent: Consent, suffix: str) -> str:
    return f"{_folder(consent.owner)}/{consent.portrait}/{consent.id}{suffix}"
