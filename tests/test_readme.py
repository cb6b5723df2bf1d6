"""The README, believed: its tour is run as it stands, and its diagram is the table's."""

import os
import re
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from domain.diagram import mermaid
from domain.repair import REPAIR
from tests.conftest import Case
from tests.endpoints import endpoint
from tests.receiver import Receiver
from tests.test_cli import environment, free_port

README = Path(__file__).parent.parent / "README.md"


def test_the_tour_does_what_it_says(tmp_path: Path):
    port = free_port()
    around = environment(tmp_path)
    serve = [sys.executable, "-m", "api.cli", "serve", "--port", str(port)]
    tour = README.read_text().split("## A tour in five minutes")[1].split("\n## ")[0]
    blocks = [b for b in re.findall(r"```sh\n(.*?)```", tour, re.DOTALL) if "bravespace serve" not in b]
    as_installed = f'uv() {{ shift 2; {sys.executable} -m api.cli "$@"; }}\nset -e\n'
    with subprocess.Popen(serve, env=around) as service:
        try:
            until_ready(port)
            script = as_installed + "\n".join(blocks).replace(":8000", f":{port}")
            told = subprocess.run(
                ["bash", "-c", script],
                capture_output=True,
                text=True,
                env=around,
                timeout=60,
                check=True,
                cwd=tmp_path,
            )
        finally:
            service.terminate()
    answers = [line for line in told.stdout.splitlines() if line]
    assert len(answers) == 17, told.stdout + told.stderr
    assert '"code":"out_of_advised_order"' in answers[6]
    assert '"pointer":"#/client_resolution"' in answers[7]
    assert '"client_resolution":5' in answers[8]
    assert '"phase":"concluded"' in answers[9]
    assert '"phase":"repaired"' in answers[10]
    assert '"kind":"direct_report"' in answers[13]
    assert (tmp_path / "alliance.svg").read_text().startswith("<svg")
    assert "The repair held: the client says so." in told.stdout


async def test_a_signature_is_checked_by_hand_as_it_says(case: Case, receiver: Receiver, tmp_path: Path):
    secret = (await endpoint(case.house, receiver, "rupture.*"))["secret"]
    await case.rupture()
    [(headers, body)] = await receiver.until(1)
    by_hand = re.search(r"or by hand.*?```sh\n(.*?)```", README.read_text(), re.DOTALL)
    assert by_hand
    names = ("webhook-id", "webhook-timestamp", "webhook-signature")
    said = {"SECRET": secret, **{name.upper().replace("-", "_"): headers[name] for name in names}}
    for came, found in ((body, "genuine"), (body.replace(b"rupture", b"repture"), "forged")):
        (tmp_path / "body.json").write_bytes(came)
        script = ["bash", "-euc", by_hand[1]]
        told = subprocess.run(script, cwd=tmp_path, env=os.environ | said, capture_output=True, text=True, timeout=20)
        assert told.stdout == f"{found}\n", told.stderr


def until_ready(port: int) -> None:
    for _ in range(400):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2):
                return
        except OSError:
            time.sleep(0.05)
    raise AssertionError("the service did not come up")


def test_the_diagram_is_the_tables():
    assert mermaid(REPAIR) in README.read_text()


def test_every_command_that_shows_a_promise_names_tests_that_are_there():
    named = re.findall(r"uv run pytest (?:-m fault )?((?:tests/\S+ ?)+)`", README.read_text())
    assert named
    for path in " ".join(named).split():
        assert (README.parent / path).exists(), path
