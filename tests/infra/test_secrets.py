"""Webhook secrets over time."""

import time

from cryptography.fernet import Fernet

from infra.secrets import LIVE, added, live, new_secret, opened


def test_a_replaced_secret_signs_for_the_overlap_and_then_no_more():
    seal, first, second = Fernet(Fernet.generate_key()), new_secret(), new_secret()
    kept = opened(seal, added(seal, added(seal, None, first), second, 60))
    assert [e["secret"] for e in live(kept, time.time())] == [second, first]
    assert [e["secret"] for e in live(kept, time.time() + 61)] == [second]


def test_no_more_than_three_sign_at_once():
    seal, sealed = Fernet(Fernet.generate_key()), None
    for _ in range(5):
        sealed = added(seal, sealed, new_secret(), 60)
    assert len(opened(seal, sealed)) == LIVE


def test_a_secret_has_no_padding_to_lose():
    assert not new_secret().endswith("=")
