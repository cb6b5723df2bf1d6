"""The demo: what somebody sees who has just installed this."""

import asyncio
import csv
import json
import re
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import aiohttp
import httpx
import pytest
from standardwebhooks import Webhook

from api.courses import SOURCE, Course, courses
from api.receiver import Heard, Receiver
from domain.access import Role
from infra.keys import Keys
from infra.settings import Settings
from infra.standalone import opened
from tests.conftest import made, ok

pytestmark = pytest.mark.fault
SECRET = "whsec_" + "c2VjcmV0" * 4
ROOT = Path(__file__).parents[1]


def flat(text: str) -> str:
    """On one line, wherever it was broken."""
    return " ".join(text.split())


def demo(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "api.cli", "demo", "--once", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=ROOT, check=False)


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What one whole run prints."""
    ran = demo("--port", "0", "--data-dir", str(tmp_path_factory.mktemp("demo")))
    assert (ran.returncode, ran.stderr) == (0, "")
    return ran.stdout


def test_the_public_data_become_43_courses_of_therapy(shown: str):
    assert "43 courses of therapy imported: 474 sessions held, 42 missed, 486 scores, 4 therapists, 36 endings" in flat(
        shown
    )
    assert "Importing 10 of 43" in shown


def test_what_became_of_somebody_is_told_with_its_formula_and_without_a_line_nobody_has_recovered(shown: str):
    told = flat(shown.partition("What became of person 31")[2].partition("A. A rupture")[0])
    assert "improved: From 37 to 10 points. That is clearly better." in told
    assert "1.96 * sqrt(2) * 10.5 * sqrt(1 - 0.961) = 5.75 points, so 6 or more" in told
    assert "This form has no line that tells 'recovered' from 'improved'." in told


def test_a_step_before_its_turn_counts_and_brings_advice(shown: str):
    assert "validate-emotions  200 validating" in shown
    assert "Advised before this: invite reflection." in shown


def test_the_therapists_word_alone_is_refused_and_the_clients_view_carries_it(shown: str):
    story = shown.partition("A. A rupture")[2].partition("B. A suspicion")[0]
    path = r"conclude  422 refused.*record-view  200 offering.*conclude  200 concluded.*200 repaired"
    assert re.search(path, story, re.DOTALL)


def goodbye(shown: str) -> str:
    return flat(shown.partition("C. A good goodbye")[2].partition("D. A client leaves")[0])


def test_a_newer_wording_asks_for_a_new_consent_and_the_client_gives_it(shown: str):
    path = r"PATCH /v1/policies.*Consent to renew: due \d+ \w+ \d+, since that edition\..*client POST \S+/renew-consent 200"
    assert re.search(path, goodbye(shown))


def test_goals_are_seen_by_two_people_and_stay_two_numbers(shown: str):
    """By the formula: (1, 0, 1) and (2, 0, 1) over three equal goals, from -1 each."""
    assert "T = 59.1 as the client sees it, 63.7 as the therapist does; it was 36.3 when they began." in goodbye(shown)


def test_readiness_is_told_fact_by_fact_what_is_computed_beside_what_was_said(shown: str):
    told = goodbye(shown).partition("Readiness, fact by fact")[2]
    for said in (
        "Goals attained: yes, computed. Goal attainment scaling as the client sees it: 3 of 3 goals",
        "Goals attained: yes, computed. Goal attainment scaling as the therapist sees it: 3 of 3 goals",
        "Stable: yes, computed. Depression score (BDI): over the last 3 complete scores it moved by 2 points",
        "Stable: yes, said by the therapist. BDI, sessions 9 to 12.",
        "Client says ready: yes, said by the client.",
    ):
        assert said in told


def test_feelings_are_told_talk_by_talk_and_a_blank_is_not_a_zero(shown: str):
    assert "loss 1, 2, 3; uncertainty 3, 2, 1; pride -, 3, 4; gratitude -, -, 4." in goodbye(shown)


def test_the_ending_is_reminded_of_and_has_a_ritual_from_the_library(shown: str):
    path = r"Ending near: due \d+ \w+ \d+, 7 days before the last session\..*GET /v1/rituals\?.*200 10 found Letters, read aloud"
    assert re.search(path, goodbye(shown))


def test_the_ending_report_says_in_two_lines_that_it_was_done_well(shown: str):
    assert re.search(
        r"/report 200 \w+ Kind: planned mutual; ended on \d{1,2} \w+ \d{4}\. Checked duties are on record\.",
        goodbye(shown),
    )


def test_the_client_takes_a_letter_along_with_their_own_words_in_it(shown: str):
    letter = goodbye(shown).partition("a letter for the client to keep")[2]
    for said in (
        "Our work together",
        '"I came in hiding. I leave saying what I need."',
        "Each read the other a letter.",
    ):
        assert said in letter


def test_letter_and_report_are_pages_to_open(shown: str):
    found = dict(re.findall(r"^  (/\S+)  (the letter of story C|its ending report), saved from$", shown, re.MULTILINE))
    pages = {what: Path(page).read_text() for page, what in found.items()}
    assert "I leave saying what I need." in pages["the letter of story C"]
    assert "Checked duties are on record." in pages["its ending report"]
    assert all(Path(page).with_name("letter.pdf").read_bytes().startswith(b"%PDF") for page in found)
    assert (
        len(re.findall(r"^    http://\S+/v1/termination-plans/\S+/(?:letter|report)\.html$", shown, re.MULTILINE)) == 2
    )


def test_a_client_leaves_without_a_plan(shown: str):
    assert "client       POST /v1/termination-plans/client-ends  201 ended" in shown


def test_who_falls_silent_is_reached_out_to_and_not_let_go_by_a_clock(shown: str):
    story = flat(shown.partition("E. A client falls silent")[2].partition("F. A transfer")[0])
    path = r"suspect-lapse 201 outreach.*lapse 422 refused Refused: 2 of 3 attempts.*client-returned 200 reviewing"
    assert re.search(path, story)


def test_a_transfer_ends_nothing_until_somebody_accepts(shown: str):
    story = flat(shown.partition("F. A transfer")[2].partition("G. A therapist")[0])
    path = r"transfer-declined 200 reviewing.*begin-transfer 200 transferring.*record-handover.*transfer-accepted 200 ended"
    assert re.search(path, story)


def test_a_professional_will_names_who_takes_over(shown: str):
    story = flat(shown.partition("G. A therapist cannot go on")[2].partition("H. Ratings")[0])
    assert "Ana Ruiz takes over from Ben Okafor" in story
    assert re.search(r"therapist-unavailable 201 transferring.*transfer-accepted 200 ended", story)


def test_the_practice_learns_what_its_endings_have_in_common_and_of_nobody(shown: str):
    """40 endings: 32 as planned, 6 by leaving, a transfer and an illness."""
    told = flat(shown.partition("What the practice learns")[2].partition("What the webhook receiver")[0])
    assert "counts under 5 are kept back, the others are to the nearest 5" in told
    assert re.search(
        r"Endings since \S+: 40 planned mutual: 30 client initiated: 5 each other kind: fewer than 5", told
    )
    assert "NHS end code 46, mutually agreed completion: 30 (in England 60.5% of all)" in told
    assert "transfer" not in told


def test_every_webhook_arrives_and_every_signature_holds(shown: str):
    told = shown.partition("What the webhook receiver was told")[2].partition("The timeline")[0]
    verified = [int(count) for count in re.findall(r"(\d+) verified", told)]
    assert f"All {sum(verified)} events arrived" in told
    assert sum(verified) > 200
    for one in (
        "reported, repair_begun, repaired",
        "reported, dismissed",
        "6 termination plans  *client_ended",
        "raised",
    ):
        assert re.search(rf"  {one}  ", told), one
    assert "readiness_reviewed (4 times)" in flat(told)
    assert "session" not in told


def test_the_timeline_tells_the_story_in_plain_words(shown: str):
    told = shown.partition("The timeline of the first story")[2]
    for who, says in (
        ("the client", "A rupture, or the suspicion of one, is reported."),
        ("Dana Weiss", "The therapist noted: affirmed feelings, not minimized or explained away."),
        ("the client", "The client says how resolved it feels."),
        ("Dana Weiss", "The repair held: the client says so."),
    ):  # fmt: skip
        before, found, told = told.partition(says)
        assert found, says
        assert before.rstrip().endswith(who)


def test_the_simulated_ratings_say_that_they_are_and_lead_to_a_picture(shown: str):
    assert "H. Ratings of the alliance (simulated)" in shown
    assert re.search(r"2 signals  +raised  +✓ 2 verified", shown)
    assert "/trajectory.svg > alliance.svg" in shown


def test_requests_can_be_copied_each_from_a_line_of_its_own(shown: str):
    token = re.search(r"^AUTH='Authorization: Bearer (\S+)'$", shown, re.MULTILINE)
    lines = re.findall(r'^curl -s\S* .*"\$AUTH".* "?http://127\.0\.0\.1:\d+/v1/\S+(?: > \S+)?$', shown, re.MULTILINE)
    assert token and token[1].count(".") == 2
    assert [re.search(r"/v1/(\w+)", line)[1] for line in lines] == [  # type: ignore[index]
        "relationships", "ruptures", "events",
    ]  # fmt: skip


def test_everything_but_what_is_to_be_copied_fits_a_hundred_columns(shown: str):
    copied = ("AUTH=", "curl ", "  Data, keys and log go to", "  /", "    http://")
    assert [line for line in shown.splitlines() if len(line) > 100 and not line.startswith(copied)] == []


def test_a_port_that_is_taken_is_said_in_one_line(tmp_path: Path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        said = demo("--port", str(other.getsockname()[1]), "--data-dir", str(tmp_path))
    assert said.returncode == 2
    assert said.stderr.count("\n") == 1 and "is taken" in said.stderr


Meddling = Callable[[httpx.AsyncClient], Awaitable[None]]


async def meddled(folder: Path, when: str, meddle: Meddling) -> tuple[int | None, str]:
    """A whole run in which somebody else, with a token of the practice, does something once a line is printed.

    The exit code, and what was complained of.
    """
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-u", "-m", "api.cli", "demo", "--once", "--port", "0", "--data-dir", str(folder),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT,
    )  # fmt: skip
    assert child.stdout and child.stderr
    address = ""
    try:
        async with asyncio.timeout(120):
            async for line in child.stdout:
                if found := re.search(r"It answers at (\S+)", line.decode()):
                    address = found[1]
                if when in line.decode():
                    async with httpx.AsyncClient(base_url=address, headers=await somebody(folder)) as other:
                        await meddle(other)
            return await child.wait(), (await child.stderr.read()).decode()
    finally:
        if child.returncode is None:
            child.terminate()
            await child.wait()


async def somebody(folder: Path) -> dict[str, str]:
    """The credentials of a script of the demo's practice."""
    settings = Settings.model_construct(data_dir=folder)
    async with opened(settings) as pool:
        practice = await pool.fetchval("SELECT id FROM practice")
    token = Keys(settings).issue(practice, Role.INTEGRATION, "somebody else", None, 600)
    return {"Authorization": f"Bearer {token}"}


async def rotated(other: httpx.AsyncClient) -> None:
    (endpoint,) = ok(await other.get("/v1/webhook-endpoints"))["items"]
    ok(await other.post(f"/v1/webhook-endpoints/{endpoint['id']}/rotate-secret", json={"overlap_seconds": 0}))


async def test_a_signature_that_does_not_hold_is_no_success(tmp_path: Path):
    """The secret is changed, and nobody tells the receiver."""
    code, complaint = await meddled(tmp_path, "Importing 10 of", rotated)
    assert (code, complaint) == (
        1, "The demo failed: a webhook's signature does not hold: No matching signature found.\n"
    )  # fmt: skip


async def left_before(other: httpx.AsyncClient) -> None:
    known_as = {"external_system": f"https://{SOURCE}", "external_value": "8"}
    (client,) = ok(await other.get("/v1/clients", params=known_as))["items"]
    (relationship,) = ok(await other.get("/v1/relationships", params={"client_id": client["id"]}))["items"]
    made(await other.post("/v1/termination-plans/client-ends", json={"relationship_id": relationship["id"]}))


async def test_a_step_that_is_answered_otherwise_is_no_success(tmp_path: Path):
    """Somebody else puts on record that person 8 left, before person 8 does so."""
    code, complaint = await meddled(tmp_path, "Importing 40 of", left_before)
    assert code == 1
    assert complaint.startswith("The demo failed: POST /v1/termination-plans/client-ends answered 409: ")
    assert complaint.count("\n") == 1


def test_what_the_file_says_is_what_is_read():
    """42 sessions have neither of the two scores, counted in the file; person 8 has one for 1, 2, 10 and 12."""
    read = courses()
    assert [course.person for course in read] == list(range(1, 44))
    assert sum(course.attended.count(False) for course in read) == 42
    assert [number for number, came in enumerate(read[7].attended, 1) if came] == [1, 2, 10, 12]
    assert all(read[0].attended) and len(read[0].attended) == 12
    assert [course.depression for course in read][6:8] == [
        (None, 37, None, 23, 21, None, 21, None, None, None, None, None, 20), (40, 41, 37, *[None] * 10),
    ]  # fmt: skip
    with (ROOT / "api" / "data" / "session-scores-wide.csv").open() as file:
        assert sum((row[2 + n], row[17 + n]) == ("", "") for row in csv.reader(file) for n in range(12)) == 42


def test_sessions_are_weekly_lie_in_the_past_and_no_therapist_sees_two_people_at_once():
    today = date(2026, 3, 2)
    begun = Course(person=7, attended=(True,) * 12)
    days = [begun.starts_at(number, today) for number in range(1, 13)]
    assert {after - before for before, after in pairwise(days)} == {timedelta(weeks=1)}
    last = [((course.person - 1) % 4, course.starts_at(12, today)) for course in courses()]
    assert len(set(last)) == 43
    assert all(today - timedelta(weeks=1) < starts_at.date() < today for _, starts_at in last)


async def delivered(receiver: Receiver, secret: str) -> int:
    data = {"seq": 3, "from": "new", "to": "confirmed"}
    body, now = json.dumps({"type": "rupture.reported", "data": data}), datetime.now(UTC)
    headers = {
        "webhook-id": "evt_3", "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign("evt_3", now, body),
    }  # fmt: skip
    async with aiohttp.ClientSession() as http, http.post(receiver.url, data=body, headers=headers) as answer:
        return answer.status


async def test_a_webhook_that_is_delivered_twice_is_heard_once():
    async with Receiver() as receiver:
        receiver.trust(SECRET)
        assert [await delivered(receiver, SECRET) for _ in range(2)] == [204, 204]
        assert receiver.heard == {3: Heard(3, "rupture.reported", "new", "confirmed")}
        assert await receiver.wait_for([3], 5) == set()


async def test_a_webhook_signed_by_somebody_else_is_refused():
    async with Receiver() as receiver:
        receiver.trust(SECRET)
        assert await delivered(receiver, "whsec_" + "b3RoZXJz" * 4) == 400
        assert await receiver.wait_for([3], 5) == {3}
        assert receiver.refused == ["No matching signature found"]
