"""The command line, run as it is run."""

import asyncio
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from uuid import UUID, uuid4

import jwt

from tests.conftest import House, Running, made


def bravespace(*words: str, data_dir: Path, **more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "api.cli", *words, "--data-dir", str(data_dir)]
    around = environment(data_dir, **more)
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=around, check=False)


def environment(data_dir: Path, **more: str) -> dict[str, str]:
    ours = {
        "BRAVESPACE_DATA_DIR": str(data_dir),
        "BRAVESPACE_DURABLE": "0",
        "PYTHONPATH": str(Path(__file__).parent.parent),
    }
    return {n: v for n, v in os.environ.items() if not n.startswith("BRAVESPACE_")} | ours | more


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def test_a_practice_is_added_and_its_id_is_all_that_is_printed(tmp_path: Path):
    added = bravespace("practice", "add", "North Street", data_dir=tmp_path)
    assert added.returncode == 0, added.stderr
    assert UUID(added.stdout.strip())
    proved = bravespace("verify", "--json", data_dir=tmp_path)
    assert (proved.returncode, json.loads(proved.stdout)["counted"]["practices"]) == (0, 1)


async def test_a_token_is_all_that_is_printed_and_the_published_keys_verify_it(data_dir: Path, house: House):
    practice = str(house.id)
    words = ("token", "--practice", practice, "--role", "integration", "--ttl", "60")
    printed = await asyncio.to_thread(bravespace, *words, data_dir=data_dir)
    header = jwt.get_unverified_header(printed.stdout.strip())
    claims = jwt.decode(printed.stdout.strip(), options={"verify_signature": False})
    assert (header["alg"], header["typ"]) == ("EdDSA", "at+jwt")
    assert (claims["practice"], claims["role"], claims["exp"] - claims["iat"]) == (practice, "integration", 60)
    assert "ruptures.write" in claims["scope"].split()
    assert (data_dir / "keys" / "signing.pem").stat().st_mode & 0o077 == 0


async def test_a_token_is_for_a_practice_that_is_there_and_for_scopes_that_there_are(data_dir: Path, house: House):
    practice = str(house.id)
    for said in (
        ["--practice", practice, "--role", "integration", "--scope", "ruptures.read nonsense"],
        ["--practice", str(uuid4()), "--role", "integration"],
        ["--practice", practice, "--role", "policy"],
    ):
        answer = await asyncio.to_thread(bravespace, "token", *said, data_dir=data_dir)
        assert (answer.returncode, answer.stdout) == (2, ""), answer.stderr
    assert "policy" not in bravespace("token", "--help", data_dir=data_dir).stdout


def test_a_therapists_token_names_the_therapist(tmp_path: Path):
    said = bravespace("token", "--practice", str(uuid4()), "--role", "therapist", data_dir=tmp_path)
    assert said.returncode == 2
    assert "--subject" in said.stderr


def test_a_database_that_is_not_there_is_said_plainly(tmp_path: Path):
    url = "postgresql://nobody@127.0.0.1:1/none"
    said = bravespace("verify", data_dir=tmp_path, BRAVESPACE_DATABASE_URL=url)
    assert said.returncode == 3
    assert "BRAVESPACE_DATABASE_URL" in said.stderr
    assert "Traceback" not in said.stderr


async def test_redetect_prints_what_came_of_it_and_its_progress_is_kept_apart(data_dir: Path, house: House):
    case = await house.case()
    asked = {"session_id": (await case.session())["id"], "direct_report": {"problem": True}}
    made(await case.client.post("/v1/alliance-ratings", json=asked))
    admin = await house.as_("admin")
    made(await admin.post("/v1/policies", json={"kind": "detection", "title": "We ask, and do not count"}))
    words = ("redetect", "--practice", str(house.id))
    for more, said in (
        (("--json",), {"relationships": 1, "raised": 0, "superseded": 1, "firmed_up": 0}),
        (("--json",), {"relationships": 1, "raised": 0, "superseded": 0, "firmed_up": 0}),
        ((), "1 relationship looked at; signals: 0 raised, 0 superseded, 0 firmed up."),
    ):
        ran = await asyncio.to_thread(bravespace, *words, *more, data_dir=data_dir)
        assert ran.returncode == 0, ran.stderr
        assert (json.loads(ran.stdout) if more else ran.stdout.strip()) == said
        assert "1/1" in ran.stderr and "1/1" not in ran.stdout
        assert "We ask" not in ran.stderr


async def test_redetect_of_a_practice_that_is_not_there_says_so_and_prints_nothing(data_dir: Path, running: Running):
    ran = await asyncio.to_thread(bravespace, "redetect", "--practice", str(uuid4()), data_dir=data_dir)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "--practice" in ran.stderr and "There is no practice" in ran.stderr
    assert "Traceback" not in ran.stderr
