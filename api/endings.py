"""What is read of an ending beside the plan itself: letter, report, feelings over time; rituals, and what is due."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

from pydantic_core import to_json

from api.accepting import STILL, VARY, accepted
from api.call import PRIVATE, Call, Reply, number
from api.letter_page import letter_page
from api.listing import MOST, USUAL, cursor_at, page_headers, position, value_of
from api.page import Page, html
from api.problems import NotFound, OutOfScope
from api.reading import chosen, day
from api.report_page import report_page
from api.representation import for_client
from api.resource import Resource, is_seen
from domain.access import STAFF, Role
from domain.due import due
from domain.endings import EndingKind
from domain.errors import NotYours
from domain.feelings import over_time
from domain.letter import Pair, letter
from domain.readiness import Known, readiness
from domain.reminders import FOR_CLIENTS, ReminderKind
from domain.report import Evidence, report
from domain.review import FOR_CLINICIANS
from domain.rituals import RitualAge, RitualModality, rituals
from domain.termination import TerminationPlan
from domain.values import plain
from infra.outcomes import Outcomes
from infra.papers import Papers
from infra.pictures import Kind, Pictures
from infra.reminding import Standings
from infra.shelves import SHELVES
from infra.store import Store

JSON, HTML, PDF = "application/json", "text/html", "application/pdf"
MEDIA = {"": JSON, ".html": HTML, ".pdf": PDF}
"""What an address may end in, and what it then answers whatever is accepted."""
PLANS, RELATIONSHIPS, GOALS = SHELVES["termination_plan"], SHELVES["relationship"], SHELVES["goal_attainment"]
EVIDENCE = ("rupture", "outcome_score", "goal_attainment")
"""What readiness is drawn from: whoever may not read one of these is told which."""
Row = Mapping[str, Any]


async def library(call: Call) -> Reply:
    """Closure rituals: examples to choose from, by where one meets and how old the client is. None is owed."""
    query = call.query("modality", "age")
    found = rituals(chosen(query, "modality", RitualModality), chosen(query, "age", RitualAge))
    return Reply(200, to_json({"items": [plain(ritual) for ritual in found]}))


class Endings:
    """Letters, reports and feelings, as far as the caller may see them."""

    def __init__(
        self, resources: Mapping[str, Resource], store: Store, papers: Papers, standings: Standings,
        outcomes: Outcomes, pictures: Pictures, fonts: Sequence[Path],
    ) -> None:  # fmt: skip
        """`resources` by subject: they know what a caller may read. `fonts` are for what ours do not hold."""
        self._resources, self._store, self._papers, self._pictures = resources, store, papers, pictures
        self._standings, self._outcomes = standings, outcomes
        self._fonts = [str(font) for font in fonts]

    async def feelings(self, call: Call) -> Reply:
        """How the feelings about the ending went from review to review, by who recorded them."""
        row = await self._resources["termination_plan"].find(call, call.id())
        return Reply(200, to_json(plain(over_time(row["id"], PLANS.state(row).reviews))))

    async def reminders(self, call: Call) -> Reply:
        """What is due, computed from the record as it stands: suggestions, none of which happens by itself.

        A page goes through so many relationships, and holds what is due in them, the earliest first.
        """
        if PLANS.machine.read_scope not in call.caller.scopes:
            raise OutOfScope(PLANS.machine.read_scope)
        query = call.query("relationship_id", "kind", "due_before", "cursor", "limit")
        today, limit = datetime.now(UTC).date(), number(query, "limit", USUAL, 1, MOST)
        only, until = chosen(query, "kind", ReminderKind), day(query, "due_before") or today
        named = query.get("relationship_id")
        by = {"id": value_of(PLANS, "relationship_id", named)} if named is not None else {}
        found = await self._seen(call, by, position(query.get("cursor")), limit + 1)
        cursor = cursor_at(found[limit - 1]) if len(found) > limit else None
        known, clock = await self._standings.of(call.caller.practice_id, found[:limit])
        shown = FOR_CLIENTS if call.caller.role is Role.CLIENT else frozenset(ReminderKind)
        items = sorted(
            (r for one in known for r in due(one, clock, today=today, until=until)
             if r.kind in shown and only in (None, r.kind)),
            key=lambda r: (r.due_on, r.relationship_id, r.kind),
        )  # fmt: skip
        headers = page_headers(call, {**query, "cursor": cursor} if cursor else None)
        return Reply(200, to_json({"items": [plain(r) for r in items], "next_cursor": cursor}), headers)

    async def _seen(self, call: Call, by: Mapping[str, UUID], after: UUID, limit: int) -> list[UUID]:
        """The relationships in the caller's sight, or the one that is named if it is."""
        if by:
            row = await self._store.row(RELATIONSHIPS, call.caller, by["id"])
            return [row["id"]] if row else []
        rows = await self._store.page(RELATIONSHIPS, call.caller, {}, after=after, limit=limit)
        return [row["id"] for row in rows]

    async def letter(self, call: Call, ending: str = "") -> Reply:
        """A letter for the client to keep: what is on record that they may see, in plain words, nothing besides."""
        media = form(call, ending, "A letter")
        row, place = await self._pair(call, "session")
        plan = as_the_client_sees(row)
        if plan.died_on or plan.kind is EndingKind.CLIENT_DECEASED:
            raise NotFound("There is no letter: the client has died.")
        found = letter(plan, await self._as_told(call.caller.practice_id, plan, place), row["updated_at"].date())
        return await self._reply(call, media, plain(found), letter_page(found), found.as_of)

    async def report(self, call: Call, ending: str = "") -> Reply:
        """How the ending was prepared, done and recorded: duties, exceptions, days, codes. For staff and auditors."""
        media = form(call, ending, "An ending report")
        if call.caller.role not in STAFF:
            raise NotYours(f"An ending report is read by: {', '.join(sorted(STAFF))}.")
        row, place = await self._pair(call, *EVIDENCE)
        plan, practice = PLANS.state(row), call.caller.practice_id
        papers, id = self._papers, row["relationship_id"]
        log, rule = await papers.log(practice, row["id"]), await self._store.endings(practice, id)
        successor = plan.receiver.therapist_id if plan.receiver else None
        names = await papers.names(practice, [*place["therapist_ids"], *filter(None, [successor])])
        found = report(plan, Evidence(
            **await self._known(call, place), log=log, screenings=await papers.screenings(practice, id),
            attempts_asked=rule.outreach_attempts, channels_asked=rule.outreach_channels,
            names={str(id): name for id, name in names.items()},
        ), row["updated_at"].date())  # fmt: skip
        return await self._reply(call, media, plain(found), report_page(found), found.as_of)

    async def readiness(self, call: Call) -> Reply:
        """Every readiness fact: what the record answers by rule, beside what each last said. No number, no verdict."""
        row, place = await self._pair(call, *EVIDENCE)
        client = call.caller.role is Role.CLIENT
        plan = as_the_client_sees(row) if client else PLANS.state(row)
        known = Known(**await self._known(call, place))
        found = readiness(plan, known, FOR_CLINICIANS if client else frozenset())
        return Reply(200, to_json(plain(found)))

    async def _known(self, call: Call, place: Row) -> dict[str, Any]:
        """What readiness is computed from, as far as the caller may see it."""
        practice, id, client = call.caller.practice_id, place["id"], call.caller.role is Role.CLIENT
        goals = await self._papers.goals(practice, id)
        return {
            "relationship": RELATIONSHIPS.state(for_client(RELATIONSHIPS.machine.cls, place) if client else place),
            "ruptures": await self._papers.ruptures(practice, id),
            "courses": await self._outcomes.courses(practice, id),
            "goals": [GOALS.state(for_client(GOALS.machine.cls, row) if client else row) for row in goals],
            "stable_sessions": await self._papers.stable_sessions(practice),
        }

    async def _as_told(self, practice: UUID, plan: TerminationPlan, place: Row) -> Pair:
        """What the letter tells of the relationship."""
        relationship = RELATIONSHIPS.state(for_client(RELATIONSHIPS.machine.cls, place))
        therapists, receiver = relationship.therapist_ids, plan.receiver
        successor = receiver.therapist_id if receiver else None
        names = await self._papers.names(practice, [*therapists, *filter(None, [successor])])
        return Pair(
            relationship=relationship, meetings=await self._papers.meetings(practice, relationship.id),
            therapists={id: names[id] for id in therapists if id in names},
            receiver=names.get(successor) if successor else receiver.name if receiver else None,
        )  # fmt: skip

    async def _pair(self, call: Call, *besides: str) -> tuple[Row, Row]:
        """The plan and its relationship, for a caller who may read these and what is drawn from `besides`."""
        row = await self._resources["termination_plan"].find(call, call.id())
        for subject in besides:
            self._resources[subject].may_read(call.caller)
        place = self._resources["relationship"]
        place.may_read(call.caller)
        relationship = await self._store.row(RELATIONSHIPS, call.caller, row["relationship_id"])
        if relationship is None:
            raise place.unknown()
        return row, relationship

    async def _reply(self, call: Call, media: str, told: Any, page: Page, day: date) -> Reply:
        said = to_json(told)
        tag = sha256(media.encode() + said).hexdigest()[:32]
        headers = [(b"etag", f'"{tag}"'.encode()), PRIVATE, VARY]
        if is_seen(call.header(b"if-none-match"), tag):
            return Reply(304, b"", headers)
        if media == HTML:
            return Reply(200, html(page), [(b"content-type", b"text/html; charset=utf-8"), *headers, STILL])
        if media == PDF:
            sheet = {"title": page.title, "subtitle": page.subtitle, "blocks": page.blocks, "footer": page.footer,
                     "serif": page.serif, "day": day.isoformat(), "fonts": self._fonts}  # fmt: skip
            said = await self._pictures.draw(to_json(sheet), Kind.PDF)
        return Reply(200, said, [(b"content-type", media.encode()), *headers])


def form(call: Call, ending: str, what: str) -> str:
    """The form that the address or the Accept header asks for."""
    return MEDIA[ending] if ending else accepted(call.header(b"accept"), tuple(MEDIA.values()), what)


def as_the_client_sees(row: Row) -> TerminationPlan:
    """The plan, without anything that is not for the client."""
    plan: TerminationPlan = PLANS.state(for_client(PLANS.machine.cls, {n: row[n] for n in PLANS.names}))
    return plan
