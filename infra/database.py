"""The connection pool, and which database it leads to."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg
from pydantic_core import from_json, to_json

from infra import embedded
from infra.settings import Settings

UNREACHABLE: tuple[type[BaseException], ...] = (
    OSError, TimeoutError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError, asyncpg.InternalClientError,
    asyncpg.OperatorInterventionError, asyncpg.InsufficientResourcesError, asyncpg.PostgresSystemError,
)  # fmt: skip
"""What a call to the database raises when the database is not there, going, or coming."""
UNMIGRATED = (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError)
"""What it raises when its tables are not those of this version."""


class Database:
    """An embedded cluster or a server by URL. Holds the embedded one in use until `release`."""

    def __init__(self, settings: Settings) -> None:
        """Starts nothing but the embedded server's start-up, which goes on in the background."""
        self._wait: Callable[[], embedded.Cluster] | None = None
        self._cluster: embedded.Cluster | None = None
        self._url = settings.database_url
        if not self._url:
            settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._wait = embedded.start_in_background(Path(settings.data_dir).resolve(), durable=settings.durable)

    @property
    def dsn(self) -> str:
        """Where the database is; waits for an embedded one to be up."""
        if self._wait and not self._cluster:
            self._cluster = self._wait()
        return self._cluster.dsn if self._cluster else self._url

    @property
    def embedded(self) -> bool:
        """Whether it is ours to migrate and stop."""
        return self._wait is not None

    def release(self) -> None:
        """This process no longer uses it."""
        if self._cluster:
            self._cluster.release()


async def open_pool(dsn: str, size: int) -> "asyncpg.Pool[Any]":
    """A pool whose connections are not reset between uses: no session state is used, and a reset is a round trip."""
    return await asyncpg.create_pool(
        dsn, min_size=1, max_size=size, init=_prepare, reset=_keep, statement_cache_size=512,
        max_inactive_connection_lifetime=300, command_timeout=30, timeout=5,
        server_settings={"application_name": "bravespace", "jit": "off", "timezone": "UTC"},
    )  # fmt: skip


async def _prepare(connection: "asyncpg.Connection[Any]") -> None:
    await connection.set_type_codec(
        "jsonb", schema="pg_catalog", encoder=lambda value: to_json(value).decode(), decoder=from_json
    )  # fmt: skip


async def _keep(connection: "asyncpg.Connection[Any]") -> None:
    """Nothing to reset."""


async def reachable(dsn: str) -> None:
    """Raises what a connection raises."""
    connection = await asyncpg.connect(dsn, timeout=5)
    await connection.close()
