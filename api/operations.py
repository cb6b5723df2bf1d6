"""One operation of the document from one route: who may call it, what it takes, everything it can answer."""

import inspect
from collections.abc import Iterable, Mapping

from api import changes, examples, listing
from api.console import FILES
from api.endings import HTML, PDF
from api.front import Route
from api.house import ASSETS
from api.problems import problems
from api.routes import About
from api.schemas import Schema, Schemas, ref
from api.sheet import NARROWEST, USUAL, WIDEST, Theme
from api.trajectories import PNG, SVG, VEGA_LITE
from domain.access import Role
from domain.attachment import FIELD_WORDS, AttachmentPattern
from domain.catalog import MACHINES
from domain.feelings import FeelingsOverTime
from domain.insights import Insights
from domain.letter import Letter
from domain.machine import Machine
from domain.move import NEW, Move, no_rule
from domain.policies import following
from domain.practice import Practice
from domain.readiness import Readiness
from domain.reminders import ReminderKind
from domain.repair import Step
from domain.report import EndingReport
from domain.rituals import RitualAge, RitualModality
from domain.rupture import RuptureType
from domain.trajectory import Trajectory
from domain.webhook import Recovery
from infra.delivery_log import STATES

JSON, PATCHES = "application/json", ("application/merge-patch+json", "application/json")
OF = {machine.collection: machine.cls.__name__ for machine in MACHINES}
"""The class a collection holds, by name."""
READ = {"object": "read", "page": "list"}
POSTED = {"object": "create", "made": "create", "delivery": "redeliver", "console_session": "console_session"}
GATE, CHANGE = (400, 401, 500, 503), (403, 409, 412, 413, 415, 422)
STATUSES: Mapping[str, tuple[int, ...]] = {
    "read": (403, 404), "list": (403, 410, 422), "create": CHANGE, "put": (*CHANGE, 404, 428), "move": (*CHANGE, 404),
    "recover": (*CHANGE, 404, 410),
    "matched": (*CHANGE, 404, 428), "redeliver": (*CHANGE, 404), "history": (403, 404, 422),
    "trajectory": (403, 404), "letter": (403, 404), "report": (403, 404), "feelings": (403, 404), "rituals": (422,),
    "outcomes": (403, 404, 422), "readiness": (403, 404),
    "reminders": (403, 422),
    "timeline": (403, 404, 422), "deliveries": (403, 404, 422),
    "delivery": (403, 404), "feed": (403, 410, 422),
    "keys": (403, 404), "forms": (403,), "guidance": (403, 422), "practice": (403, 404), "insights": (403, 422),
    "readyz": (503,), "asset": (404,),
    "problem": (404,), "console_session": (403, 413, 415, 422), "console_file": (404,),
}  # fmt: skip
"""What can come instead of what was asked for, by the kind of route, besides what comes at the gate."""
PAGES = {
    "healthz": (JSON, "Health"), "readyz": (JSON, "Health"), "jwks": (JSON, "KeySet"),
    "openapi": (JSON, "OpenApiDocument"),
    "metrics": ("text/plain", ""), "docs": ("text/html", ""), "problems": ("text/html", ""),
    "problem": ("text/html", ""),
    "asset": ("text/css", ""), "console_page": ("text/html", ""), "console_file": ("text/css", ""),
}  # fmt: skip
ANSWERS = {
    "feed": "Feed", "timeline": "Timeline", "history": "History", "guidance": "Guidance", "deliveries": "DeliveryPage",
    "keys": "VerificationKeys", "forms": "BuiltInInstruments",
    "console_session": "ConsoleSession", "rituals": "Rituals", "reminders": "Reminders",
    "outcomes": "OutcomeChanges",
}  # fmt: skip


def operation(route: Route, schemas: Schemas) -> Schema:
    """What the document says of a route."""
    about: About = route.about
    found: Schema = {"operationId": about.name, "tags": [about.tag], "summary": about.says}
    if says := description(about):
        found["description"] = says
    found["security"] = [] if route.open else [{"bearerAuth": [about.scope] if about.scope else []}]
    if parameters := [*in_path(route), *in_query(about), *in_headers(route)]:
        found["parameters"] = parameters
    if about.takes is not None:
        found["requestBody"] = request_body(about, route.method, schemas)
    found["responses"] = responses(route, schemas)
    return found


def kind_of(route: Route) -> str:
    """Which kind of route it is, as far as its refusals go."""
    answer = route.about.answer
    if route.method in ("PATCH", "DELETE"):
        return "matched"
    if route.method == "POST":
        return "recover" if route.about.takes is Recovery else POSTED.get(answer, "move")
    return "put" if route.method == "PUT" else READ.get(answer, answer)


# -- in words --------------------------------------------------------------------------------------------------------


def description(about: About) -> str:
    """Who may call it, from where to where, and what else is to know."""
    lines = []
    if about.move and about.machine:
        lines += rules_of(about.machine, about.move)
    elif about.machine:
        lines.append(f"Read by: {roles(about.machine.read_by)}.")
    if about.scope:
        lines.append(f"Scope: `{about.scope}`.")
    return "\n\n".join(lines)


def rules_of(machine: Machine, move: Move) -> list[str]:
    """A row of the transition table, in words."""
    found = [
        f"By: {roles(move.by)}."
        if move.by - {Role.POLICY}
        else "By: nobody; it follows by itself, and a caller is refused."
    ]
    sources = [phase for phase in move.source if phase != NEW]
    came = f"From: {codes(sources)}. " if sources else ""
    found.append(f"{came}{f'To: {codes(move.to)}.' if move.to else 'It stays in its phase.'}")
    found.append(f"Event: `{machine.type_of(move)}`.")
    if rule := rule_of(move):
        found.append(f"Rule: {rule}")
    if move.advises:
        found.append("It may succeed with `advisories`: advice, never a gate.")
    found += [f"Then: {consequence}." for consequence in consequences(machine.type_of(move))]
    return found


def rule_of(move: Move) -> str:
    """What a move's guard looks at."""
    return "" if move.guard is no_rule else " ".join(inspect.cleandoc(move.guard.__doc__ or "").split())


def consequences(event_type: str) -> list[str]:
    """What the domain does of itself when an event happens."""
    named = [(p.machine.subject.replace("_", " "), p.move, p.body) for p in following(event_type)]
    return [
        f"`{move}` on its {noun}{', where there is cause' if body else ''}" if isinstance(move, str)
        else f"its {noun} follows the outcome"
        for noun, move, body in named
    ]  # fmt: skip


def roles(by: Iterable[Role]) -> str:
    """Callers' roles, in the order of the vocabulary."""
    known = set(by)
    return ", ".join(role for role in Role if role in known and role is not Role.POLICY)


def codes(words: Iterable[str]) -> str:
    """Words as code."""
    return ", ".join(f"`{word}`" for word in words)


# -- what it takes ---------------------------------------------------------------------------------------------------


def in_path(route: Route) -> list[Schema]:
    """The variable parts of the address."""
    known = {
        "seq": {"type": "integer", "minimum": 0, "maximum": 10**18 - 1},
        "name": {"type": "string", "enum": sorted(ASSETS)},
        "file": {"type": "string", "enum": sorted(FILES)},
        "code": {"type": "string", "enum": [p.code for p in problems()]},
    }  # fmt: skip
    says = {"seq": "The event's number.", "name": "The file.", "file": "The file.", "code": "The kind of problem."}
    names = [part[1:-1] for part in route.path.split("/") if part.startswith("{")]
    return [
        {"$ref": f"#/components/parameters/{OF[route.path.split('/')[2]]}Id"} if n == "id"
        else {"name": n, "in": "path", "required": True, "description": says[n], "schema": known[n]}
        for n in names
    ]  # fmt: skip


def in_query(about: About) -> list[Schema]:
    """The query parameters, with the limits the code holds them to."""
    return [
        {"name": name, "in": "query", "required": False, "description": says, "schema": query_schema(about, name)}
        for name, says in about.query.items()
    ]


def query_schema(about: About, name: str) -> Schema:
    """The type of one query parameter."""
    words: Mapping[str, Iterable[str]] = {
        "state": STATES, "include": ("guidance",), "step": Step, "pattern": (*AttachmentPattern, *FIELD_WORDS.values()),
        "rupture_type": RuptureType,
        "phase": about.machine.phases if about.machine else (), "theme": Theme,
        "modality": RitualModality, "kind": ReminderKind, "age": RitualAge,
    }  # fmt: skip
    most, usual = (
        (changes.MOST, 100) if about.answer in ("feed", "timeline", "history") else (listing.MOST, listing.USUAL)
    )
    numbers = {
        "limit": {"minimum": 1, "maximum": most, "default": usual},
        "wait": {"minimum": 0, "maximum": changes.LONGEST_WAIT},
        "after": {"minimum": 0, "maximum": 2**31 - 2 if about.answer == "history" else 2**62},
        "width": {"minimum": NARROWEST, "maximum": WIDEST, "default": USUAL},
        "before": {"minimum": 1, "maximum": 2**62}, "changed_after": {"minimum": 0, "maximum": 2**62},
    }  # fmt: skip
    if name in words:
        return {"type": "string", "enum": [str(word) for word in words[name]]}
    if name in numbers:
        return {"type": "integer", **numbers[name]}
    return {"type": "string", "format": "uuid"} if name.endswith("_id") else {"type": "string"}


def in_headers(route: Route) -> list[Schema]:
    """The headers that mean something here."""
    about: About = route.about
    names = {
        "create": ["IdempotencyKey"], "move": ["IdempotencyKey", "IfMatch"],
        "recover": ["IdempotencyKey", "IfMatch"], "redeliver": ["IdempotencyKey", "IfMatch"],
        "put": ["IdempotencyKey", "IfNoneMatchAny"],
        "matched": ["IfMatchNeeded"], "read": ["IfNoneMatch"], "trajectory": ["IfNoneMatchTag"],
        "letter": ["IfNoneMatchTag"], "report": ["IfNoneMatchTag"],
    }.get(kind_of(route), [])  # fmt: skip
    if about.machine and about.machine.subject == "session" and "IfNoneMatch" in names:
        # Its ordinal changes with other sessions, so there is no 304 for it.
        names = []
    return [{"$ref": f"#/components/parameters/{name}"} for name in names]


def request_body(about: About, method: str, schemas: Schemas) -> Schema:
    """What is sent."""
    machine, move, takes = about.machine, about.move, about.takes
    assert machine and move and takes
    name = schemas.said_as[takes]
    said = examples.said(machine, move)
    if takes is not move.takes:
        said = {"relationship_id": examples.ID["relationship"], **said}
    example = {"example": {"summary": about.says, "value": said}}
    if method == "PATCH":
        content = {media: {"schema": ref(f"{name}Patch"), "examples": example} for media in PATCHES}
        return {"required": True, "content": content}
    needed = bool(schemas.all[name].get("required"))
    return {"required": needed, "content": {JSON: {"schema": ref(name), "examples": example}}}


# -- what it answers -------------------------------------------------------------------------------------------------


def responses(route: Route, schemas: Schemas) -> Schema:
    """Everything it can answer."""
    about: About = route.about
    kind = kind_of(route)
    found = {str(about.status): success(route, schemas)}
    if about.move and NEW in about.move.source and about.answer == "moved" and "{id}" not in route.path:
        found["201"] = {**found["200"], "description": "There was no plan; now there is.",
                        "headers": found["200"]["headers"] | header("Location")}  # fmt: skip
    if any("/IfNoneMatch" in told["$ref"] for told in in_headers(route)) and route.method == "GET":
        found["304"] = {"description": "It is as you know it.", "headers": header("ETag", "X-Request-Id")}
    # A query that is not known is refused by name, but where the house answers anybody.
    refused = {*((500,) if route.open else (*GATE, 422)), *STATUSES.get(kind, ())}
    refused |= {406} if len(about.media) > 1 else set()
    for status in refused:
        found[str(status)] = {"$ref": f"#/components/responses/Problem{status}"}
    return dict(sorted(found.items()))


def success(route: Route, schemas: Schemas) -> Schema:
    """What comes back when it goes well."""
    about: About = route.about
    if about.answer in PAGES:
        media, name = PAGES[about.answer]
        contents = {media: {"schema": ref(name) if name else {"type": "string"}}}
        if about.answer in ("asset", "console_file"):
            contents["text/javascript"] = contents[media]
        return {"description": about.says, "headers": header("X-Request-Id"), "content": contents}
    names = ["X-Request-Id"]
    if about.media:
        drawn = {media: DRAWN[media] if media in DRAWN else ref(answer_of(route, schemas)) for media in about.media}
        content = {media: {"schema": schema} for media, schema in drawn.items()}
        return {"description": about.says, "headers": header("Cache-Control", "ETag", *names), "content": content}
    if about.answer in ("object", "made", "moved"):
        names += ["ETag", "Cache-Control"]
        names += ["Location"] if about.status == 201 else []
    elif about.answer in ("page", "history", "timeline", "deliveries"):
        names.append("Link")
    if any(told["$ref"].endswith("/IdempotencyKey") for told in in_headers(route)):
        names.append("Idempotent-Replayed")
    content = {JSON: {"schema": ref(answer_of(route, schemas))}}
    return {"description": SAYS.get(about.answer, about.says), "headers": header(*sorted(names)), "content": content}


SHOWN: Mapping[str, type] = {"practice": Practice, "insights": Insights, "trajectory": Trajectory,
                             "letter": Letter, "report": EndingReport, "feelings": FeelingsOverTime,
                             "readiness": Readiness}  # fmt: skip
DRAWN: Mapping[str, Schema] = {
    VEGA_LITE: {"type": "object", "description": "A Vega-Lite specification.", "additionalProperties": True},
    SVG: {"type": "string"}, PNG: {}, HTML: {"type": "string"}, PDF: {},
}  # fmt: skip
SAYS = {
    "object": "As it is now.",
    "made": "As it is now, with `advisories`.",
    "moved": "As it is now, with `advisories`.",
    "page": "A page.",
}


def answer_of(route: Route, schemas: Schemas) -> str:
    """The name of the schema that comes back."""
    about: About = route.about
    if about.answer in SHOWN:
        return schemas.shown_as[SHOWN[about.answer]]
    if about.answer == "delivery":
        return "DeliveryWithAttempts" if route.method == "GET" else "Delivery"
    if about.answer in ANSWERS:
        return ANSWERS[about.answer]
    assert about.machine
    name = schemas.shown_as[about.machine.cls] + {"page": "Page", "moved": "Moved", "made": "Moved"}.get(
        about.answer, ""
    )
    secret = (
        about.machine.subject == "webhook_endpoint" and about.move and about.move.name in ("register", "rotate_secret")
    )
    return f"{name}WithSecret" if secret else name


def header(*names: str) -> Schema:
    """Links to headers."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}
