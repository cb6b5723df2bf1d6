"""The delivery console's sessions, and what its page is sent with."""

import re
from datetime import UTC, datetime
from pathlib import Path

import jwt
import pytest
from pydantic import ValidationError

from api.console import FILES, FOLDER
from infra.settings import Settings
from tests.conftest import House, Running, made, ok, refused

SESSIONS = "/v1/console-sessions"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "frame-ancestors 'self' http://localhost:*; base-uri 'none'; form-action 'none'"
)


@pytest.mark.parametrize("role", ["admin", "integration"])
async def test_who_keeps_endpoints_gets_a_session_that_does_nothing_else(house: House, role: str):
    answer = await (await house.as_(role, "north-street")).post(SESSIONS)
    session = made(answer)
    assert answer.headers["cache-control"] == "no-store"
    assert session["url"] == f"/console#token={session['token']}"
    claims = jwt.decode(session["token"], options={"verify_signature": False})
    assert (claims["practice"], claims["role"], claims["sub"]) == (str(house.id), role, "north-street")
    assert (claims["scope"], claims["client_id"]) == ("webhooks.manage", "bravespace-console")
    assert claims["exp"] - claims["iat"] == 15 * 60
    assert datetime.fromisoformat(session["expires_at"]) == datetime.fromtimestamp(claims["exp"], UTC)
    console = await house.running.client(session["token"])
    ok(await console.get("/v1/webhook-endpoints"))
    for elsewhere in ("/v1/clients", "/v1/ruptures", "/v1/policies", "/v1/events"):
        refused(await console.get(elsewhere), 403, "insufficient-scope")


async def test_a_session_opens_no_other(house: House):
    session = made(await (await house.as_("integration")).post(SESSIONS))
    refused(await (await house.running.client(session["token"])).post(SESSIONS), 403, "role-may-not")


async def test_each_call_opens_a_session_of_its_own_and_its_token_is_kept_nowhere(house: House):
    script, key = await house.as_("integration"), {"Idempotency-Key": "opened-once"}
    first, second = [made(await script.post(SESSIONS, headers=key)) for _ in range(2)]
    assert first["token"] != second["token"]
    kept = "SELECT count(*) FROM idempotency WHERE practice_id = $1"
    assert await house.running.service.pool.fetchval(kept, house.id) == 0


async def test_without_the_scope_there_is_no_session(house: House):
    problem = refused(await (await house.as_("admin", None, "events.read")).post(SESSIONS), 403, "insufficient-scope")
    assert problem["scope"] == "webhooks.manage"


@pytest.mark.parametrize("role", ["therapist", "client", "supervisor"])
async def test_who_does_not_keep_endpoints_gets_no_session(house: House, role: str):
    subject = "019ce3a1-0000-7000-8000-000000000001"
    refused(await (await house.as_(role, subject, "webhooks.manage")).post(SESSIONS), 403, "role-may-not")


async def test_what_is_done_in_the_console_is_told_as_the_consoles(house: House):
    script = await house.as_("integration", "north-street")
    console = await house.running.client(made(await script.post(SESSIONS))["token"])
    made(await console.post("/v1/webhook-endpoints", json={"url": "http://127.0.0.1:1/hook"}))
    event = ok(await script.get("/v1/events?types=webhook_endpoint.registered"))["items"][0]
    assert (event["actor"]["id"], event["origin"]) == ("north-street", "bravespace-console")


async def test_the_page_is_sent_with_a_policy_that_takes_nothing_but_our_own_files(running: Running):
    page = await (await running.client()).get("/console")
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["content-security-policy"] == POLICY
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["x-content-type-options"] == "nosniff"


async def test_the_page_names_no_code_and_no_file_but_its_own(running: Running):
    outside = await running.client()
    page = (await outside.get("/console")).text
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)|https?:|//", page)
    named = re.findall(r'(?:src|href)="(console/[^"]+)"', page)
    assert {name.removeprefix("console/") for name in named} == set(FILES)
    for name in named:
        file = await outside.get(f"/{name}")
        assert file.status_code == 200
        assert file.headers["content-type"].encode() == FILES[name.removeprefix("console/")]
    refused(await outside.get("/console/index.html"), 404, "not-found")


def test_the_script_writes_text_and_never_markup():
    script = (FOLDER / "console.js").read_text()
    assert "textContent" in script
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|\bFunction\(|srcdoc", script)


@pytest.mark.parametrize(
    "origin",
    ["*", "https:", "https://*", "https://ehr.example/", "ehr.example", "'none'", "https://a.example https://b.example",
     "https://a.example; script-src *", "https://a.example\r\nX-Other: 1", "https://a.example\n", "data:", ""],
)  # fmt: skip
def test_what_is_not_an_origin_can_not_be_let_in(tmp_path: Path, origin: str):
    with pytest.raises(ValidationError):
        Settings(data_dir=tmp_path, console_origins=[origin])


@pytest.mark.parametrize("origin", ["https://ehr.example", "https://ehr.example:8443", "https://*.ehr.example"])
def test_an_origin_can_be_let_in(tmp_path: Path, origin: str):
    assert Settings(data_dir=tmp_path, console_origins=[origin]).console_origins == [origin]
