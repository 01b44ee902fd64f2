"""Secrets that no operator has to set: made by the first gateway that starts."""

import secrets

from sqlalchemy.exc import IntegrityError

from api.database import Database
from api.tables import Secret


async def shared_secret(database: Database, name: str) -> str:
    """Made once and kept in the database, so that every gateway process has the same."""
    try:
        async with database.writing() as session:
            found = await session.get(Secret, name)
            if found is None:
                found = Secret(name=name, value=secrets.token_urlsafe(32))
                session.add(found)
            return found.value
    except IntegrityError:  # another gateway was quicker
        async with database.reading() as session:
            return (await session.get_one(Secret, name)).value
