"""Where the secrets of webhooks come from, and what they are encrypted with."""

import logging
from collections.abc import Sequence

from sqlalchemy.exc import IntegrityError

from api.database import Database, is_duplicate
from api.shared_secrets import shared_secret
from api.webhooks.signing import Keyring, new_secret
from api.webhooks.tables import CallbackSecret

log = logging.getLogger(__name__)


async def webhook_keyring(database: Database, keys: Sequence[str]) -> Keyring:
    """The operator's keys; the database's own last, for what was written before there were any."""
    if not keys:
        log.warning(
            "AVATAR_WEBHOOK_KEY is not set: who can read the database can read webhooks' secrets"
        )
    return Keyring([*keys, await shared_secret(database, "webhooks")])


async def callback_secret(database: Database, keyring: Keyring, owner: str) -> CallbackSecret:
    """The owner's, that callbacks are signed with: made when it is first needed."""
    async with database.reading() as session:
        found = await session.get(CallbackSecret, owner)
    if found is not None:
        return found
    row = CallbackSecret(owner=owner, secret=keyring.sealed(new_secret()))
    try:
        async with database.writing() as session:
            session.add(row)
    except IntegrityError as error:
        if not is_duplicate(error):
            raise
        async with database.reading() as session:  # another gateway was quicker
            return await session.get_one(CallbackSecret, owner)
    return row
