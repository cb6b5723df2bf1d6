"""The store under many hands at once, told over HTTP: whatever races, the log is dense and agrees with every row."""

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import Awaitable, Iterable, Iterator
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from domain.access import Role
from domain.catalog import MACHINES
from infra.shelves import SHELVES
from infra.verify import PRACTICES, compare, uncounted
from tests.conftest import Case, Found, House, everything, made, ok, refused

ENDING = {"kind": "planned_mutual", "agreed_by_client": True, "target_date": "2026-12-18"}


async def at_once(*calls: Awaitable[httpx.Response]) -> list[httpx.Response]:
    return await asyncio.gather(*calls)


async def sql(house: House, query: str, *args: Any) -> Any:
    return await house.running.service.pool.fetchval(query, *args)


async def seq_of(house: House) -> int:
    found: int = await sql(house, "SELECT seq FROM practice WHERE id = $1", house.id)
    return found


async def faults_of(house: House) -> list[str]:
    """What `verify` would say of this practice alone."""
    faults: list[str] = []
    counted = {"practices": 0, "objects": 0, "events": 0}
    async with house.running.service.pool.acquire() as connection, connection.transaction(isolation="repeatable_read"):
        practice = next(row for row in await connection.fetch(PRACTICES) if row["id"] == house.id)
        faults += uncounted(practice)
        for shelf in SHELVES.values():
            await compare(connection, practice, shelf, faults, counted)
    return faults


async def whole_log(house: House) -> list[dict[str, Any]]:
    reader, after, found = await house.as_("integration"), 0, []
    while page := ok(await reader.get("/v1/events", params={"after": after, "limit": 500}))["items"]:
        found += page
        after = page[-1]["seq"]
    return found


WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"


async def raced(house: House, calls: Iterable[Awaitable[httpx.Response]]) -> list[httpx.Response]:
    """Has every call decide on the same state before any writes: the practice's counter is held until all wait."""
    tasks: list[asyncio.Future[httpx.Response]] = []
    pool = house.running.service.pool
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("SELECT FROM practice WHERE id = $1 FOR UPDATE", house.id)
        for call in calls:
            tasks.append(asyncio.ensure_future(call))
            for _ in range(100):
                if await pool.fetchval(WAITING) >= sum(not task.done() for task in tasks):
                    break
                await asyncio.sleep(0.005)
    return await asyncio.gather(*tasks)


def outcomes(responses: list[httpx.Response]) -> Counter[int]:
    return Counter(r.status_code for r in responses)


def one_winner(responses: list[httpx.Response], status: int = 200) -> dict[str, Any]:
    """The winner's answer; everybody else was told that somebody was first, or that the condition no longer holds."""
    said = outcomes(responses)
    assert said.pop(status) == 1, said
    assert set(said) <= {409, 412}, [r.text for r in responses]
    found: dict[str, Any] = next(r.json() for r in responses if r.status_code == status)
    return found


# -- many writers ------------------------------------------------------------------------------------------------------


async def correct(who: httpx.AsyncClient, path: str, patch: dict[str, Any], times: int = 10) -> httpx.Response:
    """Reads, corrects, and looks again when somebody was first."""
    for _ in range(times):
        version = (await who.get(path)).headers["etag"]
        response = await who.patch(path, json=patch, headers={"If-Match": version})
        if response.status_code != 412:
            break
    return response


class Many:
    """Twenty hands, and the answers each of them got."""

    def __init__(self, cases: list[Case]) -> None:
        self.cases = cases
        self.answers: list[httpx.Response] = []

    def hands(self) -> Iterator[Awaitable[None]]:
        for case in self.cases:
            yield from (self.mend(case), self.plan(case), self.book(case), self.keep_books(case))

    def note(self, response: httpx.Response) -> dict[str, Any]:
        assert response.status_code in (200, 201, 409, 412, 422), response.text
        self.answers.append(response)
        found: dict[str, Any] = response.json()
        return found

    async def mend(self, case: Case) -> None:
        for outcome in ("repaired", "not_repaired"):
            rupture = self.note(await case.client.post("/v1/ruptures", json={"relationship_id": case.relationship_id}))
            repair = self.note(await case.therapist.post("/v1/repairs", json={"rupture_id": rupture.get("id")}))
            if "id" not in repair:
                continue
            at = f"/v1/repairs/{repair['id']}"
            for step in ("recognize", "stay-present", "offer-repair"):
                self.note(await case.therapist.post(f"{at}/{step}", json={"summary": "As it was."}))
            said = {"outcome": outcome, "client_resolution": 4}
            self.note(await case.therapist.post(f"{at}/conclude", json=said))

    async def plan(self, case: Case) -> None:
        consent = {"text_version": "3", "given_on": "2026-09-01"}
        body = {"relationship_id": case.relationship_id, "consent": consent}
        plan = self.note(await case.therapist.post("/v1/termination-plans", json=body))
        at = f"/v1/termination-plans/{plan['id']}"
        for move, said in (
            ("begin-review", {}), ("plan-ending", ENDING), ("begin-closing", {}), ("return-to-work", {}),
            ("plan-ending", ENDING), ("end", {"acknowledge_open_ruptures": True}),
        ):  # fmt: skip
            self.note(await case.therapist.post(f"{at}/{move}", json=said))

    async def book(self, case: Case) -> None:
        for n in range(4):
            body = {"relationship_id": case.relationship_id, "starts_at": f"2026-10-{n + 1:02}T09:00:00Z"}
            session = made(await case.script.post("/v1/sessions", json=body))
            self.note(await case.script.post(f"/v1/sessions/{session['id']}/{('hold', 'miss')[n % 2]}"))
            self.note(await correct(case.script, f"/v1/sessions/{session['id']}", {"medium": "video"}))

    async def keep_books(self, case: Case) -> None:
        names = [{"system": "ehr", "value": uuid4().hex}]
        client = made(await case.script.post("/v1/clients", json={"external_identifiers": names}))
        self.note(await correct(case.script, f"/v1/clients/{client['id']}", {"label": "L."}))
        self.note(await correct(case.script, f"/v1/clients/{client['id']}", {"external_identifiers": []}))
        goals = [{"text": uuid4().hex}]
        self.note(await correct(case.script, f"/v1/relationships/{case.relationship_id}", {"goals": goals}))


class Listener:
    """A receiver that takes everything."""

    async def __aenter__(self) -> "Listener":
        self.server = await asyncio.start_server(self.answer, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}/"
        return self

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
                await reader.readexactly(int(length.partition(b":")[2]))
                writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def __aexit__(self, *_: object) -> None:
        self.server.close()

    async def hear(self, house: House, *event_types: str, payload: str = "thin") -> dict[str, Any]:
        script = await house.as_("integration")
        body = {"url": self.url, "event_types": list(event_types), "payload": payload}
        found = made(await script.post("/v1/webhook-endpoints", json=body))
        async with asyncio.timeout(10):
            while ok(await script.get(f"/v1/webhook-endpoints/{found['id']}"))["phase"] != "enabled":
                await asyncio.sleep(0.01)
        return found


SETTLED = """
SELECT coalesce(array_agg(DISTINCT seq ORDER BY seq), '{}') FROM attempt
WHERE practice_id = $1 AND endpoint_id = $2 AND outcome = 'delivered'"""


async def delivered(house: House, endpoint: dict[str, Any], until: int) -> list[int]:
    """The numbers an endpoint took, once nothing of it is pending."""
    pending = "SELECT count(*) FROM delivery WHERE practice_id = $1 AND endpoint_id = $2"
    for _ in range(until):
        if not await sql(house, pending, house.id, UUID(endpoint["id"])):
            break
        await asyncio.sleep(0.01)
    found: list[int] = await sql(house, SETTLED, house.id, UUID(endpoint["id"]))
    return found


async def test_twenty_writers_leave_a_dense_log_and_rows_that_agree_with_it(house: House):
    cases = await asyncio.gather(*(house.case() for _ in range(5)))
    async with Listener() as listener:
        everything = await listener.hear(house, "*")
        repairs = await listener.hear(house, "repair.*", "termination_plan.ended", payload="id_only")
        begun = await seq_of(house)
        many = Many(cases)
        await asyncio.gather(*many.hands())
        log = await whole_log(house)
        last = await seq_of(house)
        assert [e["seq"] for e in log] == list(range(1, last + 1))
        versions = defaultdict(list)
        for event in log:
            versions[event["id"]].append(event["version"])
        assert all(found == list(range(1, len(found) + 1)) for found in versions.values())
        assert await faults_of(house) == []
        told = {(r.json()["id"], r.json()["version"]) for r in many.answers if r.status_code < 300}
        assert told <= {(e["id"], e["version"]) for e in log}
        assert len(told) > 100
        assert await delivered(house, everything, 500) == told_of(log, everything)
        wanted = [e["seq"] for e in log if e["type"].startswith("repair.") or e["type"] == "termination_plan.ended"]
        ping = told_of(log, repairs)[0]
        assert await delivered(house, repairs, 500) == [ping, *(n for n in wanted if n > begun)]


def told_of(log: list[dict[str, Any]], endpoint: dict[str, Any]) -> list[int]:
    """What an endpoint that asked for everything is told: its ping, and all that came after but its own affairs."""
    pings = {e["seq"]: e["id"] for e in log if e["type"] == "webhook_endpoint.pinged"}
    ping = next(seq for seq, id in pings.items() if id == endpoint["id"])
    after = (e for e in log if e["seq"] > ping and e["id"] != endpoint["id"])
    return [ping, *(e["seq"] for e in after if e["seq"] not in pings)]


async def test_reports_and_bookings_go_on_while_a_therapy_ends(case: Case):
    plan = await case.plan()
    rupture = {"relationship_id": case.relationship_id}
    booking = {**rupture, "starts_at": "2026-10-01T09:00:00Z"}
    begun = asyncio.get_running_loop().time()
    responses = await raced(case.house, [
        case.client.post("/v1/ruptures", json=rupture), case.script.post("/v1/sessions", json=booking),
        case.therapist.post(f"/v1/termination-plans/{plan['id']}/client-ends"),
    ])  # fmt: skip
    assert [r.status_code for r in responses] == [201, 201, 200], [r.text for r in responses]
    assert asyncio.get_running_loop().time() - begun < 0.9, "they waited for the database to break a deadlock"
    assert await faults_of(case.house) == []


@pytest.mark.parametrize("first", ["the_report", "the_ending"])
async def test_a_rupture_reported_while_the_therapy_ends_is_not_left_open(case: Case, first: str):
    plan = await case.plan()
    report = case.client.post("/v1/ruptures", json={"relationship_id": case.relationship_id})
    ending = case.therapist.post(f"/v1/termination-plans/{plan['id']}/client-ends")
    responses = await raced(case.house, [report, ending] if first == "the_report" else [ending, report])
    assert sorted(r.status_code for r in responses) == [200, 201], [r.text for r in responses]
    reported = next(r.json() for r in responses if r.status_code == 201)
    assert ok(await case.client.get(f"/v1/ruptures/{reported['id']}"))["phase"] == "ended_unrepaired"
    assert await faults_of(case.house) == []


@pytest.mark.parametrize("first", ["the_move", "the_ending"])
@pytest.mark.parametrize("move", ["confirm", "recur", "begin_repair", "take_up", "reconsider"])
async def test_nothing_is_opened_again_by_who_did_not_see_the_therapy_end(case: Case, move: str, first: str):
    plan = await case.plan()
    rupture = await case.rupture(**({"certainty": "suspected"} if move in ("confirm", "reconsider") else {}))
    at = f"/v1/ruptures/{rupture['id']}"
    if move == "reconsider":
        ok(await case.therapist.post(f"{at}/dismiss", json={"reason": "duplicate"}))
    if move in ("recur", "take_up"):
        repair = await case.repair(rupture)
        rest, said = ("set-aside", {}) if move == "take_up" else ("conclude", {"outcome": "partially_repaired"})
        ok(await case.therapist.post(f"/v1/repairs/{repair['id']}/{rest}", json=said))
    if move == "begin_repair":
        moving = case.therapist.post("/v1/repairs", json={"rupture_id": rupture["id"]})
    elif move == "take_up":
        moving = case.therapist.post(f"/v1/repairs/{repair['id']}/take-up")
    else:
        moving = case.therapist.post(f"{at}/{move}")
    ending = case.client.post(f"/v1/termination-plans/{plan['id']}/client-ends")
    calls = [moving, ending] if first == "the_move" else [ending, moving]
    responses = await raced(case.house, calls)
    ended = responses[calls.index(ending)]
    assert ok(ended)["phase"] == "ended"
    assert responses[calls.index(moving)].status_code in (200, 201, 409, 422)
    assert ok(await case.therapist.get(at))["phase"] not in ("confirmed", "in_repair")
    repairs = ok(await case.therapist.get("/v1/repairs", params={"rupture_id": rupture["id"]}))["items"]
    assert {r["phase"] for r in repairs} <= {"set_aside", "concluded"}
    assert await faults_of(case.house) == []


async def test_repairs_that_conclude_while_the_therapy_ends_leave_nothing_half_done(house: House):
    for _ in range(3):
        case = await house.case()
        plan = await case.plan()
        repairs = [await case.repair() for _ in range(3)]
        said = {"outcome": "not_repaired"}
        responses = await at_once(
            *(case.therapist.post(f"/v1/repairs/{r['id']}/conclude", json=said) for r in repairs),
            case.client.post(f"/v1/termination-plans/{plan['id']}/client-ends"),
        )
        assert responses[-1].status_code == 200, responses[-1].text
        assert set(outcomes(responses)) <= {200, 409, 422}, [r.text for r in responses]
        for repair in repairs:
            repair = ok(await case.therapist.get(f"/v1/repairs/{repair['id']}"))
            rupture = ok(await case.therapist.get(f"/v1/ruptures/{repair['rupture_id']}"))
            together = (repair["phase"], rupture["phase"])
            assert together in {("concluded", "unrepaired"), ("set_aside", "ended_unrepaired")}
    assert await faults_of(house) == []


# -- one winner --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("if_match", [None, '"1"'], ids=["without_a_condition", "with_if_match"])
async def test_of_five_who_move_at_once_one_wins_and_no_number_is_burnt(case: Case, if_match: str | None):
    session = await case.session(status="planned")
    headers = {"If-Match": if_match} if if_match else {}
    before = await seq_of(case.house)
    hold = f"/v1/sessions/{session['id']}/hold"
    won = one_winner(await raced(case.house, (case.script.post(hold, headers=headers) for _ in range(5))))
    assert (won["phase"], won["version"]) == ("held", 2)
    assert await seq_of(case.house) == before + 1
    late = await at_once(*(case.script.post(hold, headers=headers) for _ in range(5)))
    assert set(outcomes(late)) <= {409, 412}
    assert await seq_of(case.house) == before + 1
    assert await faults_of(case.house) == []


async def test_of_five_who_take_the_same_step_on_the_same_version_one_takes_it(case: Case):
    repair = await case.repair()
    before = await seq_of(case.house)
    take = f"/v1/repairs/{repair['id']}/recognize"
    calls = (case.therapist.post(take, headers={"If-Match": '"1"'}) for _ in range(5))
    won = one_winner(await raced(case.house, calls))
    assert len(won["steps"]) == 1
    assert await seq_of(case.house) == before + 1
    shown = ok(await case.therapist.get(f"/v1/repairs/{repair['id']}"))
    assert (shown["version"], len(shown["steps"])) == (2, 1)


@pytest.mark.parametrize("if_match", [None, '"1"'], ids=["without_a_condition", "with_if_match"])
async def test_of_five_who_conclude_at_once_one_does_and_the_rupture_follows_once(case: Case, if_match: str | None):
    repair = await case.repair()
    before = await seq_of(case.house)
    said = {"outcome": "repaired", "client_resolution": 5}
    calls = (
        case.therapist.post(
            f"/v1/repairs/{repair['id']}/conclude", json=said, headers={"If-Match": if_match} if if_match else {}
        )
        for _ in range(5)
    )
    won = one_winner(await raced(case.house, calls))
    assert (won["phase"], won["version"]) == ("concluded", 2)
    assert await seq_of(case.house) == before + 2
    rupture = ok(await case.therapist.get(f"/v1/ruptures/{repair['rupture_id']}"))
    assert (rupture["phase"], rupture["version"]) == ("repaired", 3)
    assert await faults_of(case.house) == []


async def test_of_five_who_conclude_without_waiting_for_each_other_one_does(case: Case):
    repair = await case.repair()
    said = {"outcome": "repaired", "client_resolution": 5}
    calls = (case.therapist.post(f"/v1/repairs/{repair['id']}/conclude", json=said) for _ in range(5))
    answers = outcomes(await at_once(*calls))
    assert answers.pop(200) == 1
    assert set(answers) <= {409, 412, 422}
    assert await faults_of(case.house) == []


async def test_of_five_who_correct_the_same_version_one_does(case: Case):
    rupture = await case.rupture()
    before = await seq_of(case.house)
    at, headers = f"/v1/ruptures/{rupture['id']}", {"If-Match": '"1"'}
    calls = (case.therapist.patch(at, json={"summary": f"Said {n}."}, headers=headers) for n in range(5))
    responses = await raced(case.house, calls)
    won = one_winner(responses)
    assert outcomes(responses)[412] == 4
    assert ok(await case.therapist.get(at))["summary"] == won["summary"]
    assert await seq_of(case.house) == before + 1


async def test_an_id_of_the_callers_is_taken_once(house: House):
    script, id = await house.as_("integration"), uuid4()
    calls = (
        script.put(f"/v1/clients/{id}", json={"label": f"C{n}"}, headers={"If-None-Match": "*"}) for n in range(5)
    )  # fmt: skip
    responses = await raced(house, calls)
    won = one_winner(responses, 201)
    assert outcomes(responses)[412] == 4
    assert ok(await script.get(f"/v1/clients/{id}"))["label"] == won["label"]
    assert await seq_of(house) == 1


async def test_a_rupture_is_given_one_repair_however_many_begin_it(case: Case):
    rupture = await case.rupture()
    before = await seq_of(case.house)
    calls = (case.therapist.post("/v1/repairs", json={"rupture_id": rupture["id"]}) for _ in range(5))
    responses = await raced(case.house, calls)
    won = one_winner(responses, 201)
    assert all(r.json()["type"] == "/problems/taken" for r in responses if r.status_code == 409)
    listed = ok(await case.therapist.get("/v1/repairs", params={"rupture_id": rupture["id"]}))["items"]
    assert [r["id"] for r in listed] == [won["id"]]
    assert await seq_of(case.house) == before + 2
    assert await faults_of(case.house) == []


async def test_a_relationship_is_given_one_plan_however_many_introduce_it(case: Case):
    before = await seq_of(case.house)
    body = {"relationship_id": case.relationship_id, "consent": {"text_version": "3", "given_on": "2026-09-01"}}
    won = one_winner(
        await raced(case.house, (case.therapist.post("/v1/termination-plans", json=body) for _ in range(5))), 201
    )
    listed = ok(await case.therapist.get("/v1/termination-plans", params={"relationship_id": case.relationship_id}))
    assert [p["id"] for p in listed["items"]] == [won["id"]]
    assert await seq_of(case.house) == before + 1
    assert await faults_of(case.house) == []


async def test_an_external_identifier_names_one_client_however_many_claim_it(house: House):
    script = await house.as_("integration")
    names = [{"system": "ehr", "value": "4711"}]
    clients = [made(await script.post("/v1/clients", json={"label": f"C{n}"})) for n in range(3)]
    before = await seq_of(house)
    calls = [
        *(script.post("/v1/clients", json={"external_identifiers": names}) for _ in range(3)),
        *(
            script.patch(f"/v1/clients/{c['id']}", json={"external_identifiers": names}, headers={"If-Match": '"1"'})
            for c in clients
        ),
    ]
    responses = await at_once(*calls)
    assert sorted(r.status_code < 300 for r in responses) == [False] * 5 + [True]
    assert {r.status_code for r in responses if r.status_code >= 300} == {409}
    found = ok(await script.get("/v1/clients", params={"external_system": "ehr", "external_value": "4711"}))["items"]
    assert len(found) == 1
    assert len(ok(await script.get("/v1/clients"))["items"]) in (3, 4)
    assert await seq_of(house) == before + 1
    assert await faults_of(house) == []


async def test_an_external_identifier_is_free_again_once_it_is_given_up(house: House):
    script = await house.as_("integration")
    names = [{"system": "ehr", "value": "1"}]
    first = made(await script.post("/v1/clients", json={"external_identifiers": names}))
    refused(await script.post("/v1/clients", json={"external_identifiers": names}), 409, "taken")
    ok(await correct(script, f"/v1/clients/{first['id']}", {"external_identifiers": []}))
    made(await script.post("/v1/clients", json={"external_identifiers": names}))


# -- the same request again --------------------------------------------------------------------------------------------


def once(responses: list[httpx.Response], status: int) -> dict[str, Any]:
    """Everybody got the same answer, and all but the first were told that it is the first one's."""
    assert set(outcomes(responses)) == {status}, [(r.status_code, r.text) for r in responses]
    assert len({r.content for r in responses}) == 1, {r.text for r in responses}
    first, *again = sorted(responses, key=lambda r: r.headers.get("idempotent-replayed", ""))
    assert "idempotent-replayed" not in first.headers
    assert {r.headers.get("idempotent-replayed") for r in again} <= {"true"}
    its_own = {"x-request-id", "idempotent-replayed"}
    shown = {frozenset((n, v) for n, v in r.headers.items() if n not in its_own) for r in responses}
    assert len(shown) == 1, shown
    found: dict[str, Any] = responses[0].json()
    return found


async def ten_times(
    house: House, who: httpx.AsyncClient, path: str, body: dict[str, Any], *, together: bool
) -> list[httpx.Response]:
    headers = {"Idempotency-Key": uuid4().hex}
    calls = [who.post(path, json=body, headers=headers) for _ in range(10)]
    return await raced(house, calls) if together else await at_once(*calls)


TOGETHER = pytest.mark.parametrize("together", [False, True], ids=["in_a_burst", "all_decided_before_one_wrote"])


@TOGETHER
async def test_ten_creations_under_one_key_make_one_thing(case: Case, together: bool):
    before = await seq_of(case.house)
    body = {"relationship_id": case.relationship_id, "starts_at": "2026-10-01T09:00:00Z"}
    session = once(await ten_times(case.house, case.script, "/v1/sessions", body, together=together), 201)
    assert await seq_of(case.house) == before + 1
    assert [s["id"] for s in ok(await case.script.get("/v1/sessions"))["items"]] == [session["id"]]
    assert await faults_of(case.house) == []


@TOGETHER
async def test_ten_beginnings_of_a_repair_under_one_key_begin_one(case: Case, together: bool):
    rupture = await case.rupture()
    before = await seq_of(case.house)
    body = {"rupture_id": rupture["id"]}
    once(await ten_times(case.house, case.therapist, "/v1/repairs", body, together=together), 201)
    assert await seq_of(case.house) == before + 2
    assert await faults_of(case.house) == []


@TOGETHER
async def test_ten_registrations_with_an_external_identifier_under_one_key_make_one_client(
    house: House, together: bool
):
    script = await house.as_("integration")
    body = {"external_identifiers": [{"system": "ehr", "value": "9"}]}
    once(await ten_times(house, script, "/v1/clients", body, together=together), 201)
    assert await seq_of(house) == 1
    assert await faults_of(house) == []


@TOGETHER
async def test_ten_moves_under_one_key_move_once(case: Case, together: bool):
    session = await case.session(status="planned")
    before = await seq_of(case.house)
    path = f"/v1/sessions/{session['id']}/hold"
    once(await ten_times(case.house, case.script, path, {}, together=together), 200)
    assert await seq_of(case.house) == before + 1


@TOGETHER
async def test_ten_steps_under_one_key_are_one_step(case: Case, together: bool):
    repair = await case.repair()
    path = f"/v1/repairs/{repair['id']}/recognize"
    taken = once(await ten_times(case.house, case.therapist, path, {"summary": "Seen."}, together=together), 200)
    assert len(taken["steps"]) == 1
    assert len(ok(await case.therapist.get(f"/v1/repairs/{repair['id']}"))["steps"]) == 1


@TOGETHER
async def test_ten_conclusions_under_one_key_conclude_once(case: Case, together: bool):
    repair = await case.repair()
    before = await seq_of(case.house)
    body = {"outcome": "repaired", "client_resolution": 5}
    path = f"/v1/repairs/{repair['id']}/conclude"
    once(await ten_times(case.house, case.therapist, path, body, together=together), 200)
    assert await seq_of(case.house) == before + 2
    assert await faults_of(case.house) == []


@TOGETHER
async def test_ten_farewells_without_a_plan_under_one_key_are_one(case: Case, together: bool):
    before = await seq_of(case.house)
    body = {"relationship_id": case.relationship_id}
    path = "/v1/termination-plans/client-ends"
    responses = await ten_times(case.house, case.client, path, body, together=together)
    assert once(responses, 201)["phase"] == "ended"
    assert await seq_of(case.house) == before + 2
    assert await faults_of(case.house) == []


async def test_ten_farewells_from_a_plan_under_one_key_are_one(case: Case):
    plan = await case.plan()
    before = await seq_of(case.house)
    path = f"/v1/termination-plans/{plan['id']}/client-ends"
    once(await ten_times(case.house, case.client, path, {"reasons": ["client_choice"]}, together=False), 200)
    assert await seq_of(case.house) == before + 2


async def test_ten_refusals_under_one_key_are_one_refusal(case: Case):
    repair = await case.repair()
    before = await seq_of(case.house)
    path, body = f"/v1/repairs/{repair['id']}/conclude", {"outcome": "repaired", "therapist_resolution": 5}
    once(await ten_times(case.house, case.therapist, path, body, together=False), 422)
    assert await seq_of(case.house) == before


async def test_a_key_that_was_used_for_another_request_is_refused(case: Case):
    session = await case.session(status="planned")
    headers = {"Idempotency-Key": '"the-one"'}
    body = {"relationship_id": case.relationship_id, "starts_at": "2026-10-01T09:00:00Z"}
    made(await case.script.post("/v1/sessions", json=body, headers=headers))
    before = await seq_of(case.house)
    other = {**body, "starts_at": "2026-10-02T09:00:00Z"}
    refused(await case.script.post("/v1/sessions", json=other, headers=headers), 422, "idempotency-key-reused")
    elsewhere = f"/v1/sessions/{session['id']}/hold"
    refused(await case.script.post(elsewhere, headers=headers), 422, "idempotency-key-reused")
    assert await seq_of(case.house) == before
    bare = await case.script.post("/v1/sessions", json=body, headers={"Idempotency-Key": "the-one"})
    assert (bare.status_code, bare.headers["idempotent-replayed"]) == (201, "true")


async def test_a_key_belongs_to_who_sent_it(case: Case):
    body, headers = {"relationship_id": case.relationship_id}, {"Idempotency-Key": "ours"}
    first = made(await case.therapist.post("/v1/ruptures", json=body, headers=headers))
    second = made(await case.client.post("/v1/ruptures", json=body, headers=headers))
    elsewhere = await case.house.running.service.store.practice(case.house.id)
    assert elsewhere is not None
    assert first["id"] != second["id"]


async def test_the_same_answer_comes_again_after_the_thing_has_moved_on(case: Case):
    session = await case.session(status="planned")
    path, headers = f"/v1/sessions/{session['id']}/hold", {"Idempotency-Key": "hold-it"}
    first = await case.script.post(path, headers=headers)
    ok(first)
    ok(await case.script.post(f"/v1/sessions/{session['id']}/correct", json={"status": "missed"}))
    again = await case.script.post(path, headers=headers)
    assert (again.status_code, again.content, again.headers["etag"]) == (200, first.content, '"2"')
    assert again.headers["idempotent-replayed"] == "true"
    stale = await case.script.post(path, headers={**headers, "If-Match": '"1"'})
    assert (stale.status_code, stale.content) == (200, first.content)
    assert ok(await case.script.get(f"/v1/sessions/{session['id']}"))["phase"] == "missed"


async def test_a_refusal_comes_again_even_when_it_would_be_granted_now(case: Case):
    repair = await case.repair()
    path, body = f"/v1/repairs/{repair['id']}/conclude", {"outcome": "repaired", "therapist_resolution": 5}
    headers = {"Idempotency-Key": "too-soon"}
    first = await case.therapist.post(path, json=body, headers=headers)
    refused(first, 422, "incomplete")
    ok(await case.client.post(f"/v1/repairs/{repair['id']}/record-view", json={"resolution": 5}))
    again = await case.therapist.post(path, json=body, headers=headers)
    assert (again.status_code, again.content) == (422, first.content)
    ok(await case.therapist.post(path, json=body, headers={"Idempotency-Key": "now"}))


# -- who is leaving is never refused ----------------------------------------------------------------------------------


class Hammer:
    """A therapist who moves one plan over and over."""

    def __init__(self, case: Case, plan: dict[str, Any]) -> None:
        self.case, self.at = case, f"/v1/termination-plans/{plan['id']}"
        self.moved = 0
        self.under_way = asyncio.Event()

    async def __aenter__(self) -> "Hammer":
        self.tasks = [asyncio.create_task(self.strike(hand)) for hand in range(6)]
        await self.under_way.wait()
        return self

    async def strike(self, hand: int) -> None:
        moves = [("review-readiness", {"note": "Again."}), ("plan-ending", ENDING), ("return-to-work", {})]
        while True:
            move, said = moves[hand % 3]
            response = await self.case.therapist.post(f"{self.at}/{move}", json=said)
            assert response.status_code in (200, 409, 422), response.text
            self.moved += response.status_code == 200
            if self.moved == 5:
                self.under_way.set()

    async def __aexit__(self, *_: object) -> None:
        for task in self.tasks:
            task.cancel()
        for result in await asyncio.gather(*self.tasks, return_exceptions=True):
            assert isinstance(result, asyncio.CancelledError), result


@pytest.mark.parametrize("route", ["the_plans_own", "the_collections"])
async def test_a_client_leaves_however_hard_somebody_works_on_the_plan(house: House, route: str):
    for _ in range(3):
        case = await house.case()
        plan = await case.plan()
        async with Hammer(case, plan) as hammer:
            if route == "the_collections":
                body = {"relationship_id": case.relationship_id}
                gone = await case.client.post("/v1/termination-plans/client-ends", json=body)
            else:
                gone = await case.client.post(f"{hammer.at}/client-ends")
        assert ok(gone)["phase"] == "ended"
        assert ok(await case.client.get(f"/v1/relationships/{case.relationship_id}"))["phase"] == "ended"
    assert await faults_of(house) == []


async def test_a_client_leaves_while_more_people_wait_for_the_plan_than_there_are_connections(case: Case):
    plan = await case.plan()
    at, pool = f"/v1/termination-plans/{plan['id']}", case.house.running.service.pool
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("SELECT FROM termination_plan WHERE id = $1 FOR UPDATE", UUID(plan["id"]))
        gone = asyncio.create_task(case.client.post(f"{at}/client-ends"))
        while not await pool.fetchval(WAITING):
            await asyncio.sleep(0.005)
        moves = [asyncio.create_task(case.therapist.post(f"{at}/begin-review")) for _ in range(40)]
        await asyncio.sleep(0.5)
    assert ok(await asyncio.wait_for(gone, 5))["phase"] == "ended"
    assert set(outcomes(await asyncio.gather(*moves))) <= {200, 409}


async def test_a_client_leaves_while_the_plan_is_being_introduced(house: House):
    for together in (False, True):
        case = await house.case()
        consent = {"text_version": "3", "given_on": "2026-09-01"}
        calls = [
            case.therapist.post(
                "/v1/termination-plans", json={"relationship_id": case.relationship_id, "consent": consent}
            ),
            case.client.post("/v1/termination-plans/client-ends", json={"relationship_id": case.relationship_id}),
        ]  # fmt: skip
        introduced, gone = await raced(house, calls) if together else await at_once(*calls)
        assert gone.status_code in (200, 201), gone.text
        assert gone.json()["phase"] == "ended"
        assert introduced.status_code in (201, 409), introduced.text
        assert ok(await case.client.get(f"/v1/relationships/{case.relationship_id}"))["phase"] == "ended"
    assert await faults_of(house) == []


# -- whatever is done --------------------------------------------------------------------------------------------------

FACT = {"fact": "supports", "holds": "yes", "source": "Her sister rang.", "said_by": "collateral", "on": "2026-11-01"}
BODIES: dict[str, list[dict[str, Any]]] = {
    "dismiss": [{"reason": "duplicate", "note": "Seen before."}],
    "withdraw": [{"note": "I was tired."}],
    "leave_unrepaired": [{"reason": "other", "note": "Later."}],
    "skip": [{"step": "recognize", "reason": "Named already."}],
    "offer_repair": [{"path_forward": "A day's notice.", "co_created": True, "shared_with_client": True}, {}],
    "record_view": [{"resolution": 5}, {"resolution": 2, "wants_to_talk_more": True}],
    "conclude": [
        {"outcome": "repaired", "client_resolution": 5}, {"outcome": "not_repaired"},
        {"outcome": "repaired", "score_rule": "full_return"}, {"outcome": "partially_repaired"},
    ],
    "review_readiness": [{"feelings": {"loss": 4}, "note": "Hard."}, {"client_ready": "yes", "facts": [FACT]}],
    "plan_ending": [ENDING, {"kind": "therapist_initiated", "target_date": "2026-12-18", "reasons": ["client_choice"]}],
    "complete_task": [{"task": "farewell_ritual", "ritual": "A letter."}],
    "end": [{"acknowledge_open_ruptures": True}, {"exception": {"code": "payer", "detail": "No cover."}}],
    "record_outreach": [{"channel": "letter", "offered_return": True}, {"channel": "phone"}],
    "begin_transfer": [{"receiver": {"name": "Dr Okafor"}}],
    "open_aftercare": [{"return_route": "Call us.", "boosters": ["2027-01-05"]}],
    "revise_aftercare": [{"boosters": ["2027-02-05"], "farewell": "Go well."}],
    "screen_risk": [{"risk": "high"}, {"risk": "none"}],
    "begin_baseline": [{"since": "2026-01-05", "reason": "A new frame."}, {}],
    "withdraw_baseline": [{"since": "2026-01-05"}],
    "correct": [{"status": "missed"}, {"status": "planned"}],
}  # fmt: skip
PATCHES: dict[str, list[dict[str, Any]]] = {
    "ruptures": [{"summary": "Put better."}, {"summary": None}, {"strains": ["bond", "goal"]}, {"type": "mixed"}],
    "sessions": [{"duration_minutes": 50}, {"external_identifiers": []}],
    "relationships": [
        {"goals": [{"text": "To sleep.", "agreed_by_client": True}]},
        {"modality": "ACT"},
        {"modality": "CBT"},
    ],
    "termination-plans": [{"alternative_providers": ["One", "Two"]}, {"reasons": ["client_choice"], "timing": None}],
    "repairs": [],
}


class Walk:
    """Random moves by random people on everything in a therapy."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.things: list[tuple[str, str]] = [("relationships", case.relationship_id)]
        self.answers: dict[str, dict[str, Any]] = {}

    async def step(self, who: int, which: int, what: int) -> None:
        case = self.case
        caller = (case.therapist, case.client, case.script, case.therapist)[who % 4]
        if which % 8 == 0:
            await self.begin(caller, what)
            return
        collection, id = self.things[which % len(self.things)]
        at = f"/v1/{collection}/{id}"
        seen = await caller.get(at)
        if what % 4 == 0 and (patches := PATCHES[collection]):
            patch = patches[what // 4 % len(patches)]
            response = await caller.patch(at, json=patch, headers={"If-Match": seen.headers.get("etag", '"1"')})
        elif moves := ok(seen)["open_moves"]:
            move = moves[what // 4 % len(moves)]
            bodies = BODIES.get(move, [{}])
            response = await caller.post(f"{at}/{move.replace('_', '-')}", json=bodies[what // 40 % len(bodies)])
        else:
            return
        self.note(caller, response)

    async def begin(self, caller: httpx.AsyncClient, what: int) -> None:
        relationship = {"relationship_id": self.case.relationship_id}
        ruptures = [id for name, id in self.things if name == "ruptures"]
        consent = {"text_version": "1", "given_on": "2026-01-01"}
        collection, body = [
            ("ruptures", {**relationship, "summary": "It hurt."}),
            ("repairs", {"rupture_id": ruptures[what // 4 % len(ruptures)] if ruptures else str(uuid4())}),
            ("sessions", {**relationship, "starts_at": "2026-10-01T09:00:00Z"}),
            ("termination-plans", {**relationship, "consent": consent}),
        ][what % 4]
        response = await caller.post(f"/v1/{collection}", json=body)
        if response.status_code == 201:
            self.things.append((collection, response.json()["id"]))
        self.note(caller, response)

    def note(self, caller: httpx.AsyncClient, response: httpx.Response) -> None:
        assert response.status_code in (200, 201, 403, 409, 412, 422), response.text
        if response.status_code < 300 and caller is not self.case.client:
            shown = response.json()
            if shown["version"] > self.answers.get(shown["id"], {"version": 0})["version"]:
                self.answers[shown["id"]] = shown

    async def agrees(self) -> None:
        """What is read is what the last move on it answered, unless the domain itself has moved it since."""
        for collection, id in self.things:
            if id in self.answers:
                said = {n: v for n, v in self.answers[id].items() if n not in ("advisories", "open_moves")}
                held = ok(await self.case.therapist.get(f"/v1/{collection}/{id}"))
                if held["version"] == said["version"]:
                    assert said == {n: held[n] for n in said}
                else:
                    later = ok(await self.case.therapist.get(f"/v1/{collection}/{id}/history?after={said['version']}"))
                    told = {e["type"] for e in later["items"] if e["actor"]["kind"] != "client"}
                    assert told <= CONSEQUENCES


@settings(max_examples=6, deadline=None, derandomize=True, database=None, phases=[Phase.generate])
@given(seed=st.integers(0, 2**32))
async def test_whatever_is_done_in_whatever_order_the_log_tells_it_truly(found: Found, seed: int):
    house, chance = await found(), random.Random(seed)
    walks = [Walk(await house.case()) for _ in range(2)]
    for walk in walks:
        await asyncio.gather(*(walk.begin(walk.case.therapist, what) for what in (0, 0, 2, 3)))
    for _ in range(20):
        hands = [(chance.choice(walks), *(chance.randrange(10_000) for _ in range(3))) for _ in range(4)]
        await asyncio.gather(*(walk.step(*how) for walk, *how in hands))
    assert await faults_of(house) == []
    for walk in walks:
        await walk.agrees()


# -- corrections -------------------------------------------------------------------------------------------------------


async def test_a_correction_that_changes_nothing_is_not_told(case: Case):
    rupture = await case.rupture(summary="The fee.", strains=["bond"])
    before = await seq_of(case.house)
    at = f"/v1/ruptures/{rupture['id']}"
    for patch in ({}, {"summary": "The fee."}, {"summary": " The fee. ", "strains": ["bond"]}, {"note": None}):
        response = await case.therapist.patch(at, json=patch, headers={"If-Match": '"1"'})
        if "note" not in patch:
            same = ok(response)
            assert (same["version"], response.headers["etag"], same["advisories"]) == (1, '"1"', [])
            assert {n: same[n] for n in rupture} == rupture
    refused(await case.therapist.patch(at, json={}, headers={"If-Match": '"7"'}), 412)
    assert await seq_of(case.house) == before
    session = await case.session(external_identifiers=[{"system": "ehr", "value": "1"}])
    before = await seq_of(case.house)
    patch = {"external_identifiers": [{"system": "ehr", "value": "1"}], "starts_at": "2026-11-02T11:00:00+01:00"}
    assert ok(await correct(case.script, f"/v1/sessions/{session['id']}", patch))["version"] == 1
    assert await seq_of(case.house) == before


async def said_by_version(who: httpx.AsyncClient, at: str, field: str) -> dict[int, Any]:
    """What a text said at each version that changed it, as the history tells it."""
    history = ok(await who.get(f"{at}/history"))["items"]
    return {e["version"]: e["texts"][field] for e in history if field in e["texts"]}


async def test_every_wording_is_kept_with_the_version_it_stood_in(case: Case):
    rupture = await case.rupture(summary="First.")
    at = f"/v1/ruptures/{rupture['id']}"
    ok(await correct(case.therapist, at, {"summary": "Second."}))
    ok(await correct(case.therapist, at, {"type": "mixed"}))
    ok(await correct(case.therapist, at, {"summary": "Third."}))
    ok(await correct(case.therapist, at, {"summary": "Fourth."}))
    said = {1: "First.", 2: "Second.", 4: "Third.", 5: "Fourth."}
    assert await said_by_version(case.therapist, at, "summary") == said
    history = ok(await case.therapist.get(f"{at}/history"))["items"]
    assert [e["changed"] for e in history][2] == {"type": "mixed"}
    assert await said_by_version(case.client, at, "summary") == dict.fromkeys(said)
    assert "First." not in str(await whole_log(case.house))


async def test_a_wording_that_was_taken_away_is_missing_in_just_that_version(case: Case):
    rupture = await case.rupture(summary="First.")
    at = f"/v1/ruptures/{rupture['id']}"
    ok(await correct(case.therapist, at, {"summary": None}))
    ok(await correct(case.therapist, at, {"summary": "Third."}))
    ok(await correct(case.therapist, at, {"summary": "Fourth."}))
    assert await said_by_version(case.therapist, at, "summary") == {1: "First.", 2: None, 3: "Third.", 4: "Fourth."}


async def test_every_list_of_names_is_kept_with_the_version_it_stood_in(case: Case):
    plan = await case.plan()
    at = f"/v1/termination-plans/{plan['id']}"
    lists: list[list[str]] = [["One"], ["One", "Two"], ["Three"], ["Four"]]
    for names in lists:
        ok(await correct(case.therapist, at, {"alternative_providers": names}))
    said: dict[int, Any] = {1: [], **dict(enumerate(lists, 2))}
    for who in (case.therapist, case.client):
        assert {1: [], **await said_by_version(who, at, "alternative_providers")} == said


async def test_a_list_of_names_that_was_emptied_is_empty_in_just_that_version(case: Case):
    plan = await case.plan()
    at = f"/v1/termination-plans/{plan['id']}"
    lists: list[list[str]] = [["One"], [], ["Three"]]
    for names in lists:
        ok(await correct(case.therapist, at, {"alternative_providers": names}))
    said = await said_by_version(case.therapist, at, "alternative_providers")
    assert {1: [], **said} == {1: [], **dict(enumerate(lists, 2))}


async def test_the_words_of_a_goal_are_not_lost_when_it_is_put_differently(case: Case):
    at = f"/v1/relationships/{case.relationship_id}"
    for text in ("To sleep through.", "To sleep.", "To rest."):
        ok(await correct(case.therapist, at, {"goals": [{"text": text}]}))
    history = str(ok(await case.therapist.get(f"{at}/history")))
    assert "To sleep through." in history
    assert "To sleep." in history


async def test_a_client_is_not_shown_what_a_text_said_before_it_was_shared(case: Case):
    rupture = await case.rupture(summary="Not for the client.")
    at = f"/v1/ruptures/{rupture['id']}"
    ok(await correct(case.therapist, at, {"summary": "For both of us.", "shared_with_client": True}))
    assert ok(await case.client.get(at))["summary"] == "For both of us."
    assert "Not for the client." not in (await case.client.get(f"{at}/history")).text
    ok(await correct(case.therapist, at, {"shared_with_client": False}))
    assert ok(await case.client.get(at))["summary"] is None
    assert "both of us" not in (await case.client.get(f"{at}/history")).text


async def test_the_wordings_of_a_move_are_kept_as_well(case: Case):
    rupture = await case.rupture(certainty="suspected")
    at = f"/v1/ruptures/{rupture['id']}"
    for note in ("One.", "Two.", "Three."):
        ok(await case.therapist.post(f"{at}/dismiss", json={"reason": "other", "note": note}))
        ok(await case.therapist.post(f"{at}/reconsider"))
    said = await said_by_version(case.therapist, at, "note")
    assert {version: note["text"] for version, note in said.items()} == {2: "One.", 4: "Two.", 6: "Three."}


# -- what changed since ------------------------------------------------------------------------------------------------


CONSEQUENCES = {m.type_of(move) for m in MACHINES for move in m.moves if Role.POLICY in move.by}


class Follower:
    """A system that keeps a copy of a collection up to date by what changed since it last looked."""

    def __init__(self, who: httpx.AsyncClient, collection: str, limit: int) -> None:
        self.who, self.collection, self.limit = who, collection, limit
        self.after, self.copy = 0, {}  # type: ignore[var-annotated]
        self.pages = 0

    async def look(self) -> bool:
        """Takes one page; true when there is another."""
        params = {"changed_after": self.after, "limit": self.limit}
        response = await self.who.get(f"/v1/{self.collection}", params=params)
        page = ok(response)
        assert page["next_after"] >= self.after
        for item in page["items"]:
            assert item["version"] >= self.copy.get(item["id"], {"version": 0})["version"]
            self.copy[item["id"]] = item
        self.after, self.pages = page["next_after"], self.pages + 1
        return "next" in response.links

    async def follow(self, done: asyncio.Event) -> None:
        while not done.is_set() or await self.look():
            await self.look()
            await asyncio.sleep(0.002)
        while await self.look():
            pass


async def test_who_pages_through_what_changed_while_others_write_ends_with_everything_as_it_is(house: House):
    cases = [await house.case() for _ in range(3)]
    supervisor, done = await house.as_("supervisor"), asyncio.Event()
    followers = [
        Follower(supervisor, name, limit)
        for name, limit in (("ruptures", 3), ("repairs", 1), ("sessions", 5), ("relationships", 2), ("clients", 200))
    ]
    followers.append(Follower(cases[0].therapist, "ruptures", 1))
    many = Many(cases)
    async with asyncio.TaskGroup() as following:
        for follower in followers:
            following.create_task(follower.follow(done))
        await asyncio.gather(*many.hands())
        done.set()
    for follower in followers:
        assert follower.copy == await everything(follower.who, follower.collection, 7)
        assert follower.copy
    assert max(f.pages for f in followers) > 5


@settings(max_examples=6, deadline=None, derandomize=True, database=None, phases=[Phase.generate])
@given(seed=st.integers(0, 2**32), limit=st.integers(1, 6))
async def test_pages_of_changes_add_up_to_the_whole_list_whatever_their_size(found: Found, seed: int, limit: int):
    house = await found()
    case, chance = await house.case(), random.Random(seed)
    sessions = [await case.session(status="planned") for _ in range(5)]
    follower = Follower(case.script, "sessions", limit)
    for _ in range(12):
        session = chance.choice(sessions)
        status = chance.choice(["held", "missed", "planned", "cancelled"])
        ok(await case.script.post(f"/v1/sessions/{session['id']}/correct", json={"status": status}))
        if chance.random() < 0.4:
            await follower.look()
    while await follower.look():
        pass
    held = await everything(case.script, "sessions", 7)
    assert follower.copy.keys() == held.keys()
    # An ordinal counts other sessions, so it may change without a change of its own session.
    for id, session in held.items():
        assert {**follower.copy[id], "ordinal": None} == {**session, "ordinal": None}
    assert follower.after == await seq_of(house)
    nothing = ok(await case.script.get("/v1/sessions", params={"changed_after": follower.after}))
    assert (nothing["items"], nothing["next_after"]) == ([], follower.after)
