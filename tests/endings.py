"""An ending as tests tell it: who does what to a plan, what is due, and what others read of it afterwards."""

import io
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from html import unescape
from typing import Any

import httpx
import pypdfium2

from domain.telling import day
from infra.reminding import remind_all
from tests.conftest import Case, House, made, ok, refused

TODAY = datetime.now(UTC).date()
AGREED = {
    "kind": "planned_mutual", "target_date": "2026-12-18", "agreed_by_client": True, "reasons": ["goals_met"],
}  # fmt: skip
IMPOSED = {"kind": "therapist_initiated", "target_date": "2026-12-18"}
OWED = {
    "reasons": ["therapist_leaving"], "notice_given_on": "2026-11-01", "counselling_offered": True,
    "alternative_providers": ["Dr Okafor"],
}  # fmt: skip


def ahead(days: int) -> str:
    return (TODAY + timedelta(days)).isoformat()


def ago(days: int) -> str:
    return ahead(-days)


def spelled(on: str) -> str:
    """A day as a letter writes it."""
    return day(date.fromisoformat(on))


# -- what is done ------------------------------------------------------------------------------------------------------


def at(plan: dict[str, Any], *more: str) -> str:
    return "/".join([f"/v1/termination-plans/{plan['id']}", *more])


async def do(case: Case, plan: dict[str, Any], move: str, by: str = "therapist", **said: Any) -> dict[str, Any]:
    return ok(await getattr(case, by).post(at(plan, move), json=said))


def voices(case: Case, plan: dict[str, Any]) -> list[Any]:
    """Client, therapist, supervisor and script, each to say what they do: `await client("client-ends")`."""
    return [partial(do, case, plan, by=who) for who in ("client", "therapist", "supervisor", "script")]


async def before_a_plan(case: Case, move: str, by: str, **said: Any) -> dict[str, Any]:
    """What happens though nobody had made a plan; the plan that is there then."""
    body = {"relationship_id": case.relationship_id, **said}
    return made(await getattr(case, by).post(f"/v1/termination-plans/{move}", json=body))


async def screened(case: Case, risk: str, by: str = "therapist") -> None:
    ok(await getattr(case, by).post(f"/v1/relationships/{case.relationship_id}/screen-risk", json={"risk": risk}))


async def met(case: Case, *days: str, status: str = "held") -> dict[str, Any]:
    """Sessions on these days; the last of them."""
    return [await case.session(starts_at=f"{on}T10:00:00Z", status=status) for on in days][-1]


def advice(answer: dict[str, Any]) -> list[str]:
    return [one["code"] for one in answer["advisories"]]


async def phase(case: Case) -> str:
    """Where the relationship is."""
    found: str = ok(await case.therapist.get(f"/v1/relationships/{case.relationship_id}"))["phase"]
    return found


# -- what is due -------------------------------------------------------------------------------------------------------


async def due(who: httpx.AsyncClient, **by: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = ok(await who.get("/v1/reminders", params=by))["items"]
    return found


async def kinds_due(who: httpx.AsyncClient, **by: Any) -> list[str]:
    return [reminder["kind"] for reminder in await due(who, **by)]


async def told(house: House, on: date = TODAY) -> list[dict[str, Any]]:
    """A round of the service's own, and the reminders that are in this practice's log after it."""
    await remind_all(house.running.service.store, house.running.service.dispatcher.heard, on)
    feed = await (await house.as_("supervisor")).get("/v1/events?types=termination_plan.reminder_due")
    found: list[dict[str, Any]] = ok(feed)["items"]
    return found


# -- what is read ------------------------------------------------------------------------------------------------------


def text_of(response: httpx.Response) -> str:
    """What a person reads, whatever the form."""
    if response.headers["content-type"] != "application/pdf":
        return response.text
    pages = pypdfium2.PdfDocument(io.BytesIO(response.content))
    return " ".join(page.get_textpage().get_text_range() for page in pages).replace("\r\n", " ")


def on_the_page(response: httpx.Response) -> str:
    """What a person reads on an HTML page, one thing a line."""
    assert response.status_code == 200, response.text
    lines = unescape(re.sub(r"<style>.*?</style>|<[^>]+>", "\n", response.text, flags=re.DOTALL)).splitlines()
    return "\n".join(line for line in lines if line.strip())


@dataclass(frozen=True)
class Aftermath:
    """What others read of an ending when it is over."""

    letter: str | None
    """The letter's page as the client reads it; none where there is none."""
    report: dict[str, Any]
    """As a supervisor gets it."""
    page: str
    """The same as it is read on a page."""
    timeline: list[str]
    """What happened to the plan, as the therapist is told."""
    own: list[str]
    """The same, as the client is told in their own app."""

    @property
    def duties(self) -> dict[str, str]:
        return {line["duty"]: line["status"] for line in self.report["duties"]}


async def aftermath(case: Case, plan: dict[str, Any]) -> Aftermath:
    """Read everything there is to read, as those for whom it is meant."""
    letter = await case.client.get(at(plan, "letter.html"))
    for who in (case.therapist, case.supervisor, case.script):
        seen = await who.get(at(plan, "letter.html"))
        assert seen.status_code == letter.status_code
        assert letter.status_code != 200 or seen.text == letter.text, "there is one letter, and it is the client's"
    if letter.status_code != 200:
        refused(letter, 404, "not-found")
    refused(await case.client.get(at(plan, "report")), 403, "role-may-not")
    stretch = f"/v1/relationships/{case.relationship_id}/timeline?limit=500"
    timeline = ok(await case.therapist.get(stretch))["items"]
    feed = ok(await case.script.get("/v1/events?limit=500"))["items"]
    in_feed = [event["seq"] for event in feed if event["relationship_id"] == case.relationship_id]
    assert [event["seq"] for event in timeline] == in_feed, "the timeline tells what the feed told"
    return Aftermath(
        on_the_page(letter) if letter.status_code == 200 else None,
        ok(await case.supervisor.get(at(plan, "report"))),
        on_the_page(await case.supervisor.get(at(plan, "report.html"))),
        of_the_plan(timeline), of_the_plan(ok(await case.client.get(stretch))["items"]),
    )  # fmt: skip


def of_the_plan(events: list[dict[str, Any]]) -> list[str]:
    return [e["type"].removeprefix("termination_plan.") for e in events if e["resource"] == "termination_plan"]
