"""The command line, run as it is run."""

import json
import os
import subprocess
import sys
from pathlib import Path
from uuid import UUID, uuid4

import jwt


def bravespace(*words: str, data_dir: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "api.cli", *words, "--data-dir", str(data_dir)]
    inherited = {**os.environ, "BRAVESPACE_DURABLE": "0", **environment}
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=inherited, check=False)


def test_a_practice_is_added_and_its_id_is_all_that_is_printed(tmp_path: Path):
    added = bravespace("practice", "add", "North Street", data_dir=tmp_path)
    assert added.returncode == 0, added.stderr
    assert UUID(added.stdout.strip())
    proved = bravespace("verify", "--json", data_dir=tmp_path)
    assert (proved.returncode, json.loads(proved.stdout)["counted"]["practices"]) == (0, 1)


def test_a_token_is_all_that_is_printed_and_the_published_keys_verify_it(tmp_path: Path):
    practice = str(uuid4())
    printed = bravespace("token", "--practice", practice, "--role", "integration", "--ttl", "60", data_dir=tmp_path)
    header = jwt.get_unverified_header(printed.stdout.strip())
    claims = jwt.decode(printed.stdout.strip(), options={"verify_signature": False})
    assert (header["alg"], header["typ"]) == ("EdDSA", "at+jwt")
    assert (claims["practice"], claims["role"], claims["exp"] - claims["iat"]) == (practice, "integration", 60)
    assert "ruptures.write" in claims["scope"].split()
    assert (tmp_path / "keys" / "signing.pem").stat().st_mode & 0o077 == 0


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
