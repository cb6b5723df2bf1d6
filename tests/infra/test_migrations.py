"""Migrations on real servers: the embedded one, and every PostgreSQL 15 or newer that this machine has besides."""

import asyncio
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.ext.asyncio import create_async_engine

from api.app import create_app
from domain.access import Role
from infra import (
    consequences,
    delivery_log,
    embedded,
    feed,
    milestones,
    queue,
    recovery,
    schema,
    store,
    verify,
    volumes,
    watch,
)
from infra.database import open_pool
from infra.settings import Settings
from infra.shelves import SHELVES
from infra.tables import METADATA
from tests.conftest import Case, House, Running, made, ok


def installed() -> Iterator[Path]:
    """The servers that are installed here besides the embedded one."""
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin")):
        if (folder / "initdb").exists() and int(folder.parent.name) >= embedded.OLDEST_SERVER:
            yield folder


class Installed:
    """A throw-away cluster on an installed server, on a Unix socket, run by a user PostgreSQL accepts."""

    def __init__(self, binaries: Path) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="bravespace-pg-"))
        self.how: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": "/"}
        if os.geteuid() == 0:
            user = next(u for u in pwd.getpwall() if u.pw_name in ("postgres", "nobody"))
            os.chown(self.home, user.pw_uid, user.pw_gid)
            self.how |= {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        data = self.home / "data"
        form = ("-U", "bravespace", "--auth=trust", "--no-sync", "--no-instructions", "--encoding=UTF8", "--locale=C")
        subprocess.run([binaries / "initdb", "-D", data, *form], check=True, **self.how)
        options = ("listen_addresses=", f"unix_socket_directories={self.home}", "fsync=off")
        flags = [word for option in options for word in ("-c", option)]
        self.process = subprocess.Popen([binaries / "postgres", "-D", data, *flags], **self.how)
        self.dsn = f"postgresql://bravespace@/postgres?host={self.home}&port=5432"

    def answers(self) -> bool:
        status = self.home / "data" / "postmaster.pid"
        return status.exists() and status.read_text().splitlines()[7:8] == ["ready   "]

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(20)
        shutil.rmtree(self.home)


SERVERS = {"embedded": None, **{folder.parent.name: folder for folder in installed()}}


@pytest.fixture(scope="module", params=SERVERS)
def server(request: pytest.FixtureRequest, data_dir: Path) -> Iterator[str]:
    """Where a server is on which databases can be made."""
    binaries = SERVERS[request.param]
    if binaries is None:
        with embedded.start(data_dir, durable=False) as cluster:
            yield cluster.dsn
        return
    cluster = Installed(binaries)
    try:
        deadline = time.monotonic() + 20
        while not cluster.answers():
            assert cluster.process.poll() is None and time.monotonic() < deadline
            time.sleep(0.01)
        yield cluster.dsn
    finally:
        cluster.stop()


Make = Callable[[], Awaitable[str]]


@asynccontextmanager
async def databases(server: str) -> AsyncIterator[Make]:
    """Makes empty databases, and drops them."""
    names: list[str] = []
    connection = await asyncpg.connect(server)

    async def make() -> str:
        names.append(f"t_{uuid4().hex}")
        await connection.execute(f"CREATE DATABASE {names[-1]} TEMPLATE template0")
        return server.replace("/bravespace?", f"/{names[-1]}?").replace("/postgres?", f"/{names[-1]}?")

    yield make
    for name in names:
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await connection.close()


@pytest.fixture
async def make(server: str) -> AsyncIterator[Make]:
    async with databases(server) as make:
        yield make


async def migrated(dsn: str) -> str:
    await asyncio.to_thread(schema.upgrade, dsn)
    return dsn


@pytest.fixture(scope="module")
async def current(server: str) -> AsyncIterator[str]:
    """A migrated database, for those who only look."""
    async with databases(server) as make:
        yield await migrated(await make())


CATALOGUE = """
SELECT 'column ' || attrelid::regclass || '.' || attname || ' ' || format_type(atttypid, atttypmod)
  || CASE WHEN attnotnull THEN ' not null' ELSE '' END || coalesce(' default ' || pg_get_expr(adbin, adrelid), '')
FROM pg_attribute JOIN pg_class c ON c.oid = attrelid LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
WHERE attnum > 0 AND NOT attisdropped AND relkind IN ('r', 'p') AND NOT relispartition AND relnamespace = 'public'::regnamespace
UNION ALL SELECT 'constraint ' || conrelid::regclass || '.' || conname || ' ' || pg_get_constraintdef(pg_constraint.oid)
FROM pg_constraint JOIN pg_class c ON c.oid = conrelid
WHERE connamespace = 'public'::regnamespace AND contype <> 'n' AND NOT relispartition
UNION ALL SELECT 'index ' || pg_get_indexdef(indexrelid)
FROM pg_index JOIN pg_class c ON c.oid = indrelid WHERE relnamespace = 'public'::regnamespace AND NOT relispartition
UNION ALL SELECT 'partitions ' || c.oid::regclass || ' ' || pg_get_partkeydef(c.oid) FROM pg_class c
WHERE relkind = 'p' AND relnamespace = 'public'::regnamespace
UNION ALL SELECT 'options ' || relname || ' ' || array_to_string(reloptions, ', ')
FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND reloptions IS NOT NULL"""


async def catalogue(dsn: str) -> set[str]:
    """Everything that is in a database, but for the table in which migrations keep their place."""
    connection = await asyncpg.connect(dsn)
    rows = await connection.fetch(CATALOGUE)
    await connection.close()
    return {row[0] for row in rows if "alembic_version" not in row[0]}


async def on_engine(dsn: str, work: Callable[[Any], Any]) -> Any:
    engine = create_async_engine(dsn.replace("postgresql://", "postgresql+asyncpg://", 1))
    async with engine.begin() as connection:
        found = await connection.run_sync(work)
    await engine.dispose()
    return found


async def test_a_database_made_by_the_migrations_is_the_one_the_tables_declare(current: str, make: Make):
    by_migrations, by_tables = current, await make()
    options = {"compare_type": True, "compare_server_default": True, "include_name": schema.declared}
    differences = await on_engine(
        by_migrations, lambda c: compare_metadata(MigrationContext.configure(c, opts=options), METADATA)
    )
    assert differences == []
    await on_engine(by_tables, METADATA.create_all)
    found, wanted = await catalogue(by_migrations), await catalogue(by_tables)
    assert found - wanted == set()
    assert wanted - found == set()
    assert sum("_known" in entry for entry in found) > 20


async def test_every_phase_of_every_table_is_in_its_constraint_and_nothing_else(current: str):
    found = await catalogue(current)
    for shelf in SHELVES.values():
        place = f"constraint {shelf.table.name}.{shelf.table.name}_phase_known "
        rule = next(entry for entry in found if entry.startswith(place))
        assert {word for word in rule.split("'") if word.isidentifier()} == {p.value for p in shelf.machine.phases}


async def test_every_tables_key_begins_with_the_practice(current: str):
    for entry in await catalogue(current):
        if "PRIMARY KEY" in entry:
            everybodys = entry.startswith(("constraint practice.", "constraint volume."))
            assert "PRIMARY KEY (practice_id, " in entry or everybodys


async def test_migrating_again_changes_nothing(current: str):
    before = await catalogue(current)
    await migrated(current)
    assert await catalogue(current) == before
    pool = await open_pool(current, 1)
    assert await schema.current(pool)
    await pool.close()


async def test_services_that_start_at_once_migrate_one_after_the_other(data_dir: Path):
    # The other one in a process of its own, as services are: Alembic's context is one for each process.
    script = "import sys; from infra.schema import upgrade; print(flush=True); sys.stdin.read(); upgrade(sys.argv[1])"
    with embedded.start(data_dir) as cluster:
        async with databases(cluster.dsn) as make:
            dsn = await make()
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
            other = await asyncio.create_subprocess_exec(sys.executable, "-c", script, dsn, **pipes)
            assert other.stdout
            await other.stdout.readline()
            (_, said), _ = await asyncio.gather(other.communicate(b""), migrated(dsn))
            assert other.returncode == 0, said.decode()
            connection = await asyncpg.connect(dsn)
            assert await connection.fetch("SELECT version_num FROM alembic_version") == [(schema.HEAD,)]
            await connection.close()


async def test_undoing_every_migration_leaves_nothing_behind(make: Make):
    dsn = await migrated(await make())
    await asyncio.to_thread(command.downgrade, schema.configuration(dsn), "base")
    assert await catalogue(dsn) == set()
    await migrated(dsn)
    assert await catalogue(dsn)


PLAIN = "SELECT relkind FROM pg_class WHERE oid IN ('event'::regclass, 'attempt'::regclass)"
KEPT = """
SELECT (SELECT string_agg(e::text, ' ' ORDER BY e.seq) FROM (
          SELECT practice_id, seq, type, subject, subject_id, relationship_id, version, at, actor_kind, actor_id, origin,
                 source, target, data, body FROM event) e),
       (SELECT string_agg(a::text, ' ') FROM (
          SELECT practice_id, endpoint_id, seq, number, at, outcome, status, took_ms FROM attempt) a),
       (SELECT string_agg(d::text, ' ') FROM (SELECT practice_id, endpoint_id, seq FROM delivery) d)"""


async def test_a_log_that_was_one_table_becomes_a_first_volume_with_all_that_was_in_it(make: Make, tmp_path: Path):
    dsn, practice = await migrated(await make()), uuid4()
    config = Settings(data_dir=tmp_path, database_url=dsn, pool_size=4, webhook_allow_loopback=True, dispatch=False)
    app = create_app(config)
    async with app.router.lifespan_context(app):
        service = app.state.service
        await service.store.found_practice(practice, "A practice")
        headers = {"Authorization": f"Bearer {service.keys.issue(practice, Role('integration'), 'script', None, 60)}"}
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://smoke.test", headers=headers) as script:
            said = {"url": "http://127.0.0.1:9/", "event_types": ["client.*"]}
            endpoint = made(await script.post("/v1/webhook-endpoints", json=said))["id"]
            made(await script.post("/v1/clients", json={"label": "K."}))
            await service.pool.execute(
                "INSERT INTO attempt VALUES ($1, $2, 2, 1, now(), 'timeout', NULL, 5, 1)", practice, UUID(endpoint)
            )
            before = tuple(await service.pool.fetchrow(KEPT))
            assert None not in before
            await asyncio.to_thread(command.downgrade, schema.configuration(dsn), "0001")
            pool = await open_pool(dsn, 1)
            assert {row["relkind"] for row in await pool.fetch(PLAIN)} == {b"r"}
            assert tuple(await pool.fetchrow(KEPT)) == before
            await migrated(dsn)
            assert {row["relkind"] for row in await pool.fetch(PLAIN)} == {b"p"}
            assert tuple(await pool.fetchrow(KEPT)) == before
            await pool.close()
            made(await script.post("/v1/clients", json={"label": "L."}))
            at_once = volumes.Rule("event", timedelta(0), timedelta(0))
            for _ in range(2):
                await volumes.make_round(dsn, [at_once])
            problem = (await script.get("/v1/events")).json()
            assert (problem["status"], problem["oldest"], problem["newest"]) == (410, 5, 4)
            made(await script.post("/v1/clients", json={"label": "M."}))
            assert [e["seq"] for e in ok(await script.get("/v1/events?after=4"))["items"]] == [5]
        assert (await verify.verified(service.pool))["faults"] == []


async def test_what_parts_the_runs_is_brought_over_from_the_log_and_the_log_tells_it_again(make: Make, tmp_path: Path):
    dsn = await migrated(await make())
    config = Settings(data_dir=tmp_path, database_url=dsn, pool_size=4, dispatch=False)
    app = create_app(config)
    async with app.router.lifespan_context(app), AsyncExitStack() as stack:
        house = House(Running(app, app.state.service, httpx.ASGITransport(app=app), stack))
        await house.running.service.store.found_practice(house.id, "A practice")
        case = await house.case()
        path = await changed_and_back(case)
        before = {name: ok(await case.script.get(path))[name] for name in BROUGHT_OVER}
        assert [change["changed"] for change in before["treatment_changes"]] == [["modality"], ["therapists"]]
        assert [spell["over_on"] is None for spell in before["transitions"]] == [False, True]
        await asyncio.to_thread(command.downgrade, schema.configuration(dsn), "0006")
        pool = await open_pool(dsn, 1)
        assert not await pool.fetchval("SELECT count(*) FROM event WHERE data::text ~ 'treatment_changes|transitions'")
        await migrated(dsn)
        # Read by a pool of its own: the service's has statements of before.
        row = await pool.fetchrow("SELECT treatment_changes, transitions FROM relationship")
        assert dict(row) == before
        assert (await verify.verified(pool))["faults"] == []
        await pool.close()


async def test_without_the_words_for_it_what_nobody_could_ask_about_waits_again(make: Make, tmp_path: Path):
    dsn = await migrated(await make())
    app = create_app(Settings(data_dir=tmp_path, database_url=dsn, pool_size=4, dispatch=False))
    async with app.router.lifespan_context(app), AsyncExitStack() as stack:
        house = House(Running(app, app.state.service, httpx.ASGITransport(app=app), stack))
        await house.running.service.store.found_practice(house.id, "A practice")
        case = await house.case()
        ok(await case.therapist.post(f"/v1/relationships/{case.relationship_id}/screen-risk", json={"risk": "low"}))
        for disposition in ("asked_and_acted", "could_not_ask"):
            answers = [{"item": item, "value": item // 9} for item in range(1, 10)]
            form = {"relationship_id": case.relationship_id, "instrument": "phq-9", "answers": answers}
            made(await case.client.post("/v1/outcome-scores", json=form))
            (waiting,) = ok(await case.therapist.get("/v1/signals?phase=raised"))["items"]
            said = {"disposition": disposition, "note": "By phone."}
            ok(await case.therapist.post(f"/v1/signals/{waiting['id']}/review", json=said))
        await asyncio.to_thread(command.downgrade, schema.configuration(dsn), "0010")
        pool = await open_pool(dsn, 1)
        rows = await pool.fetch("SELECT phase, disposition, reviewed_on IS NULL AS undone FROM signal ORDER BY id")
        assert [tuple(row) for row in rows] == [("reviewed", "asked_and_safe", False), ("raised", None, True)]
        await pool.close()


BROUGHT_OVER = ("treatment_changes", "transitions")


async def changed_and_back(case: Case) -> str:
    """The address of a relationship in which much has changed, and some of it more than once."""
    path, ours = f"/v1/relationships/{case.relationship_id}", {"If-Match": "*"}
    other = made(await case.script.post("/v1/therapists", json={"display_name": "Dr Okafor"}))["id"]
    for said in (
        {"modality": "CBT"}, {"modality": "EMDR"}, {"goals": [{"text": "To sleep."}]},
        {"therapist_ids": [case.therapist_id, other]},
    ):  # fmt: skip
        ok(await case.script.patch(path, json=said, headers=ours))
    plan = f"/v1/termination-plans/{(await case.plan())['id']}"
    ending = {"kind": "client_initiated", "target_date": "2027-01-15", "agreed_by_client": True}
    for move, body in (("plan-ending", ending), ("return-to-work", {}), ("plan-ending", ending)):
        ok(await case.therapist.post(f"{plan}/{move}", json=body))
    return path


def test_the_newest_revision_is_the_one_the_service_asks_for():
    assert ScriptDirectory.from_config(schema.configuration("")).get_heads() == [schema.HEAD]


async def test_a_database_that_is_empty_or_older_is_known_for_one(make: Make):
    pool = await open_pool(await make(), 1)
    assert not await schema.current(pool)
    await pool.execute("CREATE TABLE alembic_version (version_num text)")
    assert not await schema.current(pool)
    await pool.execute("INSERT INTO alembic_version VALUES ('0000')")
    assert not await schema.current(pool)
    await pool.close()


@pytest.mark.parametrize("form", ["postgres://", "?sslmode=prefer", "?application_name=ours"])
async def test_a_url_that_the_service_takes_the_migrations_take(current: str, form: str):
    dsn = current.replace("postgresql://", form, 1) if "://" in form else f"{current}&{form[1:]}"
    pool = await open_pool(dsn, 1)
    await pool.close()
    await migrated(dsn)


async def prepare_all(pool: Any) -> None:
    """Has the server plan every statement there is."""
    statements: dict[str, str] = {}
    for shelf in SHELVES.values():
        phase = frozenset({"phase"})
        lists = [n for n in sorted(shelf.json) if n in ("steps", "reviews", "closure", "outreach")]
        for keyed in (False, True):
            statements |= {f"make {keyed}": shelf.make(keyed=keyed).sql, "insert": shelf.insert().sql}
            for role in Role:
                statements[f"read {role} {keyed}"] = shelf.read(role, keyed=keyed).sql
            for which in ("", "worded", "seen"):
                if which != "seen" or "relationship_id" in shelf.names:
                    how = {name: name == which for name in ("worded", "seen")}
                    statements[f"write {keyed} {which}"] = shelf.write(
                        phase, frozenset(lists[:1]), keyed=keyed, **how
                    ).sql
        fields = frozenset(shelf.names) - {"id"}
        statements["change"] = shelf.change(fields, frozenset()).sql
        for role in Role:
            for changed in (False, True):
                statements[f"list {role} {changed}"] = shelf.listing(role, shelf.filters(), changed=changed).sql
        for where in ("id", "relationship_id", "rupture_id"):
            if where in shelf.names:
                statements[f"lock {where}"] = shelf.lock(where).sql
        await prepared(pool, shelf.machine.subject, statements)
    for module in (store, consequences, feed, queue, delivery_log, recovery, milestones, verify, volumes, watch):
        constants = {n: v for n, v in vars(module).items() if n.isupper() and isinstance(v, str)}
        said = {
            n: v
            for n, v in constants.items()
            if v.lstrip().startswith(("SELECT ", "INSERT ", "WITH ", "DELETE ", "UPDATE "))
        }
        assert said
        await prepared(pool, module.__name__, said)
    for role in Role:
        for narrowed in ("e.type = ANY ($5::text[])", "$5::text[] IS NULL", "e.relationship_id = $5"):
            sql = milestones.page(1, feed.reading(role, narrowed, "= 1", 10))
            await prepared(pool, f"feed {role}", {narrowed: sql, "changes": store.changes(1, 10)})


async def prepared(pool: Any, place: str, statements: dict[str, str]) -> None:
    async with pool.acquire() as connection:
        for name, sql in statements.items():
            try:
                await connection.prepare(sql)
            except asyncpg.PostgresError as error:
                raise AssertionError(f"{place} {name}: {error}\n{sql}") from error


async def test_every_statement_of_the_service_is_one_this_server_takes(current: str):
    pool = await open_pool(current, 1)
    await prepare_all(pool)
    await pool.close()


async def test_a_service_walks_a_repair_and_an_ending_on_this_server(current: str, tmp_path: Path):
    config = Settings(data_dir=tmp_path, database_url=current, pool_size=4, webhook_allow_loopback=True)
    app = create_app(config)
    async with app.router.lifespan_context(app):
        service, practice = app.state.service, uuid4()
        await service.store.found_practice(practice, "A practice")
        transport = httpx.ASGITransport(app=app)

        def as_(role: str, subject: Any = "script") -> httpx.AsyncClient:
            token = service.keys.issue(practice, Role(role), str(subject), None, 60)
            headers = {"Authorization": f"Bearer {token}"}
            return httpx.AsyncClient(transport=transport, base_url="http://smoke.test", headers=headers)

        async with as_("integration") as script:
            assert ok(await script.get("/readyz")) == {"status": "ready"}
            therapist_id = made(await script.post("/v1/therapists", json={"display_name": "Dr Rivera"}))["id"]
            names = [{"system": "ehr", "value": "1"}]
            client_id = made(await script.post("/v1/clients", json={"external_identifiers": names}))["id"]
            begun = {"client_id": client_id, "therapist_ids": [therapist_id]}
            relationship = {"relationship_id": made(await script.post("/v1/relationships", json=begun))["id"]}
        async with as_("therapist", therapist_id) as therapist, as_("client", client_id) as client:
            rupture = made(await client.post("/v1/ruptures", json={**relationship, "summary": "It hurt."}))
            repair = made(await therapist.post("/v1/repairs", json={"rupture_id": rupture["id"]}))
            at, key = f"/v1/repairs/{repair['id']}", {"Idempotency-Key": "k"}
            taken = await therapist.post(f"{at}/recognize", json={"summary": "Seen."}, headers=key)
            again = await therapist.post(f"{at}/recognize", json={"summary": "Seen."}, headers=key)
            assert (ok(taken), again.headers["idempotent-replayed"]) == (ok(again), "true")
            said = {"outcome": "repaired", "client_resolution": 5}
            ok(await therapist.post(f"{at}/conclude", json=said))
            patch = await therapist.patch(f"/v1/clients/{client_id}", json={"label": "K."}, headers={"If-Match": '"1"'})
            ok(patch)
            ok(await client.post("/v1/ruptures/" + rupture["id"] + "/recur"))
            made(await client.post("/v1/termination-plans/client-ends", json=relationship))
            assert ok(await client.get(f"/v1/ruptures/{rupture['id']}"))["phase"] == "ended_unrepaired"
            log = ok(await therapist.get("/v1/events"))["items"]
            assert [e["seq"] for e in log] == list(range(1, len(log) + 1))
            assert len(ok(await therapist.get("/v1/ruptures?changed_after=0"))["items"]) == 1
            assert len(ok(await therapist.get(f"{at}/history"))["items"]) == 3
            assert ok(await therapist.get(f"/v1/relationships/{relationship['relationship_id']}/timeline"))["items"]
        assert (await verify.verified(service.pool))["faults"] == []
