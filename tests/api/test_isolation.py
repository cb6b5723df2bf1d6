"""What is not yours looks like what is not there: between practices, between relationships, between people."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, get_args, get_origin
from uuid import UUID, uuid4

import httpx
import pytest

from api.app import wire
from api.front import Front, Route
from domain.access import CALLERS, Role
from domain.catalog import MACHINES, scopes_of
from domain.machine import Machine
from domain.review import FOR_CLINICIANS
from domain.rupture import Marker, Strain
from domain.values import (
    Between,
    OnceShared,
    Private,
    Ref,
    Words,
    marked,
    markers,
    record_in,
    records,
    texts,
    type_hints,
)
from infra.settings import Settings
from infra.tables import METADATA
from tests.conftest import Case, House, Running, made, ok, refused

ADDRESS = "http://127.0.0.1:9/hooks"
EVERY_SCOPE = " ".join(sorted({s for role in CALLERS for s in scopes_of(role)}))
HOUSE = {"therapist", "policy", "instrument", "webhook_endpoint"}
"""Kinds that hold nothing clinical."""


def kebab(name: str) -> str:
    return name.replace("_", "-")


# -- a practice with a word in every field -----------------------------------------------------------------------------


@dataclass
class World:
    """One of everything, each text with a word that is found nowhere else. The word says who may be shown it."""

    case: Case
    ids: dict[str, str]
    mark: str = field(default_factory=lambda: f"zq{uuid4().hex[:10]}")

    @property
    def hush(self) -> str:
        """In every text that is not shared with the client."""
        return f"{self.mark} hush"

    @property
    def open(self) -> str:
        """In every other clinical text."""
        return f"{self.mark} open"

    @property
    def house(self) -> str:
        """In the names of therapists, policies and endpoints."""
        return f"{self.mark} house"

    def said(self, name: str, machine: Machine | None, hush: bool) -> str:
        kind = self.house if machine and machine.subject in HOUSE else self.hush if hush else self.open
        return f"{ADDRESS}/{self.mark}" if name == "url" else f"{kind} {name}"


def silent(machine: Machine | None) -> bool:
    """Whether the texts of these things are for clinicians unless they say otherwise."""
    found = machine and next((f for f in fields(machine.cls) if f.name == "shared_with_client"), None)
    return bool(found) and found.default is not True


def body_of(
    takes: type, world: World, machine: Machine | None = None, *, words: bool = False, hush: bool = False
) -> dict[str, Any]:
    """The least that a body needs; with `words` every text as well, none of them shared."""
    hints, body = type_hints(takes), {}
    hush = hush or silent(machine) or any(f.name == "shared_with_client" for f in fields(takes))
    for f in fields(takes):
        if words and f.name == "shared_with_client":
            body[f.name] = False
        elif (f.default is MISSING and f.default_factory is MISSING) or (words and wordy(hints[f.name])):
            private = machine is not None and f.name in marked(machine.cls, Private) | marked(takes, Private)
            body[f.name] = value_of(hints[f.name], f.name, world, machine, words, hush or private)
    return body


def wordy(hint: Any) -> bool:
    """Whether a field holds text, however deep. A code is none."""
    inner = record_in(hint)
    return any(type(m) is Words for m in markers(hint)) or bool(
        inner and (texts(inner) or any(wordy(h) for h in type_hints(inner).values()))
    )


def value_of(hint: Any, name: str, world: World, machine: Machine | None, words: bool, hush: bool) -> Any:
    found = markers(hint)
    base = next((a for a in get_args(hint) if a is not type(None)), hint) if get_origin(hint) is not tuple else hint
    if get_origin(hint) is tuple:
        return [value_of(get_args(hint)[0], name, world, machine, words, hush)]
    if ref := next((m for m in found if isinstance(m, Ref)), None):
        many = "tuple" in str(hint)
        return [world.ids[ref.subject]] if many else world.ids[ref.subject]
    if hint is UUID:
        return str(uuid4())
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return next(iter(hint)).value
    if inner := (hint if isinstance(hint, type) and record_in(hint) else None):
        return body_of(inner, world, machine, words=words, hush=hush)
    if base is not hint:
        if hasattr(hint, "__metadata__") and base is str:
            limit = next(m for m in found if isinstance(m, Words))
            return world.said(name, machine, hush) if type(limit) is Words else f"{world.mark[:8]}-{uuid4().hex[:8]}"
        low = next((m.low for m in found if isinstance(m, Between)), None)
        if base in (int, float):
            return 1.0 if base is float else low
        if base in (date, datetime):
            return "2026-09-01" if base is date else "2026-09-01T10:00:00Z"
        return value_of(base, name, world, machine, words, hush)
    return {str: "x", bool: True, int: 1, float: 1.0}[hint]


LABELS = {
    "type": "confrontation", "echoes_past": "no", "strains": ["bond"],
    "markers": [{"code": "deferential_appeasing", "party": "client", "salience": 4}],
}  # fmt: skip
"""What a clinician calls a rupture."""
PEOPLE = ("therapist", "client", "supervisor")
IDENTIFIERS = ("client", "therapist", "relationship", "session")


async def seeded(house: House, ids: Mapping[str, str] | None = None) -> World:
    """A practice with one of everything and a word in every text, all through HTTP. The ids are the caller's to choose."""
    ids = dict(ids or {m.subject: str(uuid4()) for m in MACHINES})
    case = Case(
        house, ids["relationship"], ids["client"], ids["therapist"], await house.as_("integration"),
        await house.as_("therapist", ids["therapist"]), await house.as_("client", ids["client"]),
        await house.as_("supervisor"),
    )  # fmt: skip
    world = World(case, ids)

    async def put(caller: httpx.AsyncClient, subject: str, id: str = "", **said: Any) -> str:
        machine = next(m for m in MACHINES if m.subject == subject)
        id = id or ids[subject]
        body = body_of(machine.begin.takes, world, machine, words=True) | said
        if subject in IDENTIFIERS:
            body["external_identifiers"] = [{"system": "urn:emr", "value": f"{world.mark}-{subject}"}]
        made(await caller.put(f"/v1/{machine.collection}/{id}", json=body, headers={"If-None-Match": "*"}))
        return id

    async def tell(subject: str, move: str, id: str = "", **said: Any) -> None:
        machine = next(m for m in MACHINES if m.subject == subject)
        body = body_of(machine.by_name[move].takes, world, machine, words=True) | said
        ok(await case.therapist.post(f"/v1/{machine.collection}/{id or ids[subject]}/{kebab(move)}", json=body))

    async def revise(subject: str, **more: Any) -> None:
        """Every text is said anew, so that the first wording becomes an earlier one."""
        machine = next(m for m in MACHINES if m.subject == subject)
        assert machine.revise
        found = body_of(machine.revise.takes, world, machine, words=True) | more
        body = {n: f"{v} anew" if isinstance(v, str) and world.mark in v else v for n, v in found.items()}
        path = f"/v1/{machine.collection}/{ids[subject]}"
        caller = case.script if subject in HOUSE else case.therapist
        ok(await caller.patch(path, json=body, headers={"If-Match": "*"}))

    await put(case.script, "therapist")
    await put(case.script, "policy", kind="no_contact")
    await put(case.script, "webhook_endpoint", event_types=["session.*"])
    await put(case.therapist, "client")
    await put(case.therapist, "relationship")
    await put(case.therapist, "session", status="held")
    await put(case.script, "instrument", code=f"own-{world.mark}", kind="outcome", items=[1], low=0, high=3,
              subscales=[], norms=[], item_texts=[{"item": 1, "text": f"{world.house} item"}])  # fmt: skip
    await put(case.therapist, "attachment_profile", instrument="ecr-r", anxiety_score=3.0, avoidance_score=2.0)
    await put(case.therapist, "outcome_score", instrument="phq-9", total=7)
    await put(case.therapist, "outcome_score", str(uuid4()), instrument=f"own-{world.mark}", total=2)
    await put(case.therapist, "goal_attainment")
    await tell("goal_attainment", "rate", levels=[{"goal": 1, "level": 1}])
    # What a client says when asked is what a signal needs least for.
    await put(case.client, "alliance_rating", direct_report={"problem": True}, shared_with_therapist=True)
    (signal,) = ok(await case.therapist.get("/v1/signals"))["items"]
    ids["signal"] = signal["id"]
    await put(case.therapist, "rupture", session_id=ids["session"], therapist_intensity=5, **LABELS)
    await put(case.therapist, "repair")
    await put(case.therapist, "termination_plan")
    for subject in ("therapist", "policy", "instrument", "client", "relationship", "rupture"):
        await revise(subject)
    await tell("relationship", "screen_risk", risk="moderate")
    await tell("relationship", "begin_baseline")
    await tell("repair", "recognize", skills=["describe"], strategies=["validate_defensive_posture"])
    await tell("repair", "skip", step="stay_present")
    await tell("repair", "offer_repair")
    await revise("repair")
    facts = [{"fact": fact, "holds": "no", "source": f"{world.hush} source"} for fact in FOR_CLINICIANS]
    await tell("termination_plan", "review_readiness", therapist_ready="no", facts=facts)
    await tell("termination_plan", "reflect", words=f"{world.hush} words", shared=False)
    await tell("termination_plan", "plan_ahead")
    await tell("termination_plan", "plan_ending", kind="therapist_initiated", target_date="2027-01-01")
    suspected = await put(case.therapist, "rupture", str(uuid4()), certainty="suspected")
    await tell("rupture", "dismiss", suspected)
    left = await put(case.therapist, "rupture", str(uuid4()))
    await tell("rupture", "leave_unrepaired", left)
    withdrawn = await put(case.therapist, "rupture", str(uuid4()))
    await tell("rupture", "withdraw", withdrawn)
    # Another therapy of the same two, all the way to its end.
    past = {m.subject: str(uuid4()) for m in MACHINES}
    relationship = body_of(MACHINES[2].begin.takes, world, MACHINES[2], words=True)
    path, create = f"/v1/relationships/{past['relationship']}", {"If-None-Match": "*"}
    made(await case.therapist.put(path, json=relationship, headers=create))
    about = {"relationship_id": past["relationship"]}
    await put(case.therapist, "termination_plan", past["termination_plan"], **about)
    plan = past["termination_plan"]
    await tell("termination_plan", "plan_ending", plan, kind="therapist_initiated", target_date="2027-01-01")
    await tell("termination_plan", "begin_closing", plan)
    await tell("termination_plan", "complete_task", plan, task="farewell_ritual")
    await tell("termination_plan", "end", plan)
    await tell("termination_plan", "open_aftercare", plan)
    # Nobody listens there; what is pending waits, and other tests' numbers stay their own.
    ok(await case.script.post(f"/v1/webhook-endpoints/{ids['webhook_endpoint']}/disable"))
    return world


@pytest.fixture
async def world(house: House) -> World:
    return await seeded(house)


@pytest.fixture
async def neighbours(running: Running) -> House:
    house = House(running)
    await running.service.store.found_practice(house.id, "Another practice")
    return house


FARING = {"attempt", "next_at", "lease", "first_at", "first_failure_at", "last_success_at", "paused_until"}


async def rows(house: House) -> dict[str, Any]:
    """Everything the database holds of a practice but for how its deliveries fare, as one digest a table."""
    found = {}
    for table in METADATA.sorted_tables:
        if table.name in ("attempt", "dead", "volume"):
            continue
        key = "id" if table.name == "practice" else "practice_id"
        kept = ", ".join(f'"{c.name}"' for c in table.c if c.name not in FARING)
        sql = f"""SELECT count(*), md5(string_agg(t::text, ' ' ORDER BY t::text))
                  FROM (SELECT {kept} FROM "{table.name}" WHERE {key} = $1) t"""
        found[table.name] = tuple(await house.running.service.pool.fetchrow(sql, house.id))
    return found


@dataclass
class Pair:
    """Two practices that chose the same ids, and other things of the second."""

    mine: World
    twin: World
    theirs: World


async def founded(running: Running) -> House:
    house = House(running)
    await running.service.store.found_practice(house.id, "A practice")
    return house


@pytest.fixture(scope="module")
async def pair(running: Running) -> Pair:
    """Nothing that is done to it succeeds, so that it can be shared."""
    mine, neighbours = await seeded(await founded(running)), await founded(running)
    return Pair(mine, await seeded(neighbours, mine.ids), await seeded(neighbours))


@pytest.fixture(scope="module")
async def two(running: Running) -> tuple[World, World]:
    """Two therapies of one practice, each with a therapist and client of its own."""
    house = await founded(running)
    return await seeded(house), await seeded(house)


async def as_role(world: World, role: str) -> httpx.AsyncClient:
    subject = {"therapist": world.ids["therapist"], "client": world.ids["client"]}.get(role)
    return await world.case.house.as_(role, subject)


# -- every route there is ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Try:
    """One request."""

    method: str
    path: str
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def instead(self, names: Mapping[str, str]) -> "Try":
        """The same request about other ids."""
        return Try(
            self.method, swapped(self.path, names), json.loads(swapped(json.dumps(self.body), names)), self.headers
        )

    async def by(self, caller: httpx.AsyncClient) -> httpx.Response:
        if self.body is None:
            return await caller.request(self.method, self.path, headers=self.headers)
        return await caller.request(self.method, self.path, headers=self.headers, json=self.body)


def swapped(text: str, names: Mapping[str, str]) -> str:
    for old, new in names.items():
        text = text.replace(old, new)
    return text


SUBJECTS = {machine.collection: machine.subject for machine in MACHINES}


def subject_of(route: Route) -> str:
    """What the id in its address is an id of."""
    return next((SUBJECTS[part] for part in route.path.split("/") if part in SUBJECTS), "relationship")


def references(takes: type) -> Iterator[tuple[tuple[str, ...], Ref, bool]]:
    """Every field of a body that names something: where, what, and whether it is a list."""
    for name, hint in type_hints(takes).items():
        if ref := next((m for m in markers(hint) if isinstance(m, Ref)), None):
            yield (name,), ref, "tuple" in str(hint)
    for name, inner in records(takes).items():
        if "tuple" not in str(type_hints(takes)[name]):
            yield from (((name, *path), ref, many) for path, ref, many in references(inner))


def placed(body: dict[str, Any], path: tuple[str, ...], value: Any) -> dict[str, Any]:
    """The body with a value put somewhere in it."""
    head, *rest = path
    return body | {head: placed(body.get(head) or {}, tuple(rest), value) if rest else value}


def tries(routes: tuple[Route, ...], mine: World, theirs: World) -> Iterator[Try]:
    """Every route about their things: in the path, in the query, and in each field of a body that names something."""
    for route in routes:
        if route.open:
            continue
        about = route.about
        headers = {"If-Match": "*"} if route.method in ("PATCH", "DELETE") else {}
        headers = {"If-None-Match": "*"} if route.method == "PUT" else headers
        takes = about.takes if route.method in ("POST", "PUT") else None
        there = route.path.replace("{id}", theirs.ids[subject_of(route)]).replace("{seq}", "1")
        here = route.path.replace("{id}", str(uuid4()) if route.method == "PUT" else mine.ids[subject_of(route)])
        body = body_of(takes, mine) if takes else {} if route.method in ("POST", "PATCH") else None
        if "{id}" in route.path and route.method != "PUT":
            yield Try(route.method, there, body, headers)
            if takes:
                yield Try(route.method, there, body_of(takes, theirs), headers)
        for path, ref, many in references(takes) if takes else ():
            id = theirs.ids[ref.subject]
            yield Try(route.method, here, placed(body or {}, path, [id] if many else id), headers)
        if route.method == "GET":
            for name in about.query:
                if name.endswith("_id"):
                    yield Try("GET", f"{route.path}?{name}={theirs.ids[name.removesuffix('_id')]}")
            if "external_value" in about.query:
                yield Try(
                    "GET", f"{route.path}?external_system=urn:emr&external_value={theirs.mark}-{subject_of(route)}"
                )


def shape(response: httpx.Response, names: Mapping[str, str]) -> Any:
    """Status, headers and body of an answer, but for what is the request's own."""
    text = swapped(response.text, names)
    body = json.loads(text) if text else None
    if isinstance(body, dict):
        body.pop("instance", None)
    headers = {n: swapped(v, names) for n, v in response.headers.items() if n not in ("x-request-id", "content-length")}
    return response.status_code, headers, body


@pytest.mark.parametrize("role", sorted(CALLERS))
async def test_another_practices_ids_answer_as_ids_that_name_nothing(pair: Pair, role: str):
    mine, twin, theirs = pair.mine, pair.twin, pair.theirs
    house, neighbours = mine.case.house, twin.case.house
    before, caller = await rows(neighbours), await as_role(mine, role)
    nobody = {id: str(uuid4()) for id in theirs.ids.values()} | {theirs.mark: f"zq{uuid4().hex[:10]}"}
    back = {new: old for old, new in nobody.items()}
    different = []
    for one in tries(house.running.service.routes, mine, theirs):
        there, nowhere = await one.by(caller), await one.instead(nobody).by(caller)
        assert there.status_code in ((200, 403, 404, 422) if one.method == "GET" else (403, 404, 422)), (
            one,
            there.text,
        )
        if one.method == "GET" and there.status_code == 200:
            assert there.json()["items"] == []
        assert twin.mark not in there.text and theirs.mark not in there.text
        if shape(there, {}) != shape(nowhere, back):
            different.append((one, there.text, nowhere.text))
    assert not different
    assert await rows(neighbours) == before


async def test_where_two_practices_chose_the_same_ids_each_sees_its_own(pair: Pair):
    mine, twin = pair.mine, pair.twin
    before, answered = await rows(twin.case.house), ""
    for role in sorted(CALLERS):
        caller = await as_role(mine, role)
        for route in mine.case.house.running.service.routes:
            if route.open or "redeliver" in route.path:
                continue
            path = route.path.replace("{id}", mine.ids[subject_of(route)]).replace("{seq}", "1")
            headers = {"PUT": {"If-None-Match": "*"}, "POST": {}}.get(route.method, {"If-Match": "*"})
            takes = route.about.takes if route.method in ("POST", "PUT") else None
            body = body_of(takes, mine) if takes else {} if route.method in ("POST", "PATCH") else None
            response = await Try(route.method, path, body, headers).by(caller)
            assert response.status_code < 500, (route.path, response.text)
            answered += response.text
    assert twin.mark not in answered
    assert mine.mark in answered
    assert await rows(twin.case.house) == before


async def test_a_feed_holds_ones_own_practice_and_every_number_of_it(house: House, neighbours: House):
    mine = await seeded(house)
    await seeded(neighbours, mine.ids)
    for practice in (house, neighbours):
        script = await practice.as_("integration", None, EVERY_SCOPE)
        found = ok(await script.get("/v1/events?limit=500"))
        row = await practice.running.service.store.practice(practice.id)
        assert [e["seq"] for e in found["items"]] == list(range(1, (row or {})["seq"] + 1))
        assert found["next_after"] == (row or {})["seq"] == ok(await script.get("/v1/practices/me"))["seq"]
        delivered = ok(await script.get(f"/v1/webhook-endpoints/{mine.ids['webhook_endpoint']}/deliveries?limit=200"))
        assert {d["webhook_id"].split("_")[1] for d in delivered["items"]} == {practice.id.hex}


async def test_the_practice_is_the_tokens_and_nothing_in_a_request_changes_that(world: World, neighbours: House):
    theirs = await seeded(neighbours)
    script, other = world.case.script, str(neighbours.id)
    for headers in ({"X-Practice": other}, {"X-Practice-Id": other}, {"X-Tenant": other}, {"Practice": other}):
        assert ok(await script.get("/v1/practices/me", headers=headers))["id"] == str(world.case.house.id)
        refused(await script.get(f"/v1/clients/{theirs.ids['client']}", headers=headers), 404, "not-found")
    refused(await script.get(f"/v1/clients?practice_id={other}"), 422, "invalid")
    problem = refused(await script.post("/v1/clients", json={"practice_id": other}), 422, "invalid")
    assert problem["errors"][0]["pointer"] == "#/practice_id"


# -- within a practice -------------------------------------------------------------------------------------------------

SHARED_KINDS = {"therapist": {"therapist", "policy", "instrument"}, "client": {"policy", "instrument"}}
"""What everybody of a role may read in the whole practice."""


@pytest.mark.parametrize("role", ["therapist", "client"])
async def test_another_relationships_things_answer_as_things_that_are_not_there(two: tuple[World, World], role: str):
    (mine, theirs), house = two, two[0].case.house
    caller, before = await as_role(mine, role), await rows(house)
    hidden = {s: id for s, id in theirs.ids.items() if s not in SHARED_KINDS[role]}
    nobody = {id: str(uuid4()) for id in hidden.values()} | {theirs.mark: f"zq{uuid4().hex[:10]}"}
    back = {new: old for old, new in nobody.items()}
    different = []
    for one in tries(house.running.service.routes, mine, theirs):
        if not any(id in f"{one.path} {one.body}" for id in hidden.values()):
            continue
        there, nowhere = await one.by(caller), await one.instead(nobody).by(caller)
        assert theirs.mark not in there.text, one
        if shape(there, {}) != shape(nowhere, back):
            different.append((one, there.text, nowhere.text))
    assert not different
    before.pop("idempotency")
    after = await rows(house)
    assert {name: after[name] for name in before} == before


@pytest.mark.parametrize("role", ["therapist", "client"])
async def test_lists_feed_and_timeline_hold_only_what_is_in_sight(two: tuple[World, World], role: str):
    mine, theirs = two
    caller = await as_role(mine, role)
    for machine in MACHINES:
        for query in ("?limit=200", "?changed_after=0&limit=200"):
            response = await caller.get(f"/v1/{machine.collection}{query}")
            if response.status_code == 403:
                continue
            items = ok(response)["items"]
            assert mine.ids[machine.subject] in {i["id"] for i in items}
            if machine.subject not in SHARED_KINDS[role]:
                assert theirs.ids[machine.subject] not in response.text and theirs.mark not in response.text
    feed = await caller.get("/v1/events?limit=500")
    seen = {e["id"] for e in ok(feed)["items"]}
    hidden = {id for s, id in theirs.ids.items() if s not in SHARED_KINDS[role]}
    assert not seen & hidden
    assert seen >= {mine.ids[s] for s in ("relationship", "session", "rupture", "repair", "termination_plan")}
    timeline = await caller.get(f"/v1/relationships/{mine.ids['relationship']}/timeline")
    assert {e["relationship_id"] for e in ok(timeline)["items"]} == {mine.ids["relationship"]}


async def test_a_client_sees_their_own_therapist_and_no_other(two: tuple[World, World]):
    mine, theirs = two
    listed = ok(await mine.case.client.get("/v1/therapists"))["items"]
    assert [t["id"] for t in listed] == [mine.ids["therapist"]]
    refused(await mine.case.client.get(f"/v1/therapists/{theirs.ids['therapist']}"), 404)
    refused(await mine.case.client.get(f"/v1/therapists/{theirs.ids['therapist']}/history"), 404)


async def test_a_therapist_who_left_a_relationship_no_longer_sees_it(house: House):
    world, other = await seeded(house), await seeded(house)
    path = f"/v1/relationships/{world.ids['relationship']}"
    ok(await world.case.supervisor.patch(
        path, json={"therapist_ids": [other.ids["therapist"]]}, headers={"If-Match": "*"}
    ))  # fmt: skip
    for machine in MACHINES:
        if machine.subject in ("relationship", "session", "rupture", "repair", "termination_plan"):
            refused(await world.case.therapist.get(f"/v1/{machine.collection}/{world.ids[machine.subject]}"), 404)
            ok(await other.case.therapist.get(f"/v1/{machine.collection}/{world.ids[machine.subject]}"))
    heard = ok(await world.case.therapist.get("/v1/events?limit=500"))["items"]
    assert world.ids["relationship"] not in {e["relationship_id"] for e in heard}


# -- what a client is shown --------------------------------------------------------------------------------------------


def keys_in(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from keys_in(inner)
    if isinstance(value, list):
        for inner in value:
            yield from keys_in(inner)


def classes_in(cls: type) -> Iterator[type]:
    yield cls
    for record in records(cls).values():
        yield from classes_in(record)


PRIVATE_FIELDS = {name for machine in MACHINES for cls in classes_in(machine.cls) for name in marked(cls, Private)}


@dataclass
class Shown:
    """Everything a client was answered: every read of every route, and every move they may make, each made twice."""

    world: World
    answers: list[httpx.Response]


@pytest.fixture(scope="module")
async def shown(running: Running) -> Shown:
    world = await seeded(await founded(running))
    return Shown(world, await client_visible(world))


async def client_visible(world: World) -> list[httpx.Response]:
    caller, found = world.case.client, []
    for machine in MACHINES:
        listed = await caller.get(f"/v1/{machine.collection}?limit=200")
        found += [listed, await caller.get(f"/v1/{machine.collection}?changed_after=0&limit=200")]
        for item in listed.json().get("items", ()):
            one = f"/v1/{machine.collection}/{item['id']}"
            found += [await caller.get(one), await caller.get(f"{one}/history?limit=500")]
            if machine.subject == "relationship":
                found += [
                    await caller.get(f"{one}/{view}") for view in ("timeline?limit=500", "outcomes", "trajectory")
                ]
            if machine.subject == "termination_plan":
                found += [await caller.get(f"{one}/{paper}") for paper in ("letter", "feelings", "readiness", "report")]
    found += [await caller.get("/v1/events?limit=500"), await caller.get("/v1/practices/me")]
    for method, path, body in moves_of_a_client(world):
        key = {"Idempotency-Key": uuid4().hex}
        headers = {"If-Match": "*"} if method in ("PATCH", "DELETE") else key
        found += [await caller.request(method, path, json=body, headers=headers) for _ in range(2)]
    return found


def moves_of_a_client(world: World) -> Iterator[tuple[str, str, Any]]:
    for machine in MACHINES:
        one = f"/v1/{machine.collection}/{world.ids[machine.subject]}"
        for move in machine.posts:
            yield "POST", f"{one}/{kebab(move.name)}", body_of(move.takes, world)
        if machine.revise:
            yield "PATCH", one, {}
        if machine.remove:
            yield "DELETE", one, {}


async def test_a_client_is_never_shown_a_text_that_is_not_shared_with_them(shown: Shown):
    leaks = {t for a in shown.answers for t in found_in(a.text, shown.world.hush)}
    assert not leaks
    assert any(shown.world.open in a.text for a in shown.answers)  # what is theirs to read was there


def found_in(text: str, mark: str) -> set[str]:
    return {part.partition('"')[0][:60] for part in text.split(mark)[1:]}


async def test_a_client_is_never_shown_a_field_that_is_for_clinicians(shown: Shown):
    told = {n for a in shown.answers if a.status_code < 400 for n in keys_in(a.json())}
    leaks = told & PRIVATE_FIELDS
    assert not leaks
    assert told > {"summary", "path_forward", "goals", "reviews"}
    types = {e["type"] for e in ok(await shown.world.case.client.get("/v1/events?limit=500"))["items"]}
    assert "relationship.risk_screened" not in types and "relationship.begun" in types


def facts_of(cls: type, told: Any, *, silent: bool = False) -> Iterator[tuple[type, str, Any, bool]]:
    """Every field of a record that says something, however deep it stands, and whether it is for clinicians."""
    for one in told if isinstance(told, list) else [told] if told else []:
        hush = silent or not one.get("shared_with_client", True)
        for name, value in one.items():
            if name not in type_hints(cls) or value in (None, [], False):
                continue
            yield cls, name, value, name in marked(cls, Private) or (hush and name in marked(cls, OnceShared))
            if name in records(cls):
                yield from facts_of(records(cls)[name], value, silent=hush)


def told_in(machine: Machine, response: httpx.Response) -> Iterator[Any]:
    """What an answer holds of a kind of things, in whole or in part: of a history what each version changed."""
    body = response.json()
    for item in body.get("items", [body]):
        yield {**item["changed"], **item["added"]} if "changed" in item else item


COLLECTIONS = [m for m in MACHINES if m.subject in (
    "rupture", "repair", "termination_plan", "relationship", "goal_attainment", "session", "signal")]  # fmt: skip


@pytest.mark.parametrize("machine", COLLECTIONS, ids=lambda m: m.subject)
async def test_no_list_history_or_answer_to_a_move_holds_a_field_that_is_not_the_clients(
    shown: Shown, machine: Machine
):
    base = f"/v1/{machine.collection}"
    papers = ("timeline", "outcomes", "trajectory", "letter", "feelings", "readiness", "report")
    answers = [
        a for a in shown.answers if a.status_code < 400 and f"{a.request.url.path}/".startswith(f"{base}/")
        and not a.request.url.path.endswith(papers)
    ]  # fmt: skip
    assert bool(answers) is (Role.CLIENT in machine.read_by)
    for answer in answers:
        # Nothing of this practice's ruptures is shared, nor was.
        for told in told_in(machine, answer):
            found = facts_of(machine.cls, told, silent=machine.subject == "rupture")
            assert [(cls.__name__, name) for cls, name, _, hidden in found if hidden] == [], answer.request.url
    told = [
        one for where in await everything_by(shown.world.case.therapist, machine) for one in told_in(machine, where)
    ]
    there = {name for one in told for _, name, _, hidden in facts_of(machine.cls, one) if hidden}
    wanted = bool(answers) and any(marked(cls, Private) for cls in classes_in(machine.cls))
    assert there or not wanted, "or nothing was put to the test"


async def everything_by(caller: httpx.AsyncClient, machine: Machine) -> list[httpx.Response]:
    listed = await caller.get(f"/v1/{machine.collection}?limit=200")
    ids = [item["id"] for item in ok(listed)["items"]]
    return [listed, *[await caller.get(f"/v1/{machine.collection}/{id}/history?limit=500") for id in ids]]


async def test_no_answer_to_a_client_says_in_other_places_what_is_for_clinicians(shown: Shown):
    """Every word of a vocabulary that stands in private fields alone: in feeds, timelines, trajectories and papers."""
    hidden, open_ = set(), set()
    for machine in COLLECTIONS:
        for where in await everything_by(shown.world.case.therapist, machine):
            for one in told_in(machine, where):
                for cls, _, value, private in facts_of(machine.cls, one):
                    words = {w for w in (value if isinstance(value, list) else [value]) if isinstance(w, str)}
                    (hidden if private or cls is Marker else open_).update(words)
    # A strain is named like a part of the forms, and `unspecified` is what is said where nothing is.
    secret = hidden - open_ - {"unspecified", *Strain}
    assert secret >= {"confrontation", "deferential_appeasing", "describe", "validate_defensive_posture"}
    for answer in shown.answers:
        if answer.status_code < 400:
            assert [word for word in secret if f'"{word}"' in answer.text] == [], answer.request.url


async def test_a_client_is_not_shown_what_others_rated(shown: Shown):
    ratings = {"therapist_intensity", "therapist_resolution", "therapist_ready", "salience"}
    assert not {n for a in shown.answers if a.status_code < 400 for n in keys_in(a.json()) if n in ratings}


async def test_a_client_is_shown_no_fact_that_repeats_what_is_for_clinicians(shown: Shown):
    told = [a.text for a in shown.answers if a.status_code < 400]
    assert not [fact for fact in FOR_CLINICIANS if any(f'"{fact}"' in text for text in told)]
    plan = f"/v1/termination-plans/{shown.world.ids['termination_plan']}"
    for where in (plan, f"{plan}/history"):
        read = (await shown.world.case.therapist.get(where)).text
        assert all(f'"{fact}"' in read for fact in FOR_CLINICIANS)


async def test_a_client_reads_what_they_said_of_their_own_risk_and_nobody_elses_word_on_it(case: Case):
    plan = f"/v1/termination-plans/{(await case.plan())['id']}"
    for who, holds in ((case.therapist, "no"), (case.client, "unsure")):
        facts = [{"fact": "no_open_risk", "holds": holds, "source": "Asked"}]
        ok(await who.post(f"{plan}/review-readiness", json={"facts": facts}))
    reviews = ok(await case.client.get(plan))["reviews"]
    assert [[fact["holds"] for fact in review["facts"]] for review in reviews] == [[], ["unsure"]]
    history = ok(await case.client.get(f"{plan}/history"))["items"]
    added = [item["added"]["reviews"]["facts"] for item in history if item["added"]]
    assert [[fact["holds"] for fact in facts] for facts in added] == [[], ["unsure"]]


async def test_what_was_said_before_it_was_shared_stays_between_clinicians(case: Case):
    rupture = await case.rupture(summary="first, for colleagues")
    path = f"/v1/ruptures/{rupture['id']}"
    shared = {"summary": "then, for both", "shared_with_client": True}
    ok(await case.therapist.patch(path, json=shared, headers={"If-Match": "*"}))
    history = await case.client.get(f"{path}/history")
    assert "then, for both" in history.text
    assert "for colleagues" not in history.text
    assert "for colleagues" in (await case.therapist.get(f"{path}/history")).text


async def test_what_was_shared_is_taken_back_when_it_no_longer_is(case: Case):
    rupture = await case.rupture(summary="for both", shared_with_client=True)
    path = f"/v1/ruptures/{rupture['id']}"
    ok(await case.therapist.patch(path, json={"shared_with_client": False}, headers={"If-Match": "*"}))
    for where in (path, f"{path}/history", "/v1/ruptures"):
        assert "for both" not in (await case.client.get(where)).text


@pytest.mark.parametrize(("move", "reason"), [("leave-unrepaired", {"reason": "other"})])
async def test_a_therapists_note_on_a_clients_report_is_not_shared_by_the_clients_words(
    case: Case, move: str, reason: dict[str, str]
):
    rupture = await case.rupture("client", summary="my own words")
    path = f"/v1/ruptures/{rupture['id']}"
    ok(await case.therapist.post(f"{path}/{move}", json={**reason, "note": "for colleagues"}))
    for where in (path, f"{path}/history", "/v1/ruptures"):
        text = (await case.client.get(where)).text
        assert "for colleagues" not in text
    assert "my own words" in (await case.client.get(path)).text


async def test_sharing_one_offer_does_not_share_the_next(case: Case):
    repair = await case.repair()
    path = f"/v1/repairs/{repair['id']}"
    ok(await case.therapist.post(f"{path}/offer-repair", json={"path_forward": "for both", "shared_with_client": True}))
    assert "for both" in (await case.client.get(path)).text
    ok(await case.therapist.post(f"{path}/offer-repair", json={"path_forward": "for colleagues"}))
    for where in (path, f"{path}/history"):
        assert "for colleagues" not in (await case.client.get(where)).text


# -- what an administrator is shown, and what is shown to nobody -------------------------------------------------------


async def test_an_administrator_is_shown_nothing_clinical(world: World):
    admin = await world.case.house.as_("admin", None, EVERY_SCOPE)
    answers = []
    for route in world.case.house.running.service.routes:
        if route.open or route.method in ("PUT",):
            continue
        path = route.path.replace("{id}", world.ids[subject_of(route)]).replace("{seq}", "1")
        headers = {"If-Match": "*"} if route.method in ("PATCH", "DELETE") else {"Idempotency-Key": uuid4().hex}
        about = route.about
        takes = about.takes if route.method == "POST" else None
        body = body_of(takes, world, about.machine) if takes else {} if route.method in ("POST", "PATCH") else None
        one = Try(route.method, path, body, headers)
        answers += [await one.by(admin)]
        if route.method == "POST":
            answers += [await one.by(admin)]  # once more, replayed
    assert any(a.status_code == 200 for a in answers) and any(world.house in a.text for a in answers)
    for answer in answers:
        assert world.hush not in answer.text and world.open not in answer.text, answer.text
    heard = {e["resource"] for e in ok(await admin.get("/v1/events?limit=500"))["items"]}
    assert heard <= HOUSE


async def test_no_word_of_anybody_is_in_the_log_the_webhooks_or_the_numbers(world: World, running: Running):
    pool, practice = running.service.pool, world.case.house.id
    for sql in ("SELECT data::text FROM event WHERE practice_id = $1", "SELECT body FROM event WHERE practice_id = $1"):
        told = " ".join(row[0] for row in await pool.fetch(sql, practice))
        assert len(told) > 100
        for kind in (world.hush, world.open, world.house):
            assert kind not in told
    outside = await running.client()
    metrics = (await outside.get("/metrics")).text
    assert world.mark not in metrics and str(practice) not in metrics and world.ids["client"] not in metrics


async def test_a_webhook_says_what_happened_and_never_a_score(world: World, running: Running):
    bodies = await running.service.pool.fetch("SELECT body FROM event WHERE practice_id = $1", world.case.house.id)
    known = {"practice_id", "seq", "resource", "id", "version", "from", "to", "href", "actor", "origin"}
    for row in bodies:
        said = json.loads(row["body"])
        assert set(said) == {"type", "timestamp", "data"} and set(said["data"]) <= known


def wrong_values(world: World) -> Iterator[Any]:
    word = world.hush
    yield from (word, f"{word} " * 5_000, [word], {"text": word}, [[word]], [{"text": word}], {word: 1}, f"{word}\x00")


async def test_no_refusal_repeats_what_was_said(world: World):
    answers = []
    for machine in MACHINES:
        for move in machine.moves:
            path = (
                f"/v1/{machine.collection}"
                if move is machine.begin
                else f"/v1/{machine.collection}/{world.ids[machine.subject]}/{kebab(move.name)}"
            )
            if move.verb != "POST":
                continue
            for name in type_hints(move.takes):
                if name.startswith("_"):
                    continue
                for value in wrong_values(world):
                    if isinstance(value, dict) and world.hush in value:
                        continue  # a field that is not known is refused by its name
                    body = body_of(move.takes, world) | {name: value}
                    answers.append(await world.case.script.post(path, json=body))
    for query in (f"limit={world.hush}", f"phase={world.hush}", f"cursor={world.hush}", f"client_id={world.hush}"):
        answers.append(await world.case.script.get(f"/v1/ruptures?{query}"))
    answers.append(await world.case.script.get(f"/v1/ruptures/{world.hush}"))
    refusals = [a for a in answers if a.status_code >= 400]
    assert len(refusals) > 200
    for answer in refusals:
        assert world.hush not in answer.text, answer.text


async def test_not_even_when_something_breaks(
    world: World, running: Running, data_dir: Path, capfd: pytest.CaptureFixture[str]
):  # fmt: skip
    """A database that is not there, and one that answers nonsense: the log says where, and never what was said."""
    body = body_of(MACHINES[5].begin.takes, world, MACHINES[5], words=True)
    for real, status in ((None, 503), (object(), 500)):
        service = wire(Settings(data_dir=data_dir, webhook_allow_loopback=True))
        service.pool.real = running.service.pool.real
        door = Front(None, routes=service.routes, door=service.door, metrics=service.metrics, limit=10_000)
        transport = httpx.ASGITransport(app=door, raise_app_exceptions=False)
        token = world.case.house.token("integration")
        headers = {"Authorization": f"Bearer {token}", "X-Request-Id": "looked-for"}
        async with httpx.AsyncClient(transport=transport, base_url="http://x", headers=headers) as caller:
            ok(await caller.get("/v1/practices/me"))
            service.pool.real = real
            capfd.readouterr()
            answer = await caller.post("/v1/ruptures", json=body)
        assert answer.json()["instance"].endswith("looked-for")
        refused(answer, status)
        logged = "".join(capfd.readouterr())
        assert "looked-for" in logged
        assert world.mark not in logged + answer.text and token not in logged + answer.text


# -- keys of repeated requests -----------------------------------------------------------------------------------------


async def test_an_idempotency_key_is_its_callers_own(world: World, neighbours: House):
    other = await seeded(neighbours, world.ids)
    key = {"Idempotency-Key": "1"}
    body = {"relationship_id": world.ids["relationship"]}
    house = world.case.house
    script, twin = house.token("integration", "sync"), house.token("integration", "other-sync")
    callers = [
        world.case.therapist, world.case.client, world.case.supervisor, await house.running.client(script),
        await house.running.client(twin), other.case.therapist, other.case.client,
    ]  # fmt: skip
    firsts = [made(await caller.post("/v1/ruptures", json=body, headers=key))["id"] for caller in callers]
    assert len(set(firsts)) == len(callers)
    for caller, first in zip(callers, firsts, strict=True):
        again = await caller.post("/v1/ruptures", json=body, headers=key)
        assert made(again)["id"] == first
        assert again.headers["idempotent-replayed"] == "true"


async def test_two_callers_whose_names_run_together_are_still_two(house: House, running: Running, data_dir: Path):
    from tests.api.test_auth import Forge, serialization  # the one place that signs by hand

    private: Any = serialization.load_pem_private_key((data_dir / "keys" / "signing.pem").read_bytes(), None)
    forge = Forge(house, private, running.service.keys.kid, await running.client())
    made_by = []
    for sub, client_id in (("a:b", "c"), ("a", "b:c")):
        headers = {"Authorization": f"Bearer {forge.token(sub=sub, client_id=client_id)}", "Idempotency-Key": "k"}
        made_by.append(made(await forge.client.post("/v1/clients", json={}, headers=headers))["registered_by"])
    assert made_by == ["a:b", "a"]


async def test_a_key_used_for_a_refusal_is_its_callers_own_as_well(world: World):
    key, body = {"Idempotency-Key": "2"}, {"relationship_id": world.ids["relationship"], "happened_on": "2199-01-01"}
    for caller in (world.case.therapist, world.case.supervisor):
        first = refused(await caller.post("/v1/ruptures", json=body, headers=key), 422)
        again = refused(await caller.post("/v1/ruptures", json=body, headers=key), 422)
        assert again["instance"] == first["instance"]
    problem = refused(await world.case.client.post("/v1/ruptures", json=body, headers=key), 422)
    assert problem["instance"] != first["instance"]
