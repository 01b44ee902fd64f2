"""Secrets and signatures as Standard Webhooks has them (standardwebhooks.com)."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from cryptography.fernet import Fernet, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from api.webhooks.tables import Signed

PREFIX = "whsec_"
SECRET_BYTES = 24
OVERLAP = timedelta(hours=24)  # so long both signatures are sent


class Keyring:
    """Encrypts secrets where they are kept. The first key encrypts, any of them decrypts."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._fernet = MultiFernet([_fernet(key) for key in keys])

    def sealed(self, secret: str) -> str:
        return self._fernet.encrypt(secret.encode()).decode()

    def opened(self, sealed: str) -> str:
        """Raises InvalidToken where it was encrypted with a key that is gone."""
        return self._fernet.decrypt(sealed.encode()).decode()

    def rotate(self, row: Signed, at: datetime) -> str:
        """A new secret; the present one signs too, for as long as OVERLAP."""
        secret = new_secret()
        row.previous_secret, row.previous_until = row.secret, at + OVERLAP
        row.secret = self.sealed(secret)
        return secret

    def secrets_of(self, row: Signed, at: datetime) -> list[str]:
        """Those that sign now. Raises InvalidToken."""
        sealed = [row.secret]
        if row.previous_secret and row.previous_until and at < row.previous_until:
            sealed.append(row.previous_secret)
        return [self.opened(one) for one in sealed]


def new_secret() -> str:
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def headers(message_id: str, at: datetime, body: bytes, signing: Sequence[str]) -> dict[str, str]:
    """Of one attempt; with several secrets several signatures, of which the receiver needs one."""
    timestamp = str(int(at.timestamp()))
    signed = f"{message_id}.{timestamp}.".encode() + body
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(_signature(secret, signed) for secret in signing),
    }


def _signature(secret: str, signed: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(PREFIX))
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


def _fernet(key: str) -> Fernet:
    derived = HKDF(SHA256(), 32, salt=None, info=b"webhook secrets").derive(key.encode())
    return Fernet(base64.urlsafe_b64encode(derived))
