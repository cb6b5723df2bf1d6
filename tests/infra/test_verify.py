"""Verify, on databases that were damaged on purpose: each damage is found, and told by what it damaged."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest

from api.app import create_app
from infra import embedded, schema
from infra.database import open_pool
from infra.settings import Settings
from infra.verify import MOST, verified
from infra.volumes import Rule, make_round
from tests.conftest import Case, House, Running, made, ok


class Template:
    """A database with one practice's life in it, to be copied and damaged."""

    def __init__(self, dsn: str, name: str) -> None:
        self.dsn, self.name = dsn, name
        self.practice = UUID(int=0)
        self.ids: dict[str, UUID] = {}

    def named(self, name: str) -> str:
        return self.dsn.replace("/bravespace?", f"/{name}?")


async def live(house: House) -> Case:
    """A bit of everything: corrections, consequences, identifiers, an ending, a delivery that waits."""
    case = await house.case()
    endpoint = {"url": "http://127.0.0.1:9/", "event_types": ["rupture.*"], "payload": "id_only"}
    made(await case.script.post("/v1/webhook-endpoints", json=endpoint))
    made(await case.script.post("/v1/clients", json={"external_identifiers": [{"system": "ehr", "value": "1"}]}))
    norm = {"mean": 4, "sd": 2, "population": "Our clients.", "source": "Our own count."}
    form = {"code": "own", "edition": "1", "title": "Ours", "kind": "outcome", "low": 0, "high": 9, "norms": [norm]}
    made(await case.script.post("/v1/instruments", json=form))
    made(await case.script.post("/v1/policies", json={"kind": "no_contact", "title": "Silence", "edition": "1"}))
    rupture = await case.rupture("client", summary="It hurt.", strains=["bond"])
    patch, headers = {"type": "mixed", "summary": "It hurt a lot."}, {"If-Match": '"1"'}
    ok(await case.client.patch(f"/v1/ruptures/{rupture['id']}", json=patch, headers=headers))
    repair = await case.repair(rupture)
    ok(await case.therapist.post(f"/v1/repairs/{repair['id']}/recognize", json={"summary": "Seen."}))
    said = {"outcome": "repaired", "client_resolution": 5}
    ok(await case.therapist.post(f"/v1/repairs/{repair['id']}/conclude", json=said))
    await case.session()
    await case.plan()
    ok(await case.client.post("/v1/termination-plans/client-ends", json={"relationship_id": case.relationship_id}))
    return case


async def shortened(case: Case, dsn: str) -> None:
    """The same life, of whose log only the last stretch is kept."""
    at = f"/v1/repairs/{(await case.repair())['id']}"
    ok(await case.therapist.post(f"{at}/recognize", json={"summary": "Seen."}))
    at_once = Rule("event", timedelta(0), timedelta(0))
    for _ in range(2):
        await make_round(dsn, [at_once])
    ok(await case.therapist.post(f"{at}/stay-present", json={"summary": "Quiet.", "skills": ["describe"]}))
    await case.rupture("client", strains=["bond"])


Live = Callable[[House, str], Awaitable[None]]


async def in_full(house: House, dsn: str) -> None:
    await live(house)


async def in_part(house: House, dsn: str) -> None:
    await live(house)
    await shortened(await house.case(), dsn)


@pytest.fixture(scope="module")
async def template(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Template]:
    async with made_after(in_full, data_dir, tmp_path_factory.mktemp("keys")) as template:
        yield template


@pytest.fixture(scope="module")
async def short_template(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Template]:
    async with made_after(in_part, data_dir, tmp_path_factory.mktemp("keys")) as template:
        yield template


@contextlib.asynccontextmanager
async def made_after(life: Live, data_dir: Path, keys: Path) -> AsyncIterator[Template]:
    """A database in which a practice has lived."""
    with embedded.start(data_dir, durable=False) as cluster:
        template = Template(cluster.dsn, f"v_{uuid4().hex}")
        admin = await asyncpg.connect(cluster.dsn)
        await admin.execute(f"CREATE DATABASE {template.name} TEMPLATE template0")
        await asyncio.to_thread(schema.upgrade, template.named(template.name))
        config = Settings(
            data_dir=keys, database_url=template.named(template.name), dispatch=False,
            webhook_allow_loopback=True, pool_size=4,
        )  # fmt: skip
        app = create_app(config)
        async with app.router.lifespan_context(app), contextlib.AsyncExitStack() as stack:
            running = Running(app, app.state.service, httpx.ASGITransport(app=app), stack)
            house = House(running)
            await running.service.store.found_practice(house.id, "A practice")
            await life(house, template.named(template.name))
            template.practice = house.id
            assert (await verified(running.service.pool))["faults"] == []
        yield template
        await admin.execute(f"DROP DATABASE {template.name} WITH (FORCE)")
        await admin.close()


Damage = Callable[..., Awaitable[list[str]]]


@pytest.fixture
async def damaged(template: Template) -> AsyncIterator[Damage]:
    """Runs SQL on a copy, and returns the faults that verify finds in it."""
    async with copy_of(template) as damaged:
        yield damaged


@pytest.fixture
async def damaged_later(short_template: Template) -> AsyncIterator[Damage]:
    """The same, where the beginning of the log is gone."""
    async with copy_of(short_template) as damaged:
        yield damaged


@contextlib.asynccontextmanager
async def copy_of(template: Template) -> AsyncIterator[Damage]:
    name, admin = f"v_{uuid4().hex}", await asyncpg.connect(template.dsn)
    await admin.execute(f"CREATE DATABASE {name} TEMPLATE {template.name}")
    pool = await open_pool(template.named(name), 1)

    async def damaged(*statements: str) -> list[str]:
        for statement in statements:
            done = await pool.execute(statement)
            assert not done.endswith(" 0"), f"{statement} touched nothing"
        report: dict[str, Any] = await verified(pool)
        assert report["counted"]["practices"] >= 1
        return report["faults"]  # type: ignore[no-any-return]

    yield damaged
    await pool.close()
    await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await admin.close()


async def test_what_was_only_ever_written_by_the_service_has_no_fault(damaged: Damage):
    assert await damaged() == []


async def test_an_event_that_is_gone_from_the_middle_is_missed(damaged: Damage):
    faults = await damaged("DELETE FROM event WHERE type = 'rupture.revised'")
    assert any("counted to" in fault for fault in faults)
    assert any(fault.startswith("rupture ") and "versions" in fault for fault in faults)


async def test_the_newest_event_is_missed_as_well(damaged: Damage):
    faults = await damaged("DELETE FROM event WHERE seq = (SELECT max(seq) FROM event)")
    assert any("counted to" in fault for fault in faults)


async def test_an_event_under_another_number_is_found(damaged: Damage):
    faults = await damaged("UPDATE event SET seq = seq + 1000 WHERE seq = (SELECT max(seq) FROM event)")
    assert any("counted to" in fault for fault in faults)


async def test_a_gap_is_found_even_when_the_count_is_right(damaged: Damage):
    faults = await damaged(
        "UPDATE event SET seq = 0 WHERE type = 'session.recorded'",
    )
    assert any("counted to" in fault for fault in faults)


async def test_a_counter_that_ran_ahead_is_found(damaged: Damage):
    (fault,) = await damaged("UPDATE practice SET seq = seq + 1")
    assert "counted to" in fault


FIELDS = (
    ("rupture", "type", "'withdrawal'"), ("rupture", "strains", "'[]'"), ("rupture", "phase", "'unrepaired'"),
    ("rupture", "reported_by", "'therapist'"), ("rupture", "recurrences", "3"), ("repair", "client_resolution", "1"),
    ("repair", "outcome", "'not_repaired'"), ("repair", "steps", "steps || steps"), ("repair", "concluded_on", "NULL"),
    ("termination_plan", "ended_on", "'2020-01-01'"), ("termination_plan", "consent", "NULL"),
    ("relationship", "phase", "'active'"), ("relationship", "therapist_ids", "ARRAY[practice_id]"),
    ("session", "starts_at", "starts_at + interval '1 s'"), ("policy", "outreach_attempts", "9"),
    ("client", "registered_by", "'somebody'"), ("webhook_endpoint", "payload", "'thin'"),
    ("webhook_endpoint", "event_types", "'{*}'"), ("webhook_endpoint", "phase", "'disabled'"),
)  # fmt: skip


async def test_every_field_that_was_changed_behind_the_log_is_named(damaged: Damage):
    faults = await damaged(*(f"UPDATE {table} SET {field} = {value}" for table, field, value in FIELDS))
    told = {(fault.split()[0], fault.split(": ")[1].removesuffix(" differs from its events")) for fault in faults}
    assert told == {(table, field) for table, field, _ in FIELDS}


OLDER_ROW = "UPDATE instrument SET norms = (SELECT jsonb_agg(n - 'group') FROM jsonb_array_elements(norms) n)"
OLDER_LOG = """UPDATE event SET data = jsonb_set(data, '{set,norms}',
  (SELECT jsonb_agg(n - 'group') FROM jsonb_array_elements(data #> '{set,norms}') n)) WHERE data #> '{set,norms}' <> '[]'"""
OTHER_GROUP = "UPDATE instrument SET norms = jsonb_set(norms, '{0,group}', '\"functional\"')"


async def test_what_was_recorded_before_norms_had_a_group_has_no_fault(damaged: Damage):
    assert await damaged(OLDER_LOG, OLDER_ROW) == []
    (fault,) = await damaged(OTHER_GROUP)
    assert "norms differs from its events" in fault


async def test_an_external_identifier_that_was_changed_behind_the_log_is_named(damaged: Damage):
    faults = await damaged(
        "UPDATE client SET external_identifiers = '[]' WHERE external_identifiers <> '[]'",
    )
    assert any("external_identifiers differs" in fault for fault in faults)


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM external_id",
        "UPDATE external_id SET value = '2'",
        "UPDATE external_id SET subject_id = practice_id",
    ],
)
async def test_an_identifier_that_leads_nowhere_is_found(damaged: Damage, damage: str):
    assert await damaged(damage)


async def test_an_event_that_was_rewritten_is_found(damaged: Damage):
    faults = await damaged(
        """UPDATE event SET data = jsonb_set(data, '{set,type}', '"withdrawal"') WHERE type = 'rupture.revised'"""
    )
    assert len(faults) == 1
    assert "type differs" in faults[0]


async def test_a_version_that_was_changed_is_found(damaged: Damage):
    (fault,) = await damaged("UPDATE repair SET version = version + 1")
    assert fault.startswith("repair ")
    assert "versions" in fault


async def test_a_version_that_is_told_wrongly_is_found(damaged: Damage):
    faults = await damaged("UPDATE event SET version = 9 WHERE type = 'repair.concluded'")
    assert any(fault.startswith("repair ") and "versions" in fault for fault in faults)


async def test_a_row_that_is_gone_is_missed(damaged: Damage):
    (fault,) = await damaged("DELETE FROM session")
    assert fault.startswith("session ")
    assert "no row" in fault


async def test_a_row_nobody_told_of_is_found(damaged: Damage, template: Template):
    (fault,) = await damaged(
        f"""INSERT INTO therapist (practice_id, id, phase, version, created_at, updated_at)
        VALUES ('{template.practice}', '{uuid4()}', 'active', 1, now(), now())"""
    )
    assert "no events" in fault


async def test_a_delivery_without_its_event_is_found(damaged: Damage):
    faults = await damaged("UPDATE delivery SET seq = 100000 WHERE seq = (SELECT min(seq) FROM delivery)")
    assert len(faults) == 1
    assert "delivery of event 100000" in faults[0]


async def test_a_delivery_without_its_endpoint_is_found(damaged: Damage):
    faults = await damaged(f"UPDATE delivery SET endpoint_id = '{uuid4()}'")
    assert faults
    assert all("delivery of event" in fault for fault in faults)


async def test_a_practice_that_is_gone_with_everything_left_behind_is_found(damaged: Damage, template: Template):
    faults = await damaged(
        "ALTER TABLE client DROP CONSTRAINT client_practice_id_fkey",
        "ALTER TABLE therapist DROP CONSTRAINT therapist_practice_id_fkey",
        "ALTER TABLE policy DROP CONSTRAINT policy_practice_id_fkey",
        "ALTER TABLE instrument DROP CONSTRAINT instrument_practice_id_fkey",
        "ALTER TABLE webhook_endpoint DROP CONSTRAINT webhook_endpoint_practice_id_fkey",
        f"INSERT INTO practice (id, name, volume) VALUES ('{uuid4()}', 'Another', 1)",
        f"DELETE FROM practice WHERE id = '{template.practice}'",
    )
    assert any(str(template.practice) in fault for fault in faults)


async def test_many_faults_are_cut_short_and_still_faults(damaged: Damage, template: Template):
    faults = await damaged(
        f"""INSERT INTO therapist (practice_id, id, phase, version, created_at, updated_at)
        SELECT '{template.practice}', gen_random_uuid(), 'active', 1, now(), now() FROM generate_series(1, 150)"""
    )
    assert len(faults) == MOST + 1


async def test_a_fault_never_says_what_a_text_said(damaged: Damage):
    faults = await damaged("UPDATE rupture SET summary = 'Secret.', type = 'withdrawal', left_reason = 'other'")
    assert len(faults) == 2
    assert "Secret" not in str(faults)


QUIET = "WHERE phase = 'staying_present'"
LAST = "(SELECT max(seq) FROM event)"


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (f"DELETE FROM event WHERE seq = {LAST} - 1", "counted to"),
        ("UPDATE milestone SET first_seq = first_seq - 1", "counted to"),
        ("UPDATE milestone SET first_seq = first_seq + 1", "has events of another"),
        ("DELETE FROM milestone", "another volume than its newest"),
        ("UPDATE practice SET volume = volume - 1", "another volume than its newest"),
        (f"UPDATE repair SET steps = '[]' {QUIET}", "steps differs"),
        (f"UPDATE repair SET steps = jsonb_set(steps, '{{1,step}}', '\"recognize\"') {QUIET}", "steps differs"),
        ("UPDATE event SET version = 7 WHERE type = 'repair.stayed_present'", "versions are not"),
        ("UPDATE rupture SET strains = '[]' WHERE strains <> '[]' AND phase = 'confirmed'", "strains differs"),
        ("DELETE FROM repair WHERE phase = 'staying_present'", "no row"),
    ],
)
async def test_what_is_left_of_a_log_is_proven_like_a_whole_one(damaged_later: Damage, damage: str, told: str):
    assert await damaged_later() == []
    faults = await damaged_later(damage)
    assert any(told in fault for fault in faults), faults


async def test_a_delivery_of_an_event_that_is_no_longer_kept_is_found(damaged_later: Damage):
    (fault,) = await damaged_later(
        """INSERT INTO delivery (practice_id, endpoint_id, seq, subject_id, volume)
        SELECT practice_id, id, 1, id, 1 FROM webhook_endpoint"""
    )
    assert "delivery of event 1 " in fault
