"""Whatever is thrown at a route: an answer that says what is wrong, never a 500, and nothing written."""

import inspect
import json
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import MISSING, fields
from datetime import date, datetime
from enum import StrEnum
from itertools import cycle
from typing import Any, get_args, get_origin
from uuid import UUID, uuid4

import httpx
import pytest

from api.front import Route
from domain.access import CLINICIANS, POLICY, Role
from domain.catalog import MACHINES
from domain.values import Between, Few, Words, markers, record_in, type_hints
from tests.api.test_isolation import ADDRESS, World, body_of, founded, rows, seeded, subject_of
from tests.conftest import House, Running, made, ok, refused

JSON = {"Content-Type": "application/json"}
MIB = 1024 * 1024
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "ZORRO")


@pytest.fixture(scope="module")
async def seed(running: Running) -> World:
    return await seeded(await founded(running))


@pytest.fixture
async def world(seed: World) -> AsyncIterator[World]:
    """One of everything, and the promise that it is all still as it was afterwards."""
    before = await rows(seed.case.house)
    yield seed
    assert await rows(seed.case.house) == before


def addressed(route: Route, world: World) -> str:
    return route.path.replace("{id}", world.ids[subject_of(route)]).replace("{seq}", "1")


def writes(world: World) -> Iterator[tuple[Route, str, dict[str, str]]]:
    """Every route that takes a body (a delivery that is sent again has its own test below), an address of it, and the condition it asks for."""
    for route in world.case.house.running.service.routes:
        if route.method in ("POST", "PUT", "PATCH", "DELETE") and "{seq}" not in route.path:
            condition = {"PUT": {"If-None-Match": "*"}, "POST": {}}.get(route.method, {"If-Match": "*"})
            path = route.path.replace("{id}", str(uuid4())) if route.method == "PUT" else addressed(route, world)
            yield route, path, condition


def writer(world: World, route: Route) -> httpx.AsyncClient:
    """A script, but where scripts have nothing to write."""
    machine = route.about.machine
    alone = machine and not any(Role.INTEGRATION in move.by for move in machine.moves)
    return world.case.therapist if alone else world.case.script


def dealt(things: Iterable[Any], cards: Iterable[Any], each: int) -> Iterator[tuple[Any, Any]]:
    """Every thing with a few of the cards, in turn, so that every card is played on many things."""
    turn = cycle(cards)
    for thing in things:
        for _ in range(each):
            yield thing, next(turn)


def a_refusal(response: httpx.Response, *statuses: int, of: Any = "") -> dict[str, Any]:
    """Problem details that say something."""
    assert response.status_code in (statuses or range(400, 500)), (of, response.status_code, response.text)
    problem = refused(response, response.status_code)
    assert problem["detail"] and problem["title"], (of, problem)
    assert response.headers["x-request-id"] in problem["instance"]
    return problem


# -- whole bodies ------------------------------------------------------------------------------------------------------

BODIES: dict[str, bytes] = {
    "an array": b"[]", "a string": b'"x"', "a number": b"1", "null": b"null", "true": b"true", "half an object": b"{",
    "half a field": b'{"a":', "a trailing comma": b'{"a":1,}', "single quotes": b"{'a':1}", "a comment": b"{}//",
    "two documents": b"{}{}", "invalid UTF-8": b'{"a":"\xff"}', "overlong UTF-8": b'{"a":"\xc0\xaf"}',
    "a lone surrogate": b'{"a":"\\ud800"}', "a lone surrogate as a name": b'{"\\udc00":1}', "NUL outside": b"{}\x00",
    "a raw control character": b'{"a":"\x01"}', "a BOM": b"\xef\xbb\xbf{}", "UTF-16": "{}".encode("utf-16"),
    "an unknown field": b'{"no_such_field":1}', "NaN": b'{"no_such_field":NaN}', "Infinity": b'{"no_such_field":-Infinity}',
    "1e999": b'{"no_such_field":1e999}', "an integer of 5000 digits": b'{"no_such_field":' + b"9" * 5_000 + b"}",
    "a nameless field": b'{"":1}', "NUL in a name": b'{"a\\u0000b":1}', "a slash in a name": b'{"a/b~c":1}',
    "a prototype": b'{"__proto__":{"role":"admin"}}', "a thousand fields": json.dumps({f"f{i}": i for i in range(1_000)}).encode(),
    "an XML document": b"<a/>", "deep arrays": b"[" * 100_000, "deep objects": b'{"a":' * 100_000,
    "deep and closed": b'{"a":' + b"[" * 50_000 + b"]" * 50_000 + b"}", "deep, not too deep": b'{"a":' + b"[" * 150 + b"]" * 150 + b"}",
    "a long name": b'{"' + b"n" * 100_000 + b'":1}', "a multipart form": b"--x\r\nContent-Disposition: form-data\r\n\r\n--x--",
}  # fmt: skip


async def test_a_body_that_is_not_one_is_refused_everywhere(world: World):
    for (route, path, condition), name in dealt(writes(world), BODIES, 5):
        response = await writer(world, route).request(
            route.method, path, content=BODIES[name], headers=JSON | condition
        )
        a_refusal(response, 400, 422, of=(route.path, name))
        assert len(response.content) < 40_000


async def test_a_field_that_is_not_known_is_refused_by_its_name(world: World):
    for route, path, condition in writes(world):
        takes = route.about.takes
        body = (body_of(takes, world) if takes and route.method != "PATCH" else {}) | {"no/such~field": 1}
        problem = a_refusal(
            await writer(world, route).request(route.method, path, json=body, headers=condition), 422, 403
        )
        if problem["status"] == 422:
            assert problem["errors"] == [{"pointer": "#/no~1such~0field", "detail": "There is no such field."}], (
                route.path
            )


async def test_a_body_that_is_too_large_is_refused_whether_or_not_it_says_so(world: World):
    async def trickle() -> AsyncIterator[bytes]:
        for _ in range(17):
            yield b" " * (MIB // 16)

    async def lying() -> AsyncIterator[bytes]:
        yield b"{}"
        yield b" " * (MIB + 1)

    for route, path, condition in writes(world):
        headers = JSON | condition | {"Content-Length": str(10**12)}
        a_refusal(
            await writer(world, route).request(route.method, path, content=b"{}", headers=headers), 413, of=route.path
        )
    for route, path, condition in list(writes(world))[::8]:
        whole = await writer(world, route).request(
            route.method, path, content=b" " * (MIB + 1), headers=JSON | condition
        )
        a_refusal(whole, 413, of=route.path)
        content = trickle() if "{id}" in route.path else lying()
        response = await writer(world, route).request(route.method, path, content=content, headers=JSON | condition)
        a_refusal(response, 413, of=route.path)


async def test_a_body_of_the_largest_size_is_read(world: World):
    body = b'{"summary":"' + b"x" * (MIB - 14) + b'"}'
    assert len(body) == MIB
    response = await world.case.script.post("/v1/ruptures", content=body, headers=JSON)
    assert {e["pointer"] for e in a_refusal(response, 422)["errors"]} == {"#/summary", "#/relationship_id"}


async def test_a_length_that_is_none_is_no_length(world: World):
    for length in ("\xb2", "-1", "1" * 5_000, "0x10", "1.5", "", "two", "+2", "2, 2"):
        headers = [(b"content-length", length.encode("latin-1")), (b"content-type", b"application/json")]
        response = await world.case.script.post("/v1/ruptures", content=b"{}", headers=headers)
        a_refusal(response, 400, 411, 413, 422, of=length[:10])


async def raw(world: World, messages: list[dict[str, Any]], path: str, *more: tuple[bytes, bytes]) -> dict[str, Any]:
    """A request as a server hands it over, message by message."""
    token = world.case.house.token("therapist", world.ids["therapist"])
    said: list[dict[str, Any]] = []
    coming = iter(messages)

    async def receive() -> dict[str, Any]:
        return next(coming, {"type": "http.disconnect"})

    async def send(message: dict[str, Any]) -> None:
        said.append(message)

    headers = [(b"authorization", f"Bearer {token}".encode()), (b"content-type", b"application/json"), *more]
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
        "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "", "headers": headers,
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80), "state": {},
    }  # fmt: skip
    await world.case.house.running.app(scope, receive, send)
    return said[0]


async def test_a_body_that_breaks_off_is_not_taken_for_an_empty_one(world: World):
    """A move that needs no body would be made by whoever loses their connection."""
    gone, part = {"type": "http.disconnect"}, {"type": "http.request", "body": b"{}", "more_body": True}
    for path in (f"/v1/termination-plans/{world.ids['termination_plan']}/begin-closing",
                 f"/v1/repairs/{world.ids['repair']}/recognize", "/v1/clients"):  # fmt: skip
        for messages in ([gone], [part, gone], [part, part, gone]):
            for more in ([], [(b"content-length", b"200")]):
                assert 400 <= (await raw(world, messages, path, *more))["status"] < 500
        short = [{"type": "http.request", "body": b"{}", "more_body": False}]
        assert 400 <= (await raw(world, short, path, (b"content-length", b"200")))["status"] < 500


TYPES = ["", "text/plain", "text/json", "application/xml", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
         "application/json-patch+json", "application/jsonx", "application", "*/*", "json", "application/octet-stream", "\xff"]  # fmt: skip


async def test_what_is_not_called_json_is_not_read(world: World):
    for (route, path, condition), kind in dealt(writes(world), TYPES, 2):
        headers = {"Content-Type": kind.encode("latin-1"), **condition}
        response = await writer(world, route).request(route.method, path, content=b'{"a":1}', headers=headers)
        a_refusal(response, 415, of=(route.path, kind))


async def test_json_is_utf_8_whatever_the_header_says(world: World):
    body = json.dumps({"label": "ü"}, ensure_ascii=False)
    for charset in ("utf-16", "iso-8859-1"):
        headers = {"Content-Type": f"application/json; charset={charset}"}
        a_refusal(await world.case.script.post("/v1/clients", content=body.encode(charset), headers=headers), 400, 415)
    headers = JSON | {"Content-Encoding": "gzip"}
    a_refusal(await world.case.script.post("/v1/clients", content=b"\x1f\x8b\x08\x00", headers=headers), 400, 415)


async def test_a_field_said_twice_is_refused_by_its_name(world: World):
    """Most parsers take the last, some the first: a screening would be `high` for one system and `none` for the next."""
    url = f"/v1/relationships/{world.ids['relationship']}"
    bodies = {
        ("POST", f"{url}/screen-risk", "risk"): b'{"risk":"high","risk":"none"}',
        ("POST", f"{url}/screen-risk", "screened_on"): b'{"risk":"high","screened_on":null,"screened_\\u006fn":null}',
        ("PATCH", url, "modality"): b'{"modality":"CBT","setting":"couple","modality":null}',
        ("PATCH", url, "text"): b'{"goals":[{"text":"a","text":"a"}]}',
        ("PATCH", url, "n" * 80): b'{"%s":1,"%s":2}' % (b"n" * 500, b"n" * 500),
        ("PATCH", url, "a"): b'{"a":%s,"a":1}' % (b"9" * 4_000),
    }
    for (method, path, name), body in bodies.items():
        response = await world.case.script.request(method, path, content=body, headers=JSON | {"If-Match": "*"})
        detail = f"The field {name} is there more than once; send it once."
        assert a_refusal(response, 400)["detail"] == detail


# -- fields ------------------------------------------------------------------------------------------------------------

ANY = [[], {}, [[]], [{}], {"a": 1}]
LONG = "x" * 1_000_000


def kind_of(hint: Any) -> Any:
    """The type itself, without what is wrapped around it."""
    if get_origin(hint) in (tuple, Mapping):
        return get_origin(hint)
    inner = [a for a in get_args(hint) if a is not type(None)]
    return kind_of(inner[0]) if inner else hint


def wrong(hint: Any) -> Iterator[Any]:
    """Values that cannot be right for a field."""
    kind, found = kind_of(hint), markers(hint)
    if kind is tuple:
        yield from ("x", 1, True, {}, {"0": 1}, [None], [[]], [[[]]], [1.5], "[]")
        limit = next((m.limit for m in found if isinstance(m, Few)), None)
        if limit:
            yield [{}] * (limit + 1)
    elif kind is Mapping:
        yield from ("x", 1, True, [], [{}], {"no_such_field": []}, {"no_such_field": {}}, "{}")
    elif record_in(kind):
        yield from ("x", 1, True, [], [{}], {"no_such_field": 1}, "{}")
    elif kind is str:
        limit = next(m.limit for m in found if isinstance(m, Words))
        yield from (1, 1.5, True, *ANY, "", "  ", "\n\t", "a\x00b", "\x00", "x" * (limit + 1), "ü" * (limit + 1))
    elif kind is UUID:
        yield from (1, 0, True, 1.5, *ANY, "", "x", "\x00" * 36, "g" * 32, "0" * 31, "0" * 33, "../x", "٣" * 32)
    elif isinstance(kind, type) and issubclass(kind, StrEnum):
        word = next(iter(kind)).value
        yield from (1, 0, True, 1.5, *ANY, "", "no_such_word", word.upper(), f" {word}", f"{word}\x00")
    elif kind is bool:
        yield from (1, 0, 1.0, "true", "false", "", "yes", *ANY)
    elif kind is int:
        low, high = next(((m.low, m.high) for m in found if isinstance(m, Between)), (None, None))
        yield from (
            True,
            False,
            "1",
            "",
            1.5,
            10**30,
            -(10**30),
            2**63,
            10**400,
            float("nan"),
            float("inf"),
            1e300,
            *ANY,
        )
        if low is not None:
            yield from (low - 1, high + 1, min(low - 1, -1))
    elif kind is float:
        low, high = next((m.low, m.high) for m in found if isinstance(m, Between))
        yield from (
            True,
            False,
            "1",
            "",
            10**30,
            10**400,
            float("nan"),
            float("inf"),
            1e300,
            low - 1e-7,
            high + 1,
            *ANY,
        )
    elif kind in (date, datetime):
        yield from (1, 0, -1, True, 1.5, 10**20, *ANY, "", "x", "yesterday", "0000-01-01", "0001-01-01", "10000-01-01", "9999-12-31",
                    "1899-12-31", "2200-01-01", "2026-13-01", "2026-02-30", "2026-9-1", "-2026-01-01", "+12026-01-01",
                    "2026-09-01T25:00:00Z", "2026-W01-1", "\u0662\u0660\u0662\u0666-\u0660\u0669-\u0660\u0661", "2026-09-01\x00", "NaN", "infinity")  # fmt: skip
    if kind is datetime:
        yield from ("2026-09-01", "2026-09-01T10:00:00", "2026-09-01T10:00", "0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00Z",
                    "9999-12-31T23:59:59-14:00", "9999-12-31T23:59:59.999999Z", "2026-09-01T10:00:00+25:00",
                    "2026-09-01T10:00:00+99:99", "2199-12-31T23:59:59-23:59", "1900-01-01T00:00:00+23:59")  # fmt: skip


def bad_bodies(takes: type, world: World) -> Iterator[tuple[type, str, Any, dict[str, Any]]]:
    """A body that is right but for one field: where the field comes from, its pointer, the value, and the body."""
    least, hints = body_of(takes, world), type_hints(takes)
    for f in fields(takes):
        hint, owner = hints[f.name], declared_in(takes, f.name)
        for value in wrong(hint):
            yield owner, f"#/{f.name}", value, least | {f.name: value}
        if f.default is MISSING and f.default_factory is MISSING:
            if type(None) not in get_args(hint):
                yield owner, f"#/{f.name}", None, least | {f.name: None}
            yield owner, f"#/{f.name}", "left out", {n: v for n, v in least.items() if n != f.name}
        if inner := record_in(hint):
            many = kind_of(hint) is tuple
            for deeper, pointer, value, entry in bad_bodies(inner, world):
                where = f"#/{f.name}/0{pointer[1:]}" if many else f"#/{f.name}{pointer[1:]}"
                yield deeper, where, value, least | {f.name: [entry] if many else entry}


TAKES = {move.takes: move for machine in MACHINES for move in machine.moves if fields(move.takes) and move.by - POLICY}


def declared_in(takes: type, name: str) -> type:
    """The class that a field comes from."""
    return next(c for c in reversed(takes.__mro__) if name in inspect.get_annotations(c))


async def test_a_value_that_can_not_be_is_refused_by_the_name_of_its_field(world: World):
    """Each kind of body on a route of its own; the others take the same classes through the same door."""
    seen: set[tuple[Any, ...]] = set()
    for takes, move in TAKES.items():
        routes = [r for r in world.case.house.running.service.routes if not r.open and r.about.takes is takes]
        route = next((r for r in routes if r.method in ("PATCH", "POST")), routes[0])
        path, patch = addressed(route, world), route.method == "PATCH"
        headers = JSON | ({"If-Match": "*"} if patch else {})
        caller = world.case.supervisor if move.by == CLINICIANS else writer(world, route)
        tried: dict[str, int] = {}
        for owner, pointer, value, body in bad_bodies(takes, world):
            if patch and (value is None or value == "left out"):
                continue
            tried[pointer] = tried.get(pointer, 0) + 1
            if (owner, pointer.rpartition("/")[2], "seen before") in seen and tried[pointer] > 2:
                continue
            response = await caller.request(route.method, path, content=json.dumps(body), headers=headers)
            told = f"{route.path} {pointer} = {str(value)[:60]}"
            problem = a_refusal(response, 400, 422, of=told)
            if problem["status"] == 422:
                assert any(e["pointer"].startswith(pointer) for e in problem["errors"]), (told, problem)
            assert len(response.content) < 40_000, told
        seen |= {(declared_in(takes, f.name), f.name, "seen before") for f in fields(takes)}
        seen |= {
            (i, f.name, "seen before") for h in type_hints(takes).values() if (i := record_in(h)) for f in fields(i)
        }


async def test_the_longest_texts_and_lists_a_body_can_hold_are_refused_at_once(world: World):
    for name, value in (("summary", LONG), ("type", LONG), ("policy_id", LONG), ("happened_on", LONG), ("strains", ["x"] * 200_000),
                        ("markers", [{}] * 200_000), ("client_intensity", 10**4_000), (LONG, 1)):  # fmt: skip
        body = {"relationship_id": world.ids["relationship"], name: value}
        started = time.process_time()
        problem = a_refusal(await world.case.script.post("/v1/ruptures", json=body), 400, 422, of=name[:20])
        assert time.process_time() - started < 1, name[:20]
        assert len(json.dumps(problem)) < 40_000
    many = {f"f{i}": 0 for i in range(80_000)}
    started = time.process_time()
    problem = a_refusal(await world.case.script.post("/v1/ruptures", json=many), 400, 422)
    assert time.process_time() - started < 1
    assert len(json.dumps(problem)) < 40_000


# -- addresses ---------------------------------------------------------------------------------------------------------

PLACES = ["x", "0", "-1", "null", "undefined", "%00", "a%00b", "..", "%2e%2e", "%2F", "..%2F..%2Fetc", "'", "%27%20OR%201=1", "%ff",
          "%F0%9F%A6%8A", "0" * 31, "0" * 33, "g" * 32, "a" * 5_000, "{id}", "*", "1%3B2", "%0d%0aX-Evil:1", "%u0000",
          "%D9%A3" * 32]  # fmt: skip


async def test_what_is_not_an_id_names_nothing(world: World):
    routes = [r for r in world.case.house.running.service.routes if "{id}" in r.path]
    for route, place in dealt(routes, PLACES, 3):
        condition = {"PUT": {"If-None-Match": "*"}, "GET": {}, "POST": {}}.get(route.method, {"If-Match": "*"})
        takes = route.about.takes if route.method in ("PUT", "POST") else None
        body = body_of(takes, world) if takes else {}
        path = route.path.replace("{id}", place).replace("{seq}", "1")
        # A supervisor and a therapist between them may call everything but the endpoints' routes.
        caller = world.case.script if subject_of(route) == "webhook_endpoint" else world.case.supervisor
        content = None if route.method == "GET" else json.dumps(body)
        response = await caller.request(route.method, path, content=content, headers=JSON | condition)
        a_refusal(response, 404, 405, 403, 422, of=path)
        assert "x-evil" not in response.headers
        if response.status_code == 403:
            assert "role-may-not" in response.text or "insufficient-scope" in response.text


async def test_an_id_may_be_spelled_in_capitals_and_is_the_same(world: World):
    found = ok(await world.case.script.get(f"/v1/ruptures/{world.ids['rupture'].upper()}"))
    assert found["id"] == world.ids["rupture"]


async def test_other_spellings_of_an_id_are_at_most_the_same_thing(world: World):
    for spelling in ("{{{}}}", "urn:uuid:{}", "%7B{}%7D", "{}%20", "%20{}", "{}%0a", "{}.json", "{};v=1", "{}%00"):
        response = await world.case.script.get(f"/v1/ruptures/{spelling.format(world.ids['rupture'])}")
        assert response.status_code == 404 or ok(response)["id"] == world.ids["rupture"]


async def test_an_encoded_slash_does_not_make_another_address(world: World):
    """A gateway that decides by the path must see the path that is answered."""
    id = world.ids["rupture"]
    a_refusal(await world.case.script.get(f"/v1/ruptures/{id}%2Fhistory"), 404)
    a_refusal(await world.case.script.get(f"/v1%2Fruptures/{id}"), 404)
    a_refusal(await world.case.supervisor.post(f"/v1/ruptures/{id}%2fdismiss", json={"reason": "other"}), 404)


async def test_an_address_that_leads_nowhere_says_so(world: World):
    for path in ("/", "//", "/v1", "/v1/", "/v1//clients", "/v1/clients/", "/V1/clients", "/v1/clients//", "/v2/clients", "/v1/nothing",
                 "/v1/clients/%2e%2e/policies", "/.env", "/admin", "/docs/%2e%2e%2fhouse.py", "/problems/nothing",
                 "/problems/%3Cscript%3E", "/docs/x"):  # fmt: skip
        response = await world.case.script.get(path)
        a_refusal(response, 404, of=path)
        assert "<script>" not in response.text


async def test_a_number_that_is_no_event_was_never_delivered(house: House):
    script = await house.as_("integration")
    endpoint = made(await script.post("/v1/webhook-endpoints", json={"url": ADDRESS, "event_types": ["repair.*"]}))
    for seq in ("0", "-1", "x", "1.5", "9" * 18, "9" * 19, "9" * 400, "%00", "٣", "%D9%A3", "1e3", "+1", "0x1", "3"):
        one = f"/v1/webhook-endpoints/{endpoint['id']}/deliveries/{seq}"
        a_refusal(await script.get(one), 404)
        a_refusal(await script.post(f"{one}/redeliver"), 404)


# -- queries -----------------------------------------------------------------------------------------------------------


def reads(world: World) -> Iterator[tuple[Route, str]]:
    for route in world.case.house.running.service.routes:
        if route.method == "GET" and not route.open:
            path = addressed(route, world)
            if "{seq}" in route.path:
                continue  # it has no such delivery, which comes first
            yield route, path


async def test_a_query_parameter_that_is_not_known_is_refused_by_name(world: World):
    wrong_names = ("no_such=1", "no_such", "no_such=%00", "LIMIT=1", "limit%00=1", "limit[]=1", "practice_id=1", "=1")
    for (route, path), query in dealt(reads(world), wrong_names, 3):
        problem = a_refusal(await world.case.script.get(f"{path}?{query}"), 422, of=f"{route.path}?{query}")
        assert problem["errors"][0]["parameter"] == httpx.QueryParams(query).multi_items()[0][0][:80] or "%00" in query


async def test_a_query_parameter_that_is_not_known_does_not_pass_for_one_that_is_when_something_is_written(
    world: World,
):
    """`?dry_run=1` must not be a way of making a move."""
    for route, path, condition in writes(world):
        takes = route.about.takes if route.method != "PATCH" else None
        body = body_of(takes, world) if takes else {}
        # A body that is refused as well, so that nothing is written either way; the query is named first.
        response = await world.case.script.request(
            route.method, f"{path}?dry_run=1", json=body | {"no_such_field": 1}, headers=condition
        )  # fmt: skip
        problem = a_refusal(response, 422, 403, of=route.path)
        if problem["status"] == 422:
            assert problem["errors"][0].get("parameter") == "dry_run", route.path


async def test_a_query_parameter_said_twice_is_refused(world: World):
    for route, path in reads(world):
        for name in route.about.query:
            response = await world.case.script.get(f"{path}?{name}=1&{name}=1")
            a_refusal(response, 422, of=f"{route.path}?{name}")


async def test_more_parameters_than_anybody_needs_are_refused(world: World):
    many = ("&".join(f"a{i}=1" for i in range(1_000)), "&" * 1_000 + "limit=0", "limit=1&" * 150, ";" * 500)
    for (_, path), query in dealt(reads(world), many, 1):
        a_refusal(await world.case.script.get(f"{path}?{query}"), 400, 422, of=f"{path}?{query[:20]}")


NUMBERS = ["", "0x10", "-1", "1.5", "1e3", "%201", "1%20", "+1", "٣", "%D9%A3", "%C2%B2", "9" * 30, "9" * 5_000, "2**3", "NaN", "null",
           "true", "1%00", "%EF%BC%91", str(2**63), str(2**64)]  # fmt: skip
CURSORS = ["", "x", "a" * 21, "a" * 23, "a" * 30_000, "%00", "%FF%FE", "ключ", "null", "..", "=" * 22, "AAAA",
           "%E2%82%AC" * 22]  # fmt: skip
WRONG_QUERIES: dict[str, list[str]] = {
    "limit": ["0", "201" , "501", "100000", *NUMBERS], "after": NUMBERS, "before": ["0", *NUMBERS], "changed_after": NUMBERS,
    "wait": ["31", "100000", *NUMBERS], "cursor": CURSORS,
    "types": ["", ",", "nope", "rupture", "rupture.*,nope", "*.*", "rupture.%00", "**", "rupture.reported,", "r*", "x" * 10_000],
    "phase": ["", "nope", "CONFIRMED", "confirmed%00", "confirmed,repaired", "x" * 10_000],
    "from": ["", "soon", "2026-13-01"], "until": ["", "never", "2026-02-30"], "kind": ["", "nagging", "OUTREACH"], "due_before": ["", "soon", "2026-13-01"],
    "width": ["", "0", "x", "1e3", "99999"], "theme": ["", "sepia", "DARK"],
    "modality": ["", "telepathy", "VIDEO"], "age": ["", "40", "Adult"],
    "since": ["", "yesterday", "2026-13-01", "2026-1-1x"], "state": ["", "nope", "PENDING"], "include": ["", "everything"], "pattern": ["", "clingy", "SECURE"],
    "step": ["", "nope"], "rupture_type": ["", "nope"],
    **{f"{name}_id": ["", "x", "null", "%00", "0" * 31, "a" * 5_000, "*"] for name in ("client", "therapist", "relationship", "session", "rupture")},
    "external_value": ["a%00"], "external_system": ["%00"],
}  # fmt: skip


COMMON = {"limit", "cursor", "changed_after", "after", "phase", "external_value", "external_system",
          *(n for n in WRONG_QUERIES if n.endswith("_id"))}  # fmt: skip


async def test_a_query_that_can_never_match_is_refused_by_name(world: World):
    turns = {name: cycle(values) for name, values in WRONG_QUERIES.items()}
    for route, path in reads(world):
        for name in route.about.query:
            # Each everywhere in turn, and all of them where there is but one such place.
            for value in (next(turns[name]) for _ in range(3 if name in COMMON else len(WRONG_QUERIES[name]))):
                if (name, value, "events" in path or "history" in path or "timeline" in path) == ("limit", "201", True):
                    continue  # the log has longer pages
                if name == "include" and value == "everything" and "repairs" not in path:
                    continue
                response = await world.case.script.get(f"{path}?{name}={value}")
                problem = a_refusal(response, 422, of=f"{route.path}?{name}={value[:40]}")
                assert problem["errors"][0]["parameter"] == name, (route.path, name, value[:40], problem)
                assert len(response.content) < 5_000


async def test_a_cursor_from_elsewhere_is_at_most_a_place_to_go_on_from(world: World):
    page = ok(await world.case.script.get("/v1/ruptures?limit=1"))
    for path in ("/v1/clients", "/v1/policies"):
        assert ok(await world.case.script.get(f"{path}?cursor={page['next_cursor']}"))["items"] is not None


# -- headers -----------------------------------------------------------------------------------------------------------

CONDITIONS = [b"", b" ", b"x", b'"x"', b'""', b'"', b'W/"1"', b'w/"1"', b'"8", "9"', b'"1" "1"', b'"-1"', b'"1.0"', b'"1e0"', b'"0"', b'"999"',
              b'"9999999999"', b'"' + b"9" * 5_000 + b'"', b'"\xb2"', b'"\xd9\xa3"', b"\xff", b"null", b"**", b'"*"', b'"1";x', b"\x00"]  # fmt: skip


async def test_a_condition_that_does_not_hold_or_makes_no_sense_stops_everything(world: World):
    there = [w for w in writes(world) if "{id}" in w[0].path and w[0].method != "PUT"]
    for (route, path, _), condition in dealt(there, CONDITIONS, 3):
        takes = route.about.takes if route.method == "POST" else None
        body = json.dumps(body_of(takes, world) if takes else {})
        headers = [(b"if-match", condition), (b"content-type", b"application/json")]
        response = await writer(world, route).request(route.method, path, content=body, headers=headers)
        a_refusal(response, 400, 412, of=(route.path, condition))


async def test_put_takes_one_condition_only(world: World):
    for condition in (b"", b"x", b'"1"', b'W/"1"', b"*, *", b"\xff", b"* "):
        headers = [(b"if-none-match", condition), (b"content-type", b"application/json")]
        response = await world.case.script.put(f"/v1/clients/{world.ids['client']}", content=b"{}", headers=headers)
        a_refusal(response, 428, 400, 412)


KEYS = [b"", b" ", b'""', b'"', b"k" * 256, b'"' + b"k" * 256 + b'"', b"a\x01b", b"a\x7fb", b"a\x00", b"a\tb", b"\x85",
        "ключ".encode()]  # fmt: skip


async def test_an_idempotency_key_that_is_none_is_refused(world: World):
    for (route, path, _), key in dealt([w for w in writes(world) if w[0].method == "POST"], KEYS, 2):
        takes = route.about.takes
        body = json.dumps(body_of(takes, world) if takes else {})
        headers = [(b"idempotency-key", key), (b"content-type", b"application/json")]
        a_refusal(await writer(world, route).post(path, content=body, headers=headers), 400, of=(route.path, key))


async def test_a_header_that_must_be_one_is_not_guessed_from_two(world: World):
    one = f"/v1/ruptures/{world.ids['rupture']}"
    for pair in ([("If-Match", '"1"'), ("If-Match", "*")], [("If-Match", "*"), ("If-Match", '"1"')]):
        a_refusal(await world.case.therapist.patch(one, json={"type": "mixed"}, headers=pair), 400, 412)
    for name, first, second in (("Idempotency-Key", "a", "b"), ("Content-Type", "application/json", "text/plain")):
        pair = [(name, first), (name, second)]
        response = await world.case.therapist.post(f"{one}/dismiss", content=b"{}", headers=pair)
        a_refusal(response, 400, 415, of=name)


IDS = [
    "a b",
    "a\r\nX-Evil: 1",
    "a\nb",
    "a" * 129,
    "",
    "<script>",
    '"',
    "é",
    "a\x00",
    "../..",
    "{}",
    "%0d%0a",
    "a;b",
    "a,b",
]


async def test_a_request_id_that_is_not_harmless_is_replaced(running: Running):
    outside = await running.client()
    for said in IDS:
        response = await outside.get("/v1/clients", headers=[(b"X-Request-Id", said.encode("latin-1"))])
        given = response.headers["x-request-id"]
        assert given.isalnum() and given != said
        assert "x-evil" not in response.headers
        assert response.json()["instance"] == f"urn:bravespace:request:{given}"


async def test_a_harmless_request_id_comes_back(running: Running):
    outside = await running.client()
    for path, status in (("/healthz", 200), ("/v1/clients", 401), ("/nothing", 404)):
        response = await outside.get(path, headers={"X-Request-Id": "Trace-7.b_2"})
        assert (response.status_code, response.headers["x-request-id"]) == (status, "Trace-7.b_2")


# -- methods -----------------------------------------------------------------------------------------------------------


async def test_a_method_an_address_does_not_take_is_refused_with_those_it_takes(world: World):
    taken: dict[str, set[str]] = {}
    for route in world.case.house.running.service.routes:
        taken.setdefault(addressed(route, world), set()).add(route.method)
    for path, methods in taken.items():
        allowed = methods | ({"HEAD"} if "GET" in methods else set())
        for method in METHODS:
            if method not in allowed:
                response = await world.case.script.request(method, path)
                if method == "HEAD":
                    assert response.status_code == 405 and not response.content
                else:
                    a_refusal(response, 405, of=(method, path))
                assert {m.strip() for m in response.headers["allow"].split(",")} == allowed, (method, path)


async def test_head_says_what_get_would_and_sends_nothing(world: World):
    outside = await world.case.house.running.client()
    for route in world.case.house.running.service.routes:
        if route.method == "GET":
            path = addressed(route, world).replace("{name}", "swagger-ui.css").replace("{code}", "not-found")
            for caller in (world.case.script, outside):
                got, head = await caller.get(path), await caller.head(path)
                assert (head.status_code, head.content) == (got.status_code, b"")
                assert head.headers["content-type"] == got.headers["content-type"]


async def test_a_method_is_not_changed_by_a_header(world: World):
    path = f"/v1/ruptures/{world.ids['rupture']}"
    for name in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"):
        ok(await world.case.therapist.get(path, headers={name: "DELETE", "If-Match": "*"}))


async def test_strangers_do_not_fill_the_metrics(running: Running):
    outside = await running.client()
    word = f"ZQ{uuid4().hex}".upper()
    for method, path in (
        (word, "/v1/clients"),
        (word, f"/{word}"),
        ("GET", f"/v1/{word}"),
        ("GET", f"/v1/clients/{word}"),
    ):
        await outside.request(method, path)
    assert word not in (await outside.get("/metrics")).text


async def test_a_page_of_another_origin_is_not_told_that_it_may(running: Running):
    outside = await running.client()
    ask = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    for origin in (
        "https://evil.example",
        "null",
        "https://app.example.evil.example",
        "http://app.example",
        "https://app.example:444",
    ):
        response = await outside.options("/v1/clients", headers={"Origin": origin, **ask})
        assert "access-control-allow-origin" not in response.headers
        response = await outside.get("/healthz", headers={"Origin": origin})
        assert "access-control-allow-origin" not in response.headers
    response = await outside.options("/v1/clients", headers={"Origin": "https://app.example", **ask})
    assert response.headers["access-control-allow-origin"] == "https://app.example"
    assert "access-control-allow-credentials" not in response.headers


async def test_every_kind_of_refusal_can_be_looked_up(running: Running):
    outside = await running.client()
    listed = (await outside.get("/problems")).text
    for code in ("not-found", "invalid", "malformed", "method-not-allowed", "too-large", "unsupported-media-type", "stale",
                 "condition-required", "unauthorized", "insufficient-scope", "role-may-not", "incomplete", "refused"):  # fmt: skip
        assert f"/problems/{code}" in listed
        assert (await outside.get(f"/problems/{code}")).status_code == 200


# -- endpoints ---------------------------------------------------------------------------------------------------------

ADDRESSES = ["http://hooks.example/", "ftp://hooks.example/", "javascript:alert(1)", "file:///etc/passwd", "//hooks.example/", "hooks.example",
             "https://", "https:///x", "https://user:pass@hooks.example/", "https://hooks.example/#x", "https://hooks.example:99999/",
             "https://hooks.example:x/", "https://10.0.0.1/", "https://192.168.1.1/", "https://172.16.0.1/", "https://169.254.169.254/",
             "https://100.64.0.1/", "https://0.0.0.0/", "https://[::]/", "https://[fe80::1]/", "https://[fc00::1]/", "https://[::ffff:10.0.0.1]/",
             "https://[64:ff9b::a00:1]/", "https://[64:ff9b::7f00:1]/", "https://[2002:7f00:1::]/", "https://224.0.0.1/", "https://255.255.255.255/", "https://0x7f.0.0.1/",
             "https://0x7f000001/", "https://2130706433/", "https://127.1/", "https://127.0x1/", "https://0177.0.0.1/", "https://192.168.257/", "https://10.0.0.1./",
             "https://hooks.example /", "https://hooks.example/\r\nX: 1", "https://hooks.example\\@10.0.0.1/", "https://höks.example/",
             "https://[::1", "https://[v1.x]/", "https://.", "https://..", "https://%31%30.0.0.1/"]  # fmt: skip


async def test_an_address_within_the_house_is_not_sent_to(world: World):
    one, taken = f"/v1/webhook-endpoints/{world.ids['webhook_endpoint']}", []
    for address in ADDRESSES:
        for response in (
            await world.case.script.post("/v1/webhook-endpoints", json={"url": address}),
            await world.case.script.patch(one, json={"url": address}, headers={"If-Match": "*"}),
        ):
            if response.status_code != 422:
                taken.append((response.request.method, address))
            else:
                assert a_refusal(response)["errors"][0]["pointer"] == "#/url"
    assert not taken


async def test_what_comes_with_the_wish_to_send_an_event_again_is_checked_as_well(world: World):
    one = f"/v1/webhook-endpoints/{world.ids['webhook_endpoint']}"
    seq = ok(await world.case.script.get(f"{one}/deliveries"))["items"][0]["seq"]
    path = f"{one}/deliveries/{seq}/redeliver"
    for name in ("an array", "half an object", "an unknown field", "NaN", "deep arrays"):
        a_refusal(await world.case.script.post(path, content=BODIES[name], headers=JSON), 400, 422)
    a_refusal(await world.case.script.post(path, content=b"{}", headers={"Content-Type": "text/plain"}), 415)
    a_refusal(await world.case.script.post(f"{path}?dry_run=1"), 422)
    a_refusal(await world.case.script.post(path, headers={"Idempotency-Key": "k" * 256}), 400)
