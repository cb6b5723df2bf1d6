"""Bringing a database up to date, by Alembic's migrations."""

import asyncio
import re
from pathlib import Path
from typing import Any

import asyncpg

MIGRATIONS = Path(__file__).parent / "migrations"
HEAD = "0011"
"""The newest revision. Named here so that a current database is known without loading Alembic."""


async def current(pool: Any) -> bool:
    """Whether the database has every table as this version wants it."""
    try:
        return bool(await pool.fetchval("SELECT version_num FROM alembic_version") == HEAD)
    except asyncpg.UndefinedTableError:
        return False


async def migrate(pool: Any, dsn: str) -> None:
    """Bring the database up to date; does nothing when it is."""
    if not await current(pool):
        await asyncio.to_thread(upgrade, dsn)


def upgrade(dsn: str) -> None:
    """Run the migrations. One process at a time: the others wait and find nothing to do."""
    from alembic import command

    command.upgrade(configuration(dsn), "head")


def declared(name: str | None, kind: str, parents: Any) -> bool:
    """Whether the tables declare it. The partitions of the logs come and go with time, and follow their parents."""
    return kind != "table" or re.fullmatch(r"(event|attempt)_\d+", name or "") is None


def configuration(dsn: str) -> Any:
    """Alembic's configuration for a database."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["dsn"] = dsn
    return config
