"""An ending report as a page that is read in two minutes: what counts first, then what it rests on."""

from collections.abc import Iterator, Sequence
from datetime import date
from enum import StrEnum
from itertools import groupby
from typing import Any

from api.page import Block, Page
from domain.access import Role
from domain.consent import ConsentGiver
from domain.report import ConsentOnRecord, DutyStatus, EndingReport, told_ahead, words
from domain.review import Answer, Informant
from domain.telling import day

STATUS = {DutyStatus.MET: "Met", DutyStatus.EXCEPTED: "Excepted", DutyStatus.NOT_EXCUSED: "Not given",
          DutyStatus.OUTSTANDING: "Outstanding", DutyStatus.NOT_ON_RECORD: "Not on record"}  # fmt: skip


HOLDS = {Answer.YES: "Holds", Answer.NO: "Does not hold", Answer.UNSURE: "Unsure"}
SAID_BY = {
    Informant.CLIENT: "the client", Informant.THERAPIST: "the therapist", Informant.GUARDIAN: "a guardian",
    Informant.COLLATERAL: "somebody who knows the client", Informant.RECORD: "the record",
}  # fmt: skip
WAY_BACK = {True: "Offered a way back", False: "No way back offered", None: "Not said whether a way back was offered"}
NHS = {46: "mutually agreed completion", 47: "earlier than the care professional planned",
       48: "earlier than the patient requested", 49: "deceased", 96: "not known"}  # fmt: skip
"""What the NHS end codes mean, in the words of the list."""
GIVER = {ConsentGiver.SELF: "the client", ConsentGiver.GUARDIAN: "a guardian", ConsentGiver.COURT: "a court",
         ConsentGiver.PROXY: "a proxy"}  # fmt: skip


def report_page(report: EndingReport) -> Page:
    """The report to read and to print."""
    blocks = [
        *(("text", line) for line in report.in_short),
        *table("What was owed", [(title(d.duty), STATUS[d.status], said(d.detail, d.on)) for d in report.duties]),
        *table("Exception", exception(report)), *table("The ending", list(ending(report))),
        *table("Before it", list(before(report))), *table("Readiness", list(facts(report))),
        *table("Outcome and goals", list(came_of_it(report))), *table("Risk and ruptures", list(risk(report))),
        *table("Outreach", [
            (on(a.attempted_on), title(a.channel), WAY_BACK[a.offered_return])
            for a in report.outreach
        ]),
        *table("After it", list(after(report))), *table("As it was recorded", list(history(report))),
    ]  # fmt: skip
    footer = (
        f"Drawn from the record as it stood on {day(report.as_of)}. Termination plan {report.termination_plan_id}, "
        f"relationship {report.relationship_id}."
    )
    return Page("Ending report", "For staff and auditors", tuple(blocks), footer)


def table(heading: str, rows: Sequence[tuple[str, ...]]) -> Iterator[Block]:
    """A heading and its rows, where there are any."""
    if rows:
        yield "heading", heading
        yield "table", [list(row) for row in rows]


def exception(report: EndingReport) -> list[tuple[str, ...]]:
    """The exception on record."""
    e = report.exception
    if e is None:
        return []
    names = {step.by_id: step.name for step in report.history if step.name}
    who = names.get(e.recorded_by_id or "", e.recorded_by)
    made = f"{who}, {on(e.recorded_on)}" if who else "The log no longer tells"
    return [("Exception", title(e.code)), ("What happened", e.detail), ("Recorded by", made)]


def ending(report: EndingReport) -> Iterator[tuple[str, ...]]:
    """What kind of ending it is, in the words and codes of the field."""
    yield "Kind", maybe(report.kind)
    yield "Timing", maybe(report.timing)
    yield "Reasons", ", ".join(map(words, report.reasons)).capitalize() or "Not said"
    yield "NHS end code", f"{report.nhs_code}, {NHS[report.nhs_code]}" if report.nhs_code else "None fits"
    yield "BHA reasons", ", ".join(map(str, report.bha_codes)) or "None fits"
    definition = f", by {words(report.premature_definition)}" if report.premature_definition else ""
    yield "Premature", f"{maybe(report.premature)}{definition}"
    yield "Ended", f"{on(report.ended_on)}, recorded by {report.ended_by}" if report.ended_on else "Not yet"


def before(report: EndingReport) -> Iterator[tuple[str, ...]]:
    """How it was prepared."""
    yield "Consent", consent(report.consent) if report.consent else "None on record"
    if report.earlier_consents:
        yield "Consents before it", "; ".join(map(consent, report.earlier_consents))
    yield "First mentioned", day(report.first_mentioned_on) if report.first_mentioned_on else "None on record"
    days = report.notice_days
    ahead = f". {told_ahead(days, report.ended_on)}" if days is not None else ""
    yield "Notice", f"{on(report.notice_given_on)}{ahead}" if report.notice_given_on else "None on record"
    yield "Reviews", "; ".join(f"{on(r.reviewed_on)} ({r.recorded_by})" for r in report.reviews) or "None on record"
    done = "; ".join(f"{title(t.task)}, {on(t.done_on)}" for t in report.closure)
    yield "Closure tasks", done or "None on record"


def consent(given: ConsentOnRecord) -> str:
    """To which text, when, by whom; and of several who hold it, when each gave their word."""
    told = f"Text {given.text_version}, {day(given.given_on)}, by {GIVER[given.given_by]}"
    if given.holders:
        told += f". {given.detail} {', '.join(day(when) if when else 'awaited' for when in given.holders)}"
    return f"{told}. The client assented on {day(given.assent_on)}" if given.assent_on else told


def facts(report: EndingReport) -> Iterator[tuple[str, ...]]:
    """Every readiness fact: what was computed, and beside it what was said."""
    for fact in report.readiness:
        for one in fact.findings:
            if one.recorded_as:
                by = f"Said by {SAID_BY[one.said_by]}" if one.said_by else "Said"
                yield title(fact.fact), HOLDS[one.holds], f"{by}, {on(one.on)}, recorded by the {one.recorded_as}"
            elif one.computed:
                yield title(fact.fact), HOLDS[one.holds], said(one.source, one.on)
    if unsaid := [words(f.fact) for f in report.readiness if not any(o.computed or o.recorded_as for o in f.findings)]:
        yield "Nobody has said", "", ", ".join(unsaid).capitalize()


def came_of_it(report: EndingReport) -> Iterator[tuple[str, ...]]:
    """The outcome by each form, and goal attainment as each of the two sees it."""
    for found in report.outcomes:
        scores = [f"{one.score:g} on {day(one.rated_on)}" for one in (found.first, found.last) if one]
        yield found.title, title(found.outcome_class), " to ".join(scores) or "No score"
    for goals in report.goals:
        for whose, view in (("client", goals.client), ("therapist", goals.therapist)):
            told = f"T = {view.t_score:.1f} on {day(view.rated_on)}" if view else "Not rated completely"
            yield f"Goal attainment, {goals.goals} goals", f"As the {whose} sees it", told


def risk(report: EndingReport) -> Iterator[tuple[str, ...]]:
    """Risk, and what stood open between the two."""
    found = [f"{day(s.screened_on)}: {s.risk} ({s.recorded_by})" for s in report.screenings]
    now = f"{report.risk}, {day(report.screened_on)}" if report.screened_on else ""
    yield "Risk screened", "; ".join(found) or now or "Never"
    yield "Ruptures open now", str(report.open_ruptures)
    faced = ", acknowledged" if report.open_ruptures_acknowledged else ""
    yield "Ended unrepaired", f"{report.ended_unrepaired}{faced}"


def after(report: EndingReport) -> Iterator[tuple[str, ...]]:
    """Who goes on, and what stays."""
    if t := report.transfer:
        within = t.receiver_name or "A therapist of the practice"
        receiver = within if t.receiver_therapist_id else "Somebody elsewhere"
        accepted = f"accepted {day(t.accepted_on)}" if t.accepted_on else "not accepted"
        yield "Transfer", f"{receiver}; begun {on(t.begun_on)}; {accepted}"
        yield "Handed over", ", ".join(map(words, t.handover)).capitalize() or "Nothing is on record"
        if t.accepted_on and t.handover_missing:
            yield "Not on record", ", ".join(map(words, t.handover_missing)).capitalize()
    stays, names = report.stays, ("return_route", "early_signs", "safety_plan")
    kept = [name.replace("_", " ") for name in names if getattr(stays, name)]
    yield "On record", ", ".join(kept).capitalize() or "Nothing"
    if stays.boosters:
        yield "Boosters", "; ".join(map(day, sorted(stays.boosters)))


def history(report: EndingReport) -> Iterator[tuple[str, ...]]:
    """The log."""
    if not report.history_complete:
        yield "Before that", "", "The log no longer goes back to the beginning."
    told = ((on(step.at.date()), step.name or by(step.by), step.says) for step in report.history)
    for row, same in groupby(told):
        times = len(list(same))
        yield row if times == 1 else (*row[:2], f"{row[2].rstrip('.')} ({times} times).")


def by(role: Role) -> str:
    """Who it was, where no name is known."""
    return "The service" if role is Role.POLICY else role.capitalize()


def title(value: StrEnum) -> str:
    """A value of a vocabulary at the head of a line."""
    return words(value).capitalize()


def maybe(value: Any) -> str:
    """The same, or that nothing was said."""
    return title(value) if value else "Not said"


def on(when: date | None) -> str:
    """A day, or that none is on record."""
    return day(when) if when else "No day on record"


def said(detail: str, when: date | None) -> str:
    """A detail, with its day."""
    return f"{day(when)}. {detail}" if when else detail
