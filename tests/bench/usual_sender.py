"""B, the usual way of delivery: a worker on a table, one statement for each step, a SQLModel session and httpx.

32 workers of one process each take one due delivery under a lock, read its event and its endpoint, and commit a lease;
then they sign with the standard's own library and post; then they record the attempt, drop the delivery and commit.
No lock or connection is held during the request, connections are kept alive, and the loop is uvloop: it is the usual
way done well. It keeps no order, and guards against no address.
"""

import asyncio
import os
from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpx
import uvloop
from sqlalchemy import BigInteger, Column, DateTime, Identity, func
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker, create_async_engine
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel, select
from sqlmodel.ext.asyncio.session import AsyncSession
from standardwebhooks import Webhook

WORKERS = 32
PAUSE = 1.0
"""How long a worker waits when nothing is due, in seconds."""
LEASE = timedelta(seconds=30)
BACK_OFF = 5.0
"""Seconds to the first retry; each further one takes twice as long."""


class Usual(SQLModel, registry=registry()):
    """Tables apart from the service's."""


def counted() -> Column[int]:
    """A key that the database counts."""
    return Column(BigInteger, Identity(), primary_key=True)


def moment(**more: bool) -> Column[datetime]:
    """A point in time, now by default."""
    return Column(DateTime(timezone=True), nullable=False, server_default=func.now(), **more)


class Endpoint(Usual, table=True):
    """Where to."""

    __tablename__ = "usual_endpoint"

    id: UUID = Field(primary_key=True)
    url: str
    secret: str


class Event(Usual, table=True):
    """What."""

    __tablename__ = "usual_event"

    id: str = Field(primary_key=True)
    body: str


class Delivery(Usual, table=True):
    """What is still to be sent."""

    __tablename__ = "usual_delivery"

    id: int | None = Field(default=None, sa_column=counted())
    event_id: str
    endpoint_id: UUID
    attempts: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    next_attempt_at: datetime | None = Field(default=None, sa_column=moment(index=True))


class Attempt(Usual, table=True):
    """What became of it."""

    __tablename__ = "usual_attempt"

    id: int | None = Field(default=None, sa_column=counted())
    delivery_id: int = Field(sa_type=BigInteger)
    endpoint_id: UUID
    event_id: str
    at: datetime | None = Field(default=None, sa_column=moment())
    status: int | None = None


def engine_on(dsn: str) -> AsyncEngine:
    """A connection for each worker."""
    return create_async_engine(dsn.replace("postgresql://", "postgresql+asyncpg://"), pool_size=WORKERS)


async def create(dsn: str) -> None:
    """The tables."""
    engine = engine_on(dsn)
    async with engine.begin() as connection:
        await connection.run_sync(Usual.metadata.create_all)
    await engine.dispose()


async def take(session: AsyncSession) -> tuple[Delivery, Event, Endpoint] | None:
    """A due delivery that nobody else is at, with what it needs; leased."""
    due = select(Delivery).where(Delivery.next_attempt_at <= func.now()).order_by(Delivery.next_attempt_at).limit(1)
    delivery = (await session.exec(due.with_for_update(skip_locked=True))).first()
    if delivery is None:
        return None
    event = await session.get_one(Event, delivery.event_id)
    endpoint = await session.get_one(Endpoint, delivery.endpoint_id)
    delivery.attempts += 1
    delivery.next_attempt_at = datetime.now(UTC) + LEASE
    await session.commit()
    return delivery, event, endpoint


async def post(http: httpx.AsyncClient, event: Event, endpoint: Endpoint) -> int | None:
    """The status that came back, if any did."""
    now = datetime.now(UTC)
    headers = {
        "content-type": "application/json", "user-agent": "bravespace-webhooks", "webhook-id": event.id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(endpoint.secret).sign(event.id, now, event.body), "bravespace-api-version": "v1",
    }  # fmt: skip
    try:
        return (await http.post(endpoint.url, content=event.body, headers=headers)).status_code
    except httpx.HTTPError:
        return None


async def work(sessions: async_sessionmaker[AsyncSession], http: httpx.AsyncClient) -> None:
    """For ever."""
    while True:
        async with sessions() as session:
            taken = await take(session)
            if taken is None:
                await session.rollback()
                await asyncio.sleep(PAUSE)
                continue
            delivery, event, endpoint = taken
            status = await post(http, event, endpoint)
            session.add(
                Attempt(delivery_id=delivery.id, endpoint_id=endpoint.id, event_id=event.id, status=status)
            )  # fmt: skip
            if status is not None and 200 <= status < 300:
                await session.delete(delivery)
            else:
                wait = timedelta(seconds=BACK_OFF * 2**delivery.attempts)
                delivery.next_attempt_at = datetime.now(UTC) + wait
            await session.commit()


async def main() -> None:
    """Every worker."""
    engine = engine_on(os.environ["BENCH_DATABASE_URL"])
    sessions = async_sessionmaker(engine, class_=AsyncSession, expire_on_commit=False)
    limits = httpx.Limits(max_connections=WORKERS, max_keepalive_connections=WORKERS)
    async with httpx.AsyncClient(timeout=15, limits=limits) as http, asyncio.TaskGroup() as workers:
        for _ in range(WORKERS):
            workers.create_task(work(sessions, http))


if __name__ == "__main__":
    uvloop.run(main())
