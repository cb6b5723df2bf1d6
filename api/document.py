"""The documents, written from the routes and the tables: nothing in `openapi/` is typed by hand."""

import json
import tempfile
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from api import detectors_page, examples, handbook
from api.answers import delivery_schemas, endpoint_schemas, log_schemas, plain_schemas, webhook_body
from api.app import wire
from api.front import Route
from api.operations import JSON, operation, rules_of
from api.problems import OutOfScope, problem, problems
from api.schemas import Schema, Schemas, ref, text
from domain.catalog import MACHINES
from domain.change import OutcomeChange
from domain.errors import Incomplete, NotOpen, Refused
from domain.insights import Insights
from domain.readiness import Readiness
from infra.conflicts import HistoryGone
from infra.patience import SCHEDULE
from infra.settings import Settings

ABOUT = """The alliance layer of a mental-health record: ruptures in the therapeutic alliance, their repair, and a \
good ending of therapy, with a signed webhook for every change.

Every object carries its `phase`, its `version` (also the `ETag`) and its `open_moves`. A move that is not open \
answers 409 with the phase and what is open instead. Refusals are problem details (RFC 9457), also for an unknown \
address (404) and a wrong method (405). GET answers HEAD as well."""
REQUEST = "5f0c1a2b3c4d5e6f70819203"
KEY = "Names the request: the same one again gets the same answer again, for a day."
PARAMETERS: Mapping[str, Schema] = {
    "IdempotencyKey": {
        "name": "Idempotency-Key", "in": "header", "required": False, "description": KEY,
        "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!#-~]+$"},
    },
    "IfMatch": {
        "name": "If-Match", "in": "header", "required": False,
        "schema": {"type": "string", "pattern": '^("[0-9]{1,9}"(, ?"[0-9]{1,9}")*|\\*)$'},
        "description": "The ETag you read, or several: 412 if it has changed since.",
    },
    "IfMatchNeeded": {
        "name": "If-Match", "in": "header", "required": True,
        "schema": {"type": "string", "pattern": '^("[0-9]{1,9}"(, ?"[0-9]{1,9}")*|\\*)$'},
        "description": "The ETag you read, or several: 412 if it has changed since, 428 without it.",
    },
    "IfNoneMatch": {
        "name": "If-None-Match", "in": "header", "required": False,
        "description": "The ETag you know: 304 if it still holds.",
        "schema": {"type": "string", "pattern": '^("[0-9]{1,9}"|\\*)$'},
    },
    "IfNoneMatchTag": {
        "name": "If-None-Match", "in": "header", "required": False,
        "description": "The ETag you know: 304 if it still holds, and nothing is drawn.",
        "schema": {"type": "string", "pattern": '^("[0-9a-f]{32}"|\\*)$'},
    },
    "IfNoneMatchAny": {
        "name": "If-None-Match", "in": "header", "required": True, "schema": {"type": "string", "enum": ["*"]},
        "description": "`*`: PUT creates and never overwrites.",
    },
}  # fmt: skip
HEADERS: Mapping[str, Schema] = {
    "Accept-Patch": text("To a PATCH: the media types it takes."),
    "Cache-Control": text("`no-store`: what is clinical is not kept on the way."),
    "ETag": text("The version, in quotes."),
    "Idempotent-Replayed": text("`true` on an answer given before to the same Idempotency-Key.", enum=["true"]),
    "Link": text('The next page, with `rel="next"`; absent at the end.'),
    "Location": text("Where it is.", format="uri-reference"),
    "Retry-After": {"type": "integer", "description": "Seconds to wait."},
    "Vary": text("`Accept`: asked for in another form, it may come."),
    "WWW-Authenticate": text("What the token lacks."),
    "X-Request-Id": text("Names this request in our log; yours, if you sent one."),
}
SENT: Mapping[str, Schema] = {
    "webhook-id": text("The same on every attempt: a receiver drops what it has seen."),
    "webhook-timestamp": text(
        "When this attempt was made, in seconds since 1970. Refuse what is more than five minutes off."
    ),
    "webhook-signature": text(
        "`v1,` and the base64 HMAC-SHA256 of `id.timestamp.body`; several with spaces while a secret changes."
    ),
}
BESIDE = {
    401: ["WWW-Authenticate"], 403: ["WWW-Authenticate"], 406: ["Vary"], 409: ["Idempotent-Replayed", "Retry-After"],
    415: ["Accept-Patch"], 422: ["Idempotent-Replayed"], 503: ["Retry-After"],
}  # fmt: skip
TAGS = {
    "events": "The log as a change feed.", "guidance": "Prompts for the five steps.",
    "practices": "The caller's own practice.",
    "house": "What needs no token.",
}  # fmt: skip


def write(folder: Path) -> list[Path]:
    """Write every document into `folder`; the paths written."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = {
        "openapi.json": json.dumps(openapi(), indent=1, ensure_ascii=False), "machines.md": handbook.machines(),
        "events.md": handbook.events(), "roles.md": handbook.role_matrix(), "problems.md": handbook.problem_list(),
        "detectors.md": detectors_page.page(),
    }  # fmt: skip
    for name, said in texts.items():
        (folder / name).write_text(said.rstrip() + "\n", encoding="utf-8")
    return [folder / name for name in texts]


def routes() -> tuple[Route, ...]:
    """The service's own list of routes. Wiring makes keys, which are of no use here."""
    with tempfile.TemporaryDirectory() as place:
        return wire(Settings(data_dir=Path(place))).routes


def openapi() -> dict[str, Any]:
    """The OpenAPI document."""
    known = routes()
    schemas = Schemas([route.about.takes for route in known if route.about.takes])
    paths: dict[str, dict[str, Any]] = {}
    for route in known:
        paths.setdefault(route.path, {})[route.method.lower()] = operation(route, schemas)
    sent = {
        name: {"name": name, "in": "header", "required": True, "description": s["description"], "schema": bare(s)}
        for name, s in SENT.items()
    }  # fmt: skip
    says = {m.collection: (m.cls.__doc__ or "").strip() for m in MACHINES} | TAGS
    return {
        "openapi": "3.1.1",
        "info": {"title": "Bravespace", "version": version("bravespace"), "description": ABOUT},
        "servers": [{"url": "/"}],
        "security": [{"bearerAuth": []}],
        "tags": [{"name": name, "description": said} for name, said in says.items()],
        "paths": paths,
        "webhooks": webhooks(),
        "components": {
            "schemas": components(schemas),
            "parameters": {**ids(), **PARAMETERS, **sent},
            "headers": {name: {"description": s["description"], "schema": bare(s)} for name, s in HEADERS.items()},
            "responses": problem_responses(),
            "securitySchemes": {"bearerAuth": {
                "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
                "description": "An access token (RFC 9068) with `practice`, `role`, `sub` and `scope`.",
            }},
        },
    }  # fmt: skip


def ids() -> dict[str, Schema]:
    """The id in the path of each collection."""
    return {
        f"{machine.cls.__name__}Id": {
            "name": "id", "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"},
            "description": f"The id of the {machine.subject.replace('_', ' ')}.",
            "example": examples.ID[machine.subject],
        }
        for machine in MACHINES
    }  # fmt: skip


def bare(schema: Schema) -> Schema:
    """A schema without its description."""
    return {key: part for key, part in schema.items() if key != "description"}


def components(schemas: Schemas) -> dict[str, Schema]:
    """Every schema, by name; the main objects each with an example."""
    found = {**schemas.all, **log_schemas(), **delivery_schemas(), **endpoint_schemas(), **plain_schemas()}
    objects = examples.shown()
    for machine in MACHINES:
        found[schemas.shown_as[machine.cls]]["examples"] = [objects[machine.subject]]
    found[schemas.shown_as[Insights]]["examples"] = [examples.insights_shown()]
    found[schemas.shown_as[OutcomeChange]]["examples"] = [examples.outcome()]
    found[schemas.shown_as[Readiness]]["examples"] = [examples.readiness_shown(objects["termination_plan"])]
    return dict(sorted(found.items()))


def webhooks() -> dict[str, Any]:
    """Every event, as an endpoint is told it."""
    headers = [{"$ref": f"#/components/parameters/{name}"} for name in SENT]
    answers = {
        "2XX": {"description": f"Taken. Any other answer, and it is sent again, for {sum(SCHEDULE) // 3600} hours."},
        "default": {"description": "Not taken; redirects are not followed."},
    }  # fmt: skip
    return {
        machine.type_of(move): {"post": {
            "operationId": f"when_{machine.subject}_{move.event}", "tags": [machine.collection], "summary": move.says,
            "description": "\n\n".join(rules_of(machine, move)), "security": [], "parameters": headers,
            "requestBody": {"required": True, "content": {JSON: {
                "schema": webhook_body(machine, move),
                "examples": {"example": {"summary": move.says, "value": examples.event(machine, move)}},
            }}},
            "responses": answers,
        }}
        for machine in MACHINES for move in machine.moves
    }  # fmt: skip


def problem_responses() -> dict[str, Any]:
    """One response per status, with every kind of problem that has it."""
    kinds: dict[int, list[type[Refused]]] = {}
    for kind in problems():
        kinds.setdefault(kind.status, []).append(kind)
    return {
        f"Problem{status}": {
            "description": "\n".join(f"- `{kind.code}`: {meaning(kind)}" for kind in group),
            "headers": {n: {"$ref": f"#/components/headers/{n}"} for n in (*BESIDE.get(status, ()), "X-Request-Id")},
            "content": {"application/problem+json": {
                "schema": ref("Problem"),
                "examples": {k.code: {"summary": k.title, "value": problem(refusal(k), REQUEST)} for k in group},
            }},
        }
        for status, group in kinds.items()
    }  # fmt: skip


def meaning(kind: type[Refused]) -> str:
    """What a kind of problem means, on one line."""
    return " ".join((kind.__doc__ or kind.title).split())


def refusal(kind: type[Refused]) -> Refused:
    """One refusal of a kind."""
    machine = examples.main_machine()
    if kind is NotOpen:
        return machine.not_open(machine.by_name["take_up"], "offering", examples.likely(machine.by_name["take_up"]))
    if kind is Incomplete:
        return Incomplete([("client_resolution", "`repaired` needs the client's own view.")])
    if kind is HistoryGone:
        return HistoryGone(oldest=examples.SEQ - 700, newest=examples.SEQ)
    if kind is OutOfScope:
        return OutOfScope(machine.write_scope)
    refused = kind.__new__(kind)
    Refused.__init__(refused, meaning(kind))
    return refused
