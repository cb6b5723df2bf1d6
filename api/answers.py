"""The schemas of what is no object of the domain: the log, deliveries, problems, and what webhooks carry."""

from typing import Any

from api.schemas import Schema, extended, record, ref, text, whole
from domain.catalog import EVENT_TYPES, MACHINES
from domain.machine import Machine
from domain.move import Move
from infra.delivery_log import CAUSES, OUTCOMES, STATES

OUTCOME = """How it went.

- `delivered`: answered 2xx.
- `gone`: answered 410; the endpoint is disabled.
- `redirect`: answered 3xx, which is not followed.
- `throttled`: answered 429.
- `http_4xx`, `http_5xx`: answered with another status of these.
- `timeout`: no whole answer in time.
- `dns`: its name led nowhere.
- `connection`: it could not be connected to, or hung up.
- `tls`: its certificate, or its TLS, was not accepted.
- `forbidden_address`: its address must not be sent to.
- `protocol`: what came was no answer to a POST."""
CAUSE = """Why it was sent.

- `event`: it had just happened.
- `redelivery`: it was asked for alone.
- `recovery`: it was in a stretch of the log that was asked for."""
UUID_OR_NULL: Schema = {"anyOf": [{"type": "string", "format": "uuid"}, {"type": "null"}]}


def log_schemas() -> dict[str, Schema]:
    """The log as it is told: in the feed, in a timeline, in an object's history."""
    event = record(
        "Something that happened.",
        ["seq", "type", "resource", "id", "relationship_id", "version", "from", "to", "at", "actor", "origin"],
        seq=whole("Its number: dense and in commit order per practice.", minimum=1), type=ref("EventType"),
        resource=text("What kind of thing it happened to.", enum=[m.subject for m in MACHINES]),
        id=text("The id of that thing.", format="uuid"),
        relationship_id=UUID_OR_NULL | {"description": "The relationship it belongs to, if it does."},
        version=whole("The version it left the thing at.", minimum=1), to=text("The phase it led to."),
        at=text("When.", format="date-time"), actor=ref("Actor"),
        origin=text("The API client that carried it, so that it can drop its own echo."),
        **{"from": text("The phase it came from; `new` for what did not exist.")},
    )  # fmt: skip
    after = whole("Go on from this number.", minimum=0)
    open_object = {"type": "object", "additionalProperties": True}
    told = {
        "changed": open_object | {"description": "The new values of what it changed, but for texts."},
        "added": open_object | {"description": "The entries it added to lists."},
        "texts": open_object | {"description": "What each text it changed said then; null where it is not shown."},
    }  # fmt: skip
    whole_of_it = {"complete": {"type": "boolean", "description": (
        "False where some of what came between `after` and the first of these is no longer kept: so it begins later."
    )}}  # fmt: skip
    pages = {"Feed": ("Event", {}), "Timeline": ("TimelineEntry", whole_of_it), "History": ("Version", whole_of_it)}
    says = text("What happened, in plain words.")
    return {
        "Event": event,
        "EventType": {"type": "string", "enum": list(EVENT_TYPES), "description": "What happened."},
        "Actor": record("Who did it.", ["kind", "id"], kind=ref("Role"), id=text("The subject of their token.")),
        "TimelineEntry": extended("Event", "Something that happened in a relationship.", says=says),
        "Version": extended("Event", "A version of an object.", **told),
        **{
            name: record(f"A stretch of the log: {name.lower()}.", ["items", "next_after", *more],
                         items={"type": "array", "items": ref(entry)}, next_after=after, **more)
            for name, (entry, more) in pages.items()
        },
    }  # fmt: skip


def delivery_schemas() -> dict[str, Schema]:
    """What became of webhooks."""
    delivery = record(
        "One event on its way to one endpoint.",
        ["seq", "webhook_id", "type", "resource", "id", "version", "at", "state", "attempts", "next_at"],
        seq=whole("The event's number.", minimum=1),
        webhook_id=text("The `webhook-id` header, the same on every attempt."),
        type=ref("EventType"), resource=text("What kind of thing it happened to."), id=text("Its id.", format="uuid"),
        version=whole("The version it was left at.", minimum=1), at=text("When it happened.", format="date-time"),
        state=text("What became of it.", enum=list(STATES)), attempts=whole("How many attempts there were.", minimum=0),
        next_at=moment("When the next attempt is due."),
    )  # fmt: skip
    attempt = record(
        "One attempt.", ["number", "at", "outcome", "status", "took_ms", "cause"],
        number=whole("Which one.", minimum=1), at=text("When.", format="date-time"),
        outcome=text(OUTCOME, enum=list(OUTCOMES)), cause=text(CAUSE, enum=list(CAUSES)),
        took_ms=whole("How long it took, in milliseconds.", minimum=0),
        status={"anyOf": [{"type": "integer"}, {"type": "null"}], "description": "The HTTP status, if an answer came."},
    )  # fmt: skip
    more = {
        "anyOf": [{"type": "integer"}, {"type": "null"}],
        "description": "Go on before this number; null at the end.",
    }
    log = {"type": "array", "items": ref("Attempt"), "description": "Every attempt."}
    return {
        "Delivery": delivery, "Attempt": attempt,
        "DeliveryWithAttempts": extended("Delivery", "A delivery, with every attempt at it.", attempt_log=log),
        "DeliveryPage": record("Deliveries, newest first.", ["items", "next_before"],
                               items={"type": "array", "items": ref("Delivery")}, next_before=more),
    }  # fmt: skip


def endpoint_schemas() -> dict[str, Schema]:
    """What an endpoint is shown with: its secret once, its public keys, how it fares."""
    secret = text("`whsec_` and the key: shown this once. Left out when an Idempotency-Key replays the answer.")
    key = record(
        "An ed25519 key that `v1a` signatures are verified with.", ["public_key", "until"],
        public_key=text("`whpk_` and the key in base64 (Standard Webhooks)."),
        until=moment("Until when it signs; null for the newest."),
    )  # fmt: skip
    return {
        "EndpointHealth": endpoint_health(), "VerificationKey": key,
        "VerificationKeys": record("Every key that signs now.", ["keys"],
                                   keys={"type": "array", "items": ref("VerificationKey"),
                                         "description": "Newest first."}),
        "WebhookEndpointWithSecret": {
            "description": "An endpoint with its new secret.",
            "allOf": [ref("WebhookEndpoint"), {"type": "object", "properties": {"secret": secret}}],
        },
        "WebhookEndpointMovedWithSecret": {
            "description": "An endpoint with its new secret.",
            "allOf": [ref("WebhookEndpointMoved"), {"type": "object", "properties": {"secret": secret}}],
        },
    }  # fmt: skip


def endpoint_health() -> Schema:
    """How an endpoint fares."""
    share = {"anyOf": [{"type": "number", "minimum": 0, "maximum": 1}, {"type": "null"}]}
    breaker = "`open`: nothing is sent for a while; `half_open`: one event is, to find out; `closed`: all are."
    found = {
        "breaker": text(breaker, enum=["closed", "open", "half_open"]),
        "paused_until": moment("Nothing is sent until then: it asked for it, its breaker is open, or its rate spent."),
        "last_success_at": moment("When it last took anything."),
        "last_failure_at": moment("When it last did not."),
        "failing_since": moment("Since when it has taken nothing; null while it does."),
        "success_rate": share | {"description": "What share of the last hundred attempts it took; null: none yet."},
        "backlog": whole("How many events are to be sent, counted to 10,000.", minimum=0, maximum=10_000),
        "oldest_due_at": moment("Since when the one of these that is due longest has been due; null: none is."),
        "dead": whole("How many were given up, counted to 10,000.", minimum=0, maximum=10_000),
        "recovered_to": {
            "anyOf": [{"type": "integer"}, {"type": "null"}],
            "description": "Up to which event the recovery under way has come; null when there is none.",
        },
    }  # fmt: skip
    return record("How an endpoint fares.", list(found), **found)


def moment(says: str) -> Schema:
    """A time, or null."""
    return {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}], "description": says}


def plain_schemas() -> dict[str, Schema]:
    """Problem details, and what the house and the smaller readings answer."""
    place = {
        "pointer": text("Where in the body, as a JSON pointer."), "parameter": text("Which query parameter."),
        "detail": text("What is wrong there, and the way out."),
    }  # fmt: skip
    words = {"type": "array", "items": {"type": "string"}}
    one = {"type": "object", "properties": place, "required": ["detail"], "description": "One thing that is wrong."}
    problem = record(
        "Problem details (RFC 9457).", ["type", "title", "status", "detail", "instance"],
        type=text("Its kind; the address explains it.", format="uri-reference"), title=text("The kind in words."),
        status=whole("The HTTP status."), detail=text("What it is this time. Never a word of what was sent."),
        instance=text("Names this request in our log.", format="uri"),
        errors={"type": "array", "items": one, "description": "Each thing that is wrong, by its place."},
        phase=text("For a move that is not open: the phase it is in."),
        open_moves=words | {"description": "For a move that is not open: those that are."},
        scope=text("For a token without the scope: the scope it needs."),
        oldest=whole("For a log that no longer goes back so far: the first number that is still told.", minimum=1),
        newest=whole("For a log that no longer goes back so far: the last number. Go on after it.", minimum=0),
    )  # fmt: skip
    key = {"type": "object", "additionalProperties": True}
    keys = {"type": "array", "items": key, "description": "The public keys."}
    session = record(
        "A session in the delivery console.", ["url", "token", "expires_at"],
        url=text("The console's address in this service, with the token in its fragment.", format="uri-reference"),
        token=text("The same token."), expires_at=text("When it ends.", format="date-time"),
    )  # fmt: skip
    return {
        "Problem": problem, "ConsoleSession": session,
        "Guidance": listed("Prompts, in the order of the steps.", "Prompt"),
        "Rituals": listed("Closure rituals, to choose from or to make one's own from.", "Ritual"),
        "Reminders": reminders(),
        "OutcomeChanges": listed("What became of the client, by instrument and edition.", "OutcomeChange"),
        "BuiltInInstruments": listed("The instruments that are built in.", "FormShown"),
        "Health": record("How it is.", ["status"], status=text("`ok` or `ready`.", enum=["ok", "ready"])),
        "KeySet": record("A JSON Web Key Set (RFC 7517).", ["keys"], keys=keys),
        "OpenApiDocument": {"type": "object", "description": "This document.", "additionalProperties": True},
        "WebhookEvent": webhook_event(),
    }  # fmt: skip


def reminders() -> Schema:
    """A page of what is due."""
    cursor = {
        "anyOf": [{"type": "string"}, {"type": "null"}],
        "description": "Goes on with the relationships after these; null at the end.",
    }
    items = {"type": "array", "items": ref("Reminder")}
    return record("What is due, the earliest first.", ["items", "next_cursor"], items=items, next_cursor=cursor)


def listed(says: str, name: str) -> Schema:
    """A list of things, whole."""
    return record(says, ["items"], items={"type": "array", "items": ref(name)})


def webhook_event() -> Schema:
    """The thin body of every webhook."""
    data = record(
        "What changed, and where to read it.",
        ["practice_id", "seq", "resource", "id", "version", "href", "actor", "origin"],
        practice_id=text("The practice.", format="uuid"),
        seq=whole("The event's number in the change feed.", minimum=1),
        resource=text("What kind of thing it is."), id=text("The id of the thing.", format="uuid"),
        version=whole("The version it was left at.", minimum=1),
        to=text("The phase it led to."), href=text("Where to read it.", format="uri-reference"), actor=ref("Actor"),
        origin=text("The API client that caused it: drop what is your own echo."),
        **{"from": text("The phase it came from; left out, with `to`, where the endpoint's payload is `id_only`.")},
    )  # fmt: skip
    return record(
        "An event (Standard Webhooks). Ids and phases only: no names, texts or scores.", ["type", "timestamp", "data"],
        type=ref("EventType"), timestamp=text("When it happened.", format="date-time"), data=data,
    )  # fmt: skip


def webhook_body(machine: Machine, move: Move) -> Schema:
    """The body of one type of event."""
    said: dict[str, Any] = {"resource": {"const": machine.subject}, "from": {"enum": list(move.source)}}
    said["to"] = {"enum": list(move.to or move.source)}
    narrowed = {"type": {"const": machine.type_of(move)}, "data": {"type": "object", "properties": said}}
    return {"allOf": [ref("WebhookEvent"), {"type": "object", "properties": narrowed}]}
