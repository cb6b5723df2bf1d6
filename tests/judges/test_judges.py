"""What was really sent, before two libraries that share nothing with us or each other, and before openssl."""

import asyncio
import base64
import json
import re
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from tests.conftest import Case, House, made, ok
from tests.endpoints import endpoint
from tests.judges.judges import REFUSED, TAKEN, Judges
from tests.receiver import Heard, Receiver

pytestmark = pytest.mark.fault

ITEM = re.compile(r"v1a?,[A-Za-z0-9+/]+={0,2}")
ED25519 = bytes.fromhex("302a300506032b6570032100")
"""What stands before the raw key in DER (RFC 8410)."""


def signatures(heard: Heard, version: str = "v1") -> list[bytes]:
    """The signatures of one version. There is nothing in the header but versions with base64."""
    items = heard[0]["webhook-signature"].split(" ")
    assert all(ITEM.fullmatch(item) for item in items), items
    return [base64.b64decode(item.partition(",")[2], validate=True) for item in items if item.startswith(f"{version},")]


async def sent(case: Case, receiver: Receiver) -> Heard:
    """What the receiver is sent when somebody reports a rupture."""
    receiver.forget()
    await case.rupture()
    return (await receiver.until(1))[0]


async def rotated(house: House, before: dict[str, Any], **said: Any) -> str:
    script = await house.as_("integration")
    secret: str = ok(await script.post(f"/v1/webhook-endpoints/{before['id']}/rotate-secret", json=said))["secret"]
    return secret


async def published(house: House, owner: dict[str, Any]) -> list[dict[str, Any]]:
    script = await house.as_("integration")
    keys: list[dict[str, Any]] = ok(await script.get(f"/v1/webhook-endpoints/{owner['id']}/keys"))["keys"]
    return keys


# -- one secret --------------------------------------------------------------------------------------------------------


async def test_what_is_sent_is_taken_by_both(judges: Judges, case: Case, receiver: Receiver):
    one = await endpoint(case.house, receiver, "rupture.*")
    heard = await sent(case, receiver)
    assert judges.say(one["secret"], heard) == TAKEN
    assert len(signatures(heard)) == 1


async def test_so_is_a_body_that_tells_less(judges: Judges, case: Case, receiver: Receiver):
    one = await endpoint(case.house, receiver, "rupture.*", payload="id_only")
    heard = await sent(case, receiver)
    assert b'"to"' not in heard[1]
    assert judges.say(one["secret"], heard) == TAKEN


async def test_so_is_what_goes_to_an_address_with_letters_of_other_alphabets(
    judges: Judges, case: Case, receiver: Receiver
):
    receiver.url = f"{receiver.url}/caf%C3%A9/%E2%98%82?q=%F0%9F%92%9C&empty="
    one = await endpoint(case.house, receiver, "rupture.*")
    assert judges.say(one["secret"], await sent(case, receiver)) == TAKEN


async def test_so_is_an_event_by_somebody_whose_name_is_in_another_alphabet(
    judges: Judges, house: House, receiver: Receiver
):
    one = await endpoint(house, receiver, "client.*")
    made(await (await house.as_("integration", "Zoë ☂ 綾")).post("/v1/clients", json={}))
    [heard] = await receiver.until(1)
    assert json.loads(heard[1])["data"]["actor"]["id"] == "Zoë ☂ 綾"
    assert judges.say(one["secret"], heard) == TAKEN


async def test_every_attempt_is_signed_anew_for_its_own_time(judges: Judges, case: Case, receiver: Receiver):
    one = await endpoint(case.house, receiver, "rupture.*")
    receiver.answers = [500, 500, 500]
    await case.rupture()
    attempts, clock = await receiver.until(4), time.time() - time.monotonic()
    for heard, at in zip(attempts, receiver.at, strict=True):
        assert 0 <= clock + at - int(heard[0]["webhook-timestamp"]) < 2
        assert judges.say(one["secret"], heard) == TAKEN


async def test_what_was_tampered_with_is_refused_by_both(judges: Judges, case: Case, receiver: Receiver):
    one, other = await endpoint(case.house, receiver, "rupture.*"), await endpoint(case.house, receiver, "repair.*")
    headers, body = await sent(case, receiver)
    moved = {"webhook-timestamp": str(int(headers["webhook-timestamp"]) - 1)}
    for forged in (
        (headers, body.replace(b'"version":1', b'"version":2')),
        (headers, body + b" "),
        (headers | {"webhook-id": headers["webhook-id"] + "0"}, body),
        (headers | moved, body),
    ):
        assert judges.say(one["secret"], forged) == REFUSED
    assert judges.say(other["secret"], (headers, body)) == REFUSED


@pytest.mark.parametrize(
    ("seconds", "verdict"),
    [(240, "taken"), (360, "Message timestamp too old"), (-240, "taken"), (-360, "Message timestamp too new")],
)
async def test_what_is_minutes_old_is_taken_for_five_of_them(
    judges: Judges, case: Case, receiver: Receiver, seconds: int, verdict: str
):
    one = await endpoint(case.house, receiver, "rupture.*")
    heard = await sent(case, receiver)
    assert judges.say(one["secret"], heard, time.time() + seconds) == (verdict, verdict)


# -- several secrets ---------------------------------------------------------------------------------------------------


async def test_up_to_three_secrets_sign_at_once_and_a_fourth_takes_the_place_of_the_first(
    judges: Judges, case: Case, receiver: Receiver
):
    one = await endpoint(case.house, receiver, "rupture.*")
    secrets = [one["secret"]]
    for count in (2, 3):
        secrets.append(await rotated(case.house, one))
        heard = await sent(case, receiver)
        assert len(signatures(heard)) == count
        assert [judges.say(secret, heard) for secret in secrets] == [TAKEN] * count
    secrets.append(await rotated(case.house, one))
    heard = await sent(case, receiver)
    assert len(signatures(heard)) == 3
    assert [judges.say(secret, heard) for secret in secrets] == [REFUSED, TAKEN, TAKEN, TAKEN]


async def test_a_secret_that_was_replaced_at_once_or_has_lapsed_signs_no_more(
    judges: Judges, case: Case, receiver: Receiver
):
    one = await endpoint(case.house, receiver, "rupture.*")
    second = await rotated(case.house, one, overlap_seconds=0)
    heard = await sent(case, receiver)
    assert len(signatures(heard)) == 1
    assert (judges.say(one["secret"], heard), judges.say(second, heard)) == (REFUSED, TAKEN)
    third = await rotated(case.house, one, overlap_seconds=1)
    await asyncio.sleep(1.1)
    heard = await sent(case, receiver)
    assert (judges.say(second, heard), judges.say(third, heard)) == (REFUSED, TAKEN)


# -- ed25519 -----------------------------------------------------------------------------------------------------------


def signed(heard: Heard) -> bytes:
    headers, body = heard
    return f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body


def raw(key: dict[str, Any]) -> bytes:
    return base64.b64decode(key["public_key"].removeprefix("whpk_"), validate=True)


def holds(key: dict[str, Any], signature: bytes, said: bytes) -> bool:
    """Whether `cryptography` takes a signature."""
    try:
        Ed25519PublicKey.from_public_bytes(raw(key)).verify(signature, said)
    except InvalidSignature:
        return False
    return True


def openssl_holds(folder: Path, key: dict[str, Any], signature: bytes, said: bytes) -> bool:
    for name, part in {"key": ED25519 + raw(key), "signature": signature, "said": said}.items():
        (folder / name).write_bytes(part)
    words = ["-verify", "-pubin", "-keyform", "DER", "-inkey", "key", "-rawin", "-in", "said", "-sigfile", "signature"]
    found = subprocess.run(["openssl", "pkeyutl", *words], cwd=folder, capture_output=True, text=True, timeout=10)
    assert "Signature Verif" in found.stdout, found.stderr
    return found.returncode == 0


async def test_a_signature_by_key_pair_holds_under_the_published_key_and_disturbs_no_library(
    judges: Judges, case: Case, receiver: Receiver, tmp_path: Path
):
    one = await endpoint(case.house, receiver, "rupture.*", asymmetric=True)
    heard = await sent(case, receiver)
    assert judges.say(one["secret"], heard) == TAKEN
    [signature], [key] = signatures(heard, "v1a"), await published(case.house, one)
    assert len(signatures(heard)) == 1 and key["public_key"].startswith("whpk_")
    for judge in (holds, lambda *case: openssl_holds(tmp_path, *case)):
        assert judge(key, signature, signed(heard))
        assert not judge(key, signature, signed(heard) + b" ")


async def test_key_pairs_rotate_with_the_secrets(judges: Judges, case: Case, receiver: Receiver):
    one = await endpoint(case.house, receiver, "rupture.*", asymmetric=True)
    await rotated(case.house, one)
    newest = await rotated(case.house, one)
    heard, keys = await sent(case, receiver), await published(case.house, one)
    assert [len(signatures(heard, version)) for version in ("v1", "v1a")] == [3, 3] and len(keys) == 3
    for key, signature in zip(keys, signatures(heard, "v1a"), strict=True):
        assert holds(key, signature, signed(heard))
    assert [key["until"] is None for key in keys] == [True, False, False]
    assert [judges.say(secret, heard) for secret in (one["secret"], newest)] == [TAKEN, TAKEN]
    last = await rotated(case.house, one, overlap_seconds=0)
    heard = await sent(case, receiver)
    [signature], [key] = signatures(heard, "v1a"), await published(case.house, one)
    assert holds(key, signature, signed(heard)) and key not in keys
    assert judges.say(last, heard) == TAKEN


async def test_who_wants_no_key_pair_is_sent_no_signature_by_one(case: Case, receiver: Receiver):
    await endpoint(case.house, receiver, "rupture.*")
    assert signatures(await sent(case, receiver), "v1a") == []
