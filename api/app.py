"""The application, and the one place where things are wired."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from api.auth import Door
from api.changes import Changes
from api.console import Console
from api.endings import Endings
from api.front import Front, Route
from api.house import House
from api.metrics import Metrics
from api.outcomes import OutcomeChanges
from api.reading import Instruments, Practices, Repairs
from api.resource import Resource
from api.routes import (
    collection_routes,
    console_routes,
    ending_routes,
    house_routes,
    instrument_routes,
    other_routes,
    outcome_routes,
    trajectory_routes,
)
from api.trajectories import Trajectories
from api.webhooks import Endpoints
from infra.connections import Connections
from infra.database import UNREACHABLE, Database, open_pool
from infra.deliveries import Dispatcher
from infra.delivery_log import DeliveryLog
from infra.feed import Feed
from infra.garbage import relax
from infra.housekeeping import tidy_for_ever
from infra.keys import Keys
from infra.outcomes import Outcomes
from infra.papers import Papers
from infra.pictures import Pictures
from infra.reminding import Standings
from infra.schema import current, migrate
from infra.settings import Settings, settings
from infra.shelves import SHELVES
from infra.store import Store
from infra.trajectory import Record

KINDS: dict[str, type[Resource]] = {"webhook_endpoint": Endpoints, "repair": Repairs, "instrument": Instruments}


class Pool:
    """The pool, before and after there is one: everything is wired before the database is up."""

    def __init__(self) -> None:
        """Not open yet."""
        self.real: Any = None

    def __getattr__(self, name: str) -> Any:
        """The open pool's own."""
        if self.real is None:
            raise ConnectionError("The database is not up yet.")
        return getattr(self.real, name)


@dataclass(frozen=True, slots=True)
class Service:
    """Everything, wired."""

    settings: Settings
    pool: Pool
    keys: Keys
    store: Store
    dispatcher: Dispatcher
    pictures: Pictures
    metrics: Metrics
    routes: tuple[Route, ...]
    door: Door


def wire(config: Settings) -> Service:
    """Put everything together. Nothing is opened yet."""
    pool, keys = Pool(), Keys(config)
    store, feed = Store(pool), Feed(pool)
    dispatcher = Dispatcher(pool, keys.seal, config, feed.wake)
    metrics = Metrics(dispatcher.tally)
    resources = {
        subject: KINDS.get(subject, Resource)(shelf, store, feed, dispatcher.wake) for subject, shelf in SHELVES.items()
    }  # fmt: skip
    endpoints = resources["webhook_endpoint"]
    instruments = resources["instrument"]
    assert isinstance(endpoints, Endpoints) and isinstance(instruments, Instruments)
    deliveries = DeliveryLog(pool)
    endpoints.furnish(keys.seal, deliveries, config)
    changes = Changes(feed, resources)
    house = House(metrics, keys.jwks, lambda: current(pool), deliveries)
    console = Console(keys, endpoints, config.console_origins)
    routes = [r for resource in resources.values() for r in collection_routes(resource, changes)]
    routes += other_routes(changes, endpoints, Practices(store))
    routes += instrument_routes(instruments)
    pictures = Pictures()
    routes += trajectory_routes(Trajectories(resources, Record(pool), pictures))
    outcomes = Outcomes(pool)
    routes += outcome_routes(OutcomeChanges(resources, store, outcomes), SHELVES["outcome_score"].machine)
    endings = Endings(resources, store, Papers(pool), Standings(pool), outcomes, pictures, config.fonts)
    routes += ending_routes(endings, SHELVES["termination_plan"].machine)
    routes += [*console_routes(console, endpoints.machine), *house_routes(house)]
    return Service(config, pool, keys, store, dispatcher, pictures, metrics, tuple(routes), Door(keys, store))


def create_app(config: Settings | None = None) -> FastAPI:
    """The ASGI application."""
    config = config or settings()
    database = Database(config)
    service = wire(config)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        dsn = await asyncio.to_thread(lambda: database.dsn)
        service.pool.real = Connections(await open_pool(dsn, config.pool_size), config.pool_size)
        if database.embedded:
            await migrate(service.pool, dsn)
        told = service.metrics.standing, service.dispatcher.heard
        tasks = [asyncio.create_task(tidy_for_ever(service.pool, dsn, config, *told))]
        if config.dispatch:
            tasks.append(asyncio.create_task(service.dispatcher.run()))
        relax()
        yield
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError, *UNREACHABLE):
                await task
        await service.pictures.close()
        with suppress(*UNREACHABLE):
            await asyncio.wait_for(service.pool.real.close(), 5)
        database.release()

    front = Middleware(
        Front, routes=service.routes, door=service.door, metrics=service.metrics, limit=config.body_limit
    )
    cors = Middleware(
        CORSMiddleware, allow_origins=config.cors_origins, allow_methods=["*"], allow_headers=["*"],
        expose_headers=["ETag", "Location", "Link", "Retry-After", "X-Request-Id", "Idempotent-Replayed"], max_age=600,
    )  # fmt: skip
    app = FastAPI(
        title="Bravespace", lifespan=lifespan, openapi_url=None, docs_url=None, redoc_url=None,
        middleware=[cors, front] if config.cors_origins else [front],
    )  # fmt: skip
    app.state.service = service
    return app
