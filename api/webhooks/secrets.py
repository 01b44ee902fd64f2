"""The owner's secret that callbacks are signed with: made when it is first needed."""

from sqlalchemy.exc import IntegrityError

from api.database import Database, is_duplicate
from api.webhooks.signing import Keyring, new_secret
from api.webhooks.tables import CallbackSecret


async def callback_secret(database: Database, keyring: Keyring, owner: str) -> CallbackSecret:
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
