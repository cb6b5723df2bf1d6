"""The demo: what somebody sees who has just installed this."""

import csv
import json
import re
import socket
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import aiohttp
import pytest
from standardwebhooks import Webhook

from api.courses import Course, courses
from api.receiver import Heard, Receiver

pytestmark = pytest.mark.fault
SECRET = "whsec_" + "c2VjcmV0" * 4
ROOT = Path(__file__).parents[1]


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
    assert "43 courses of therapy imported: 474 sessions held, 42 missed, 486 scores, 4 therapists" in shown
    assert "Importing 10 of 43" in shown


def test_what_became_of_somebody_is_told_with_its_formula_and_without_a_line_nobody_has_recovered(shown: str):
    told = " ".join(shown.partition("What became of person 31")[2].partition("A. A rupture")[0].split())
    assert "improved: From 37 to 10 points. That is reliably better." in told
    assert "1.96 * sqrt(2) * 10.5 * sqrt(1 - 0.961) = 5.75 points, so 6 or more" in told
    assert "there is no line" in told


def test_a_step_before_its_turn_counts_and_brings_advice(shown: str):
    assert "validate-emotions  200 validating" in shown
    assert "Advised before this: invite reflection." in shown


def test_the_therapists_word_alone_is_refused_and_the_clients_view_carries_it(shown: str):
    story = shown.partition("A. A rupture")[2].partition("B. A suspicion")[0]
    path = r"conclude  422 refused.*record-view  200 offering.*conclude  200 concluded.*200 repaired"
    assert re.search(path, story, re.DOTALL)


def test_strong_loss_at_the_ending_is_heard(shown: str):
    assert "Strong loss. Termination can itself be a rupture" in shown


def test_the_client_takes_a_letter_along_with_their_own_words_in_it(shown: str):
    letter = shown.partition("A letter to keep")[2].partition("D. A client leaves")[0]
    for said in (
        "Our work together",
        '"I came in hiding. I leave saying what I need."',
        "Each read the other a letter.",
    ):
        assert said in letter


def test_a_client_leaves_without_a_plan(shown: str):
    assert "client       POST /v1/termination-plans/client-ends  201 ended" in shown


def test_every_webhook_arrives_and_every_signature_holds(shown: str):
    verified = [line for line in shown.splitlines() if line.rstrip().endswith("verified")]
    kinds = [line.split()[1] for line in verified]
    assert f"All {len(verified)} events arrived" in shown
    assert kinds.count("rupture.repaired") == 1
    assert kinds.count("relationship.ended") == 2
    assert {"repair.recognized", "rupture.dismissed", "termination_plan.client_ended"} <= set(kinds)
    assert "session.recorded" not in kinds


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
    assert "E. Ratings of the alliance (simulated)" in shown
    assert "signal.raised" in shown.partition("E. Ratings")[2]
    assert "/trajectory.svg > alliance.svg" in shown


def test_requests_can_be_copied_each_from_a_line_of_its_own(shown: str):
    token = re.search(r"^AUTH='Authorization: Bearer (\S+)'$", shown, re.MULTILINE)
    lines = re.findall(r'^curl -s\S* .*"\$AUTH".* "?http://127\.0\.0\.1:\d+/v1/\S+(?: > \S+)?$', shown, re.MULTILINE)
    assert token and token[1].count(".") == 2
    assert [re.search(r"/v1/(\w+)", line)[1] for line in lines] == [  # type: ignore[index]
        "repairs", "relationships", "ruptures", "events",
    ]  # fmt: skip


def test_everything_but_what_is_to_be_copied_fits_a_hundred_columns(shown: str):
    copied = ("AUTH=", "curl ", "  Data, keys and log go to")
    assert [line for line in shown.splitlines() if len(line) > 100 and not line.startswith(copied)] == []


def test_a_port_that_is_taken_is_said_in_one_line(tmp_path: Path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        said = demo("--port", str(other.getsockname()[1]), "--data-dir", str(tmp_path))
    assert said.returncode == 2
    assert said.stderr.count("\n") == 1 and "is taken" in said.stderr


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
