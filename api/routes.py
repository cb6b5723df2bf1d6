"""Every address there is, once. The documents are written from the same list."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from api.body import with_relationship
from api.changes import Changes
from api.console import Console
from api.endings import MEDIA as PAPERS
from api.endings import Endings, library
from api.front import Route
from api.house import House
from api.outcomes import OutcomeChanges
from api.reading import Instruments, Practices, prompts
from api.resource import Resource
from api.trajectories import MEDIA, Trajectories
from api.webhooks import Endpoints
from domain.access import POLICY
from domain.machine import Machine
from domain.move import NEW, Move


@dataclass(frozen=True, slots=True)
class About:
    """What the documents say of a route."""

    name: str
    """The operation's id."""
    says: str
    tag: str
    machine: Machine | None = None
    move: Move | None = None
    takes: type | None = None
    answer: str = ""
    """`object`, `page`, `history`, `timeline`, `feed` …: what comes back."""
    status: int = 200
    query: Mapping[str, str] = field(default_factory=dict)
    """The query parameters and what they do."""
    scope: str = ""
    media: tuple[str, ...] = ()
    """The media types it comes in, where JSON is not the only one."""


PAGING = {"limit": "How many at most, up to 200.", "cursor": "Go on from a page's `next_cursor`."}
INCLUDING = {
    "include": "`guidance`: prompts for the type of its rupture. For staff: not for a client's token.",
    "pattern": "The attachment pattern that the prompts have in mind; `indeterminate` when left out. For staff.",
}
STRETCH = {"after": "Go on after this number.", "limit": "How many at most, up to 500."}


def collection_routes(resource: Resource, changes: Changes) -> Iterator[Route]:
    """The routes that follow from a machine's table."""
    m = resource.machine
    base, one = f"/v1/{m.collection}", f"/v1/{m.collection}/{{id}}"
    tag, noun = m.collection, m.subject.replace("_", " ")

    def about(name: str, says: str, **more: Any) -> About:
        return About(name=name, says=says, tag=tag, machine=m, **{"scope": m.write_scope, **more})

    reads: dict[str, Any] = {"scope": m.read_scope}
    filters = {name: f"Only those of this {name}." for name in resource.shelf.filters()}
    changed = {"changed_after": "The current state of all that changed after this event number."}
    listed = about(f"list_{m.subject}s", f"A page of {tag}.", answer="page", query=filters | PAGING | changed, **reads)
    beside = INCLUDING if m.subject == "repair" else {}
    found = about(f"read_{m.subject}", f"One {noun}.", answer="object", query=beside, **reads)
    yield Route("GET", one, resource.read, about=found)
    yield Route("GET", base, resource.browse, about=listed)
    if not m.begin.by <= POLICY:
        yield from making_routes(resource, about)
    for move in m.posts:
        if move.by <= POLICY:
            continue  # a consequence that the domain draws is nobody's to make
        said = about(f"{move.name}_{m.subject}", move.says, move=move, takes=move.takes, answer="moved")
        path = f"{one}/{kebab(move.name)}"
        yield Route("POST", path, partial(resource.move, move=move), about=said, alias=f"{one}/{move.name}")
        if NEW in move.source:
            elsewhere = about(f"{move.name}_of_relationship", f"{move.says} Whether or not there is a plan yet.",
                              move=move, takes=with_relationship(move.takes), answer="moved")  # fmt: skip
            yield Route("POST", f"{base}/{kebab(move.name)}", partial(resource.collection_move, move=move),
                        about=elsewhere, alias=f"{base}/{move.name}")  # fmt: skip
    if m.revise:
        said = about(f"revise_{m.subject}", m.revise.says, move=m.revise, takes=m.revise.takes, answer="moved")
        yield Route("PATCH", one, resource.revise, about=said)
    if m.remove:
        said = about(f"{m.remove.name}_{m.subject}", m.remove.says, move=m.remove, answer="moved")
        yield Route("DELETE", one, resource.remove, about=said)
    said = about(f"history_of_{m.subject}", f"Every version of a {noun}.", answer="history", query=STRETCH, **reads)
    yield Route("GET", f"{one}/history", partial(changes.history, subject=m.subject), about=said)


def making_routes(resource: Resource, about: Callable[..., About]) -> Iterator[Route]:
    """The routes that make a new one."""
    m = resource.machine
    base, answer = f"/v1/{m.collection}", "made" if m.begin.advises else "object"
    made = {"move": m.begin, "takes": m.begin.takes, "answer": answer, "status": 201}
    yield Route("POST", base, resource.create, about=about(f"{m.begin.name}_{m.subject}", m.begin.says, **made))
    yield Route("PUT", f"{base}/{{id}}", resource.put, about=about(
        f"put_{m.subject}", f"{m.begin.says} Under an id of yours: for apps that work offline.", **made))  # fmt: skip


def other_routes(changes: Changes, endpoints: Endpoints, practices: Practices) -> Iterator[Route]:
    """The routes that do not."""
    yield from log_routes(changes)
    yield Route("GET", "/v1/guidance", prompts, about=About(
        "read_guidance", "Prompts for the five steps: suggestions with a source, never a gate. For staff: not for a "
        "client's token.", "guidance",
        answer="guidance",
        query={"step": "A repair step.", "pattern": "An attachment pattern.", "rupture_type": "Its type."},
    ))  # fmt: skip
    yield from practice_routes(practices)
    yield from delivery_routes(endpoints)


def log_routes(changes: Changes) -> Iterator[Route]:
    """The log: as it comes, and as a relationship tells it."""
    wait = {
        "types": "Only these, with commas: exact types or `prefix.*`.",
        "wait": "Wait up to so many seconds, 30 at most.",
    }
    yield Route("GET", "/v1/events", changes.events, about=About(
        "read_events", "The change feed: every event you may see, in commit order.", "events", answer="feed",
        query=STRETCH | wait, scope="events.read"))  # fmt: skip
    yield Route("GET", "/v1/relationships/{id}/timeline", changes.timeline, about=About(
        "timeline_of_relationship", "What happened in a relationship, in plain words.", "relationships",
        answer="timeline", query=STRETCH, scope="relationships.read"))  # fmt: skip


def practice_routes(practices: Practices) -> Iterator[Route]:
    """The caller's own practice."""
    reads: dict[str, Any] = {"tag": "practices", "scope": "practices.read"}
    yield Route("GET", "/v1/practices/me", practices.mine, about=About(
        "read_practice", "The practice the token belongs to.", answer="practice", **reads))  # fmt: skip
    yield Route("GET", "/v1/practices/me/insights", practices.insights, about=About(
        "read_insights", "What a practice's ruptures, repairs and endings have in common, without small counts.",
        answer="insights",
        query={"since": "Ruptures recorded and therapies ended from the first of this day's month on count; a year "
                        "back when left out."}, **reads))  # fmt: skip


def delivery_routes(endpoints: Endpoints) -> Iterator[Route]:
    """What became of deliveries to an endpoint, and the keys they are verified with."""
    machine, address = endpoints.machine, "/v1/webhook-endpoints/{id}"
    one = f"{address}/deliveries"
    hooks: dict[str, Any] = {"tag": machine.collection, "machine": machine, "scope": machine.read_scope}
    yield Route("GET", f"{address}/keys", endpoints.keys, about=About(
        "read_webhook_keys", "The public keys that `v1a` signatures are verified with.", answer="keys", **hooks,
    ))  # fmt: skip
    yield Route("GET", one, endpoints.deliveries, about=About(
        "list_deliveries", "What was sent, is to be sent, and was given up.", answer="deliveries",
        query={"state": "`pending`, `delivered` or `dead`.", "before": "Go on before this number.",
               "limit": "How many at most, up to 200."}, **hooks))  # fmt: skip
    yield Route("GET", f"{one}/{{seq}}", endpoints.delivery, about=About(
        "read_delivery", "One delivery, with every attempt at it.", answer="delivery", **hooks))  # fmt: skip
    yield Route("POST", f"{one}/{{seq}}/redeliver", endpoints.redeliver, about=About(
        "redeliver", "Send one event once more: the same id, the same bytes.", answer="delivery", status=202, **hooks,
    ))  # fmt: skip


def instrument_routes(instruments: Instruments) -> Iterator[Route]:
    """What is built in beside the practice's own."""
    machine = instruments.machine
    yield Route("GET", "/v1/instruments/built-in", instruments.built_in, about=About(
        "list_built_in_instruments", instruments.built_in.__doc__ or "", machine.collection, machine, answer="forms",
        scope=machine.read_scope,
    ))  # fmt: skip


def trajectory_routes(trajectories: Trajectories) -> Iterator[Route]:
    """A trajectory, in the form that is accepted or that the address ends in."""
    drawing = {"width": "How wide it is drawn, in CSS pixels.", "theme": "The ground it is drawn on."}
    for ending, media in MEDIA.items():
        words = ending.removeprefix(".").replace(".", "_")
        about = About(
            f"trajectory_of_relationship{words and '_as_'}{words}",
            f"How the alliance was rated from session to session, and what happened beside it{words and ', drawn'}.",
            "relationships", answer="trajectory", query=drawing, scope="alliance-ratings.read",
            media=(media,) if ending else tuple(MEDIA.values()),
        )  # fmt: skip
        path = f"/v1/relationships/{{id}}/trajectory{ending}"
        yield Route("GET", path, partial(trajectories.answer, ending=ending), about=about)


OUTCOME_QUERY = {
    "from": "Only scores from this day on: the first of them is the start.",
    "until": "Only scores up to this day: the last of them is the end.",
}  # fmt: skip


def outcome_routes(outcomes: OutcomeChanges, scores: Machine) -> Iterator[Route]:
    """What became of a client, for whoever may read the scores."""
    yield Route("GET", "/v1/relationships/{id}/outcomes", outcomes.read, about=About(
        "outcomes_of_relationship", outcomes.read.__doc__ or "", "relationships", answer="outcomes",
        query=OUTCOME_QUERY, scope=scores.read_scope))  # fmt: skip


REMINDER_QUERY = {
    "relationship_id": "Only of this one.", "kind": "Only of this kind.",
    "due_before": "What falls due by this day; what is due today when left out.", "cursor": "Go on after a page.",
    "limit": "Through how many relationships a page goes at most.",
}  # fmt: skip
ENDING_QUERY = {"modality": "Where and with whom the goodbye is.", "age": "About how old the client is."}


def ending_routes(endings: Endings, machine: Machine) -> Iterator[Route]:
    """What is read of an ending beside the plan itself."""
    one = f"/v1/{machine.collection}/{{id}}"
    reads: dict[str, Any] = {"tag": machine.collection, "scope": machine.read_scope}
    yield Route("GET", "/v1/rituals", library, about=About(
        "list_rituals", library.__doc__ or "", "guidance", answer="rituals", query=ENDING_QUERY))  # fmt: skip
    yield Route("GET", "/v1/reminders", endings.reminders, about=About(
        "list_reminders", endings.reminders.__doc__ or "", answer="reminders", query=REMINDER_QUERY, **reads,
    ))  # fmt: skip
    yield Route("GET", f"{one}/feelings", endings.feelings, about=About(
        "feelings_of_termination_plan", endings.feelings.__doc__ or "", answer="feelings", **reads))  # fmt: skip
    yield Route("GET", f"{one}/readiness", endings.readiness, about=About(
        "readiness_of_termination_plan", endings.readiness.__doc__ or "", answer="readiness", **reads))  # fmt: skip
    for name, handler in {"letter": endings.letter, "report": endings.report}.items():
        for ending, media in PAPERS.items():
            about = About(
                f"{name}_of_termination_plan{ending and '_as_'}{ending.removeprefix('.')}", handler.__doc__ or "",
                answer=name, media=(media,) if ending else tuple(PAPERS.values()), **reads,
            )  # fmt: skip
            yield Route("GET", f"{one}/{name}{ending}", partial(handler, ending=ending), about=about)


def console_routes(console: Console, machine: Machine) -> Iterator[Route]:
    """The delivery console: opening it takes a token, and so does everything that its page then asks for."""
    hooks: dict[str, Any] = {"tag": machine.collection, "machine": machine, "scope": machine.write_scope}
    yield Route("POST", "/v1/console-sessions", console.open, about=About(
        "open_console", " ".join((console.open.__doc__ or "").split()), answer="console_session", status=201,
        **hooks))  # fmt: skip
    for path, handler in {"/console": console.page, "/console/{file}": console.file}.items():
        name = f"console_{handler.__name__}"
        about = About(name=name, says=handler.__doc__ or "", tag="house", answer=name)
        yield Route("GET", path, handler, open=True, about=about)


def house_routes(house: House) -> Iterator[Route]:
    """What needs no token."""
    for path, handler in {
        "/healthz": house.healthz, "/readyz": house.readyz, "/metrics": house.metrics,
        "/.well-known/jwks.json": house.jwks, "/openapi.json": house.openapi, "/docs": house.docs,
        "/docs/{name}": house.asset, "/problems": house.problems, "/problems/{code}": house.problem,
    }.items():  # fmt: skip
        about = About(name=handler.__name__, says=handler.__doc__ or "", tag="house", answer=handler.__name__)
        yield Route("GET", path, handler, open=True, about=about)


def kebab(name: str) -> str:
    """A move's name as it stands in an address."""
    return name.replace("_", "-")
