"""Alembic's environment: migrations run on asyncpg, under a lock, in one transaction."""

import asyncio

import asyncpg
from alembic import context
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from infra.schema import declared
from infra.tables import METADATA

LOCK = 7_262_833_001
"""Any number, always the same: two services that start at once migrate one after the other."""


def apply(connection: Connection) -> None:
    """Run what is missing."""
    context.configure(connection=connection, target_metadata=METADATA, include_name=declared)
    with context.begin_transaction():
        connection.execute(text(f"SELECT pg_advisory_xact_lock({LOCK})"))
        context.run_migrations()


async def run() -> None:
    """Connect and run."""
    dsn: str = context.config.attributes["dsn"]
    # The driver reads the URL itself, so that migrations take every URL that the service takes.
    engine = create_async_engine(
        "postgresql+asyncpg://", poolclass=NullPool, async_creator=lambda: asyncpg.connect(dsn)
    )  # fmt: skip
    async with engine.connect() as connection:
        await connection.run_sync(apply)
        await connection.commit()
    await engine.dispose()


asyncio.run(run())
