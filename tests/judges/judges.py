"""Two libraries that are not ours, and share nothing with each other: PyPI's `standardwebhooks`, and npm's."""

import json
import shutil
import subprocess
import time
from datetime import datetime, tzinfo
from pathlib import Path

import pytest
import standardwebhooks.webhooks
from standardwebhooks import Webhook, WebhookVerificationError

from tests.receiver import Heard

HERE = Path(__file__).parent
TAKEN, REFUSED = ("taken", "taken"), ("No matching signature found", "No matching signature found")


class Judges:
    """PyPI's `standardwebhooks`, here, and npm's, in a process of its own."""

    def __init__(self, folder: Path) -> None:
        for name in ("package.json", "verify.mjs"):
            shutil.copy(HERE / name, folder)
        quiet = ["--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund"]
        installed = subprocess.run(["npm", "install", *quiet], cwd=folder, capture_output=True, text=True, timeout=120)
        assert installed.returncode == 0, installed.stderr
        self.node = subprocess.Popen(
            ["node", "verify.mjs"], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def say(self, secret: str, heard: Heard, when: float | None = None) -> tuple[str, str]:
        """What each finds, at a time: now, if none is said."""
        headers, body = heard
        moment = time.time() if when is None else when
        case = {"secret": secret, "headers": headers, "body": body.decode(), "when": moment}
        assert self.node.stdin and self.node.stdout
        print(json.dumps(case), file=self.node.stdin, flush=True)
        return in_python(secret, heard, moment), self.node.stdout.readline().strip()

    def end(self) -> None:
        self.node.communicate(timeout=10)


def in_python(secret: str, heard: Heard, when: float) -> str:
    class Then(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> "Then":
            return cls.fromtimestamp(when, tz)

    headers, body = heard
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(standardwebhooks.webhooks, "datetime", Then)
        try:
            Webhook(secret).verify(body, headers)
        except WebhookVerificationError as error:
            return str(error)
    return "taken"
