"""Who gets in, who does not, and what a token lets its bearer do."""

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from api import auth
from api.app import wire
from api.front import Front
from domain.access import CALLERS, Role
from domain.catalog import MACHINES, scopes_of
from domain.move import NEW
from infra.settings import Settings
from tests.api.test_isolation import World, body_of, founded, kebab, rows, seeded
from tests.conftest import Case, House, Running, made, ok, refused

ME = "/v1/practices/me"
ABSENT: Any = object()
EVERY_SCOPE = " ".join(sorted({s for role in CALLERS for s in scopes_of(role)}))


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def turned_away(response: httpx.Response, *, presented: bool = True) -> None:
    """401, saying how to authenticate, and nothing of what was sent."""
    refused(response, 401, "unauthorized")
    challenge = response.headers["www-authenticate"]
    assert challenge.startswith('Bearer realm="bravespace"')
    assert ("invalid_token" in challenge) is presented
    assert challenge.isascii() and challenge.isprintable()


@dataclass
class Forge:
    """Signs whatever it is told to."""

    house: House
    key: Ed25519PrivateKey
    kid: str
    client: httpx.AsyncClient

    def claims(self, **changed: Any) -> dict[str, Any]:
        now = int(time.time())
        usual = {
            "iss": "bravespace", "aud": "bravespace", "sub": "script", "client_id": "forge", "iat": now, "nbf": now,
            "exp": now + 600, "jti": uuid4().hex, "practice": str(self.house.id), "role": "integration",
            "scope": EVERY_SCOPE,
        }  # fmt: skip
        return {n: v for n, v in (usual | changed).items() if v is not ABSENT}

    def header(self, **changed: Any) -> dict[str, Any]:
        usual = {"alg": "EdDSA", "typ": "at+jwt", "kid": self.kid}
        return {n: v for n, v in (usual | changed).items() if v is not ABSENT}

    def token(
        self, header: dict[str, Any] | None = None, sign: Callable[[bytes], bytes] | None = None, raw: str = "",
        **claims: Any,
    ) -> str:  # fmt: skip
        head = json.dumps(self.header(**header or {})).encode()
        payload = raw or json.dumps(self.claims(**claims))
        signing = f"{b64(head)}.{b64(payload.encode())}"
        return f"{signing}.{b64((sign or self.key.sign)(signing.encode()))}"

    async def show(self, token: str | bytes, path: str = ME) -> httpx.Response:
        raw = token if isinstance(token, bytes) else token.encode()
        return await self.client.get(path, headers=[(b"Authorization", b"Bearer " + raw)])


@pytest.fixture
async def forge(house: House, running: Running, data_dir: Path) -> Forge:
    key = serialization.load_pem_private_key((data_dir / "keys" / "signing.pem").read_bytes(), None)
    assert isinstance(key, Ed25519PrivateKey)
    return Forge(house, key, running.service.keys.kid, await running.client())


# -- the header --------------------------------------------------------------------------------------------------------


async def test_without_a_token_nobody_gets_in(running: Running):
    outside = await running.client()
    for route in running.service.routes:
        if not route.open:
            path = route.path.replace("{id}", str(uuid4())).replace("{seq}", "1")
            turned_away(await outside.request(route.method, path), presented=False)


HEADERS = {
    "another scheme": b"Basic dXNlcjpwYXNz", "the scheme alone": b"Bearer", "the scheme and a space": b"Bearer ",
    "no scheme": b"abc", "nothing": b"", "blanks": b"    ", "garbage": b"Bearer garbage",
    "two segments": b"Bearer a.b", "four segments": b"Bearer a.b.c.d", "five segments": b"Bearer a.b.c.d.e",
    "empty segments": b"Bearer ..", "not base64": b"Bearer !!!.???.###", "huge": b"Bearer " + b"a" * 100_000,
    "huge and dotted": b"Bearer " + b"." * 8_000, "unicode": "Bearer ключ.ключ.ключ".encode(),
    "latin-1": b"Bearer \xff\xfe.\xe9.\xe9", "NUL": b"Bearer a\x00b.c.d", "a line break": b"Bearer a.b.c\r\nX-Role: admin",
    "two tokens": b"Bearer a.b.c a.b.c", "comma": b"Bearer a.b.c, Bearer d.e.f",
}  # fmt: skip


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS)
async def test_a_malformed_header_is_turned_away(running: Running, header: bytes):
    outside = await running.client()
    response = await outside.get(ME, headers=[(b"Authorization", header)])
    turned_away(response)


SEGMENTS = {
    "no object": b"[]", "a string": b'"at+jwt"', "a number": b"1", "null": b"null", "nothing": b"", "no JSON": b"{",
    "not UTF-8": b"\xff\xfe\x00", "nested deep": b'{"a":' + b"[" * 3_000 + b"]" * 3_000 + b"}",
    "a huge number": b'{"a":' + b"9" * 5_000 + b"}", "a lone surrogate": b'{"kid":"\\ud800"}',
}  # fmt: skip


@pytest.mark.parametrize("segment", SEGMENTS.values(), ids=SEGMENTS)
async def test_a_token_of_strange_json_is_turned_away(forge: Forge, segment: bytes):
    good_head = b64(json.dumps(forge.header()).encode())
    good_claims = b64(json.dumps(forge.claims()).encode())
    for head, claims in ((b64(segment), good_claims), (good_head, b64(segment)), (b64(segment), b64(segment))):
        signing = f"{head}.{claims}"
        turned_away(await forge.show(f"{signing}.{b64(forge.key.sign(signing.encode()))}"))
        turned_away(await forge.show(f"{signing}."))


async def test_the_scheme_is_taken_in_any_case(forge: Forge):
    token = forge.token()
    for scheme in ("Bearer", "bearer", "BEARER"):
        ok(await forge.client.get(ME, headers={"Authorization": f"{scheme} {token}"}))


async def test_a_token_is_not_taken_from_the_address(forge: Forge):
    assert (await forge.client.get(f"{ME}?access_token={forge.token()}")).status_code in (401, 422)


async def test_of_two_authorization_headers_none_is_guessed_to_be_meant(forge: Forge):
    good, other = f"Bearer {forge.token()}", f"Bearer {forge.token(role='admin')}"
    for pair in ((good, other), (good, "Bearer x"), ("Bearer x", good), ("Basic x", good)):
        response = await forge.client.get(ME, headers=[("Authorization", value) for value in pair])
        assert response.status_code in (400, 401), response.text


# -- the token ---------------------------------------------------------------------------------------------------------


async def test_an_honest_token_is_let_in(forge: Forge):
    assert ok(await forge.show(forge.token()))["id"] == str(forge.house.id)


TYPES = {"JWT": "JWT", "missing": ABSENT, "an id token": "id_token", "empty": "", "null": None, "a list": ["at+jwt"],
         "a prefix": "at+jwt2", "a number": 1, "another media type": "text/at+jwt"}  # fmt: skip


@pytest.mark.parametrize("typ", TYPES.values(), ids=TYPES)
async def test_what_is_not_an_access_token_is_turned_away(forge: Forge, typ: Any):
    turned_away(await forge.show(forge.token({"typ": typ})))


@pytest.mark.parametrize("typ", ["at+jwt", "application/at+jwt", "AT+JWT"])
async def test_an_access_token_may_name_its_type_in_full(forge: Forge, typ: str):
    ok(await forge.show(forge.token({"typ": typ})))


def seconds(ahead: float) -> Callable[[], Any]:
    return lambda: int(time.time()) + ahead


TIMES: dict[str, tuple[str, Any]] = {
    "expired a second ago": ("exp", seconds(-1)), "expired this very second": ("exp", seconds(0)),
    "expired long ago": ("exp", 1), "expiry zero": ("exp", 0), "expiry negative": ("exp", -5),
    "expiry missing": ("exp", ABSENT), "expiry null": ("exp", None), "expiry a word": ("exp", "tomorrow"),
    "expiry a numeric string": ("exp", lambda: str(int(time.time()) + 600)), "expiry true": ("exp", True),
    "expiry NaN": ("exp", float("nan")), "expiry infinite": ("exp", float("inf")), "expiry of 400 digits": ("exp", 10**400),
    "expiry a list": ("exp", [9999999999]), "expiry an object": ("exp", {}),
    "valid in two minutes": ("nbf", seconds(120)), "valid at a word": ("nbf", "later"),
    "valid from infinity": ("nbf", float("inf")), "valid from NaN": ("nbf", float("nan")),
    "issued in two minutes": ("iat", seconds(120)), "issued at infinity": ("iat", float("inf")),
    "issued at a word": ("iat", "now"),
}  # fmt: skip


@pytest.mark.parametrize(("name", "value"), TIMES.values(), ids=TIMES)
async def test_a_token_out_of_its_time_is_turned_away(forge: Forge, name: str, value: Any):
    value = value() if callable(value) else value
    turned_away(await forge.show(forge.token(**{name: value})))


async def test_another_clock_may_be_a_little_ahead(forge: Forge):
    ok(await forge.show(forge.token(nbf=int(time.time()) + 30, iat=int(time.time()) + 30)))


async def test_an_expiry_with_a_fraction_is_an_expiry(forge: Forge):
    ok(await forge.show(forge.token(exp=time.time() + 600.5)))
    turned_away(await forge.show(forge.token(exp=time.time() - 0.5)))


async def test_a_token_that_was_let_in_is_turned_away_once_it_has_expired(forge: Forge):
    token = forge.token(exp=int(time.time()) + 1)
    first = await forge.show(token)
    if first.status_code == 401:  # the second was nearly over
        token = forge.token(exp=int(time.time()) + 2)
        first = await forge.show(token)
    ok(first)
    await asyncio.sleep(2.05 - time.time() % 1)
    turned_away(await forge.show(token))


CLAIMS: dict[str, dict[str, Any]] = {
    "wrong audience": {"aud": "someone-else"}, "audience a list of others": {"aud": ["a", "b"]},
    "audience missing": {"aud": ABSENT}, "audience empty": {"aud": ""}, "audience an empty list": {"aud": []},
    "audience null": {"aud": None}, "audience a number": {"aud": 1}, "audience a list of numbers": {"aud": [1]},
    "audience an object": {"aud": {"bravespace": 1}}, "audience a prefix": {"aud": "bravespace2"},
    "wrong issuer": {"iss": "https://evil.example"}, "issuer missing": {"iss": ABSENT}, "issuer null": {"iss": None},
    "issuer a list": {"iss": ["bravespace"]}, "issuer a number": {"iss": 1}, "issuer empty": {"iss": ""},
    "subject missing": {"sub": ABSENT}, "subject null": {"sub": None}, "subject empty": {"sub": ""},
    "subject a number": {"sub": 7}, "subject a list": {"sub": ["script"]}, "subject with NUL": {"sub": "a\x00b"},
    "subject too long": {"sub": "a" * 121}, "subject a lone surrogate": {"sub": "\ud800"},
    "api client a lone surrogate": {"client_id": "\udfff"},
    "practice missing": {"practice": ABSENT}, "practice null": {"practice": None}, "practice a word": {"practice": "mine"},
    "practice a number": {"practice": 1}, "practice true": {"practice": True}, "practice a list": {"practice": []},
    "practice an object": {"practice": {}}, "practice empty": {"practice": ""}, "practice unknown": {"practice": str(uuid4())},
    "practice with NUL": {"practice": "\x00" * 36},
    "role missing": {"role": ABSENT}, "role null": {"role": None}, "role unknown": {"role": "root"},
    "role policy": {"role": "policy"}, "role in capitals": {"role": "ADMIN"}, "role a list": {"role": ["admin"]},
    "role an object": {"role": {"admin": 1}}, "role a number": {"role": 1}, "role empty": {"role": ""},
    "therapist without an id": {"role": "therapist", "sub": "Dr Rivera"},
    "client without an id": {"role": "client", "sub": "K."}, "therapist with NUL": {"role": "therapist", "sub": "\x00" * 32},
}  # fmt: skip


@pytest.mark.parametrize("claims", CLAIMS.values(), ids=CLAIMS)
async def test_a_token_with_a_wrong_claim_is_turned_away(forge: Forge, claims: dict[str, Any]):
    token = forge.token(**claims)
    turned_away(await forge.show(token))
    # Not in a write either, where a claim would reach the log.
    response = await forge.client.post("/v1/clients", json={}, headers={"Authorization": f"Bearer {token}"})
    turned_away(response)


async def test_an_audience_may_be_a_list_with_ours_in_it(forge: Forge):
    ok(await forge.show(forge.token(aud=["other", "bravespace"])))


@pytest.mark.parametrize("scope", [["clients.read"], 7, {"clients.read": 1}, True, "", " ", "clients.read\x00", "*"])
async def test_a_scope_that_is_not_a_list_of_words_gives_nothing(forge: Forge, scope: Any):
    for role in ("integration", "supervisor", "admin"):
        response = await forge.show(forge.token(scope=scope, role=role), "/v1/clients")
        assert response.status_code in (401, 403), response.text


# -- the key -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "alg", ["none", "None", "NONE", "nOnE", "", None, ABSENT, ["none"], "HS256", "RS256", "ES256", "Ed25519"]
)
async def test_no_other_algorithm_is_believed(forge: Forge, alg: Any):
    for sign in (lambda signing: b"", forge.key.sign, lambda signing: b"\x00" * 64):
        turned_away(await forge.show(forge.token({"alg": alg}, sign)))


async def test_the_public_key_is_not_a_shared_secret(forge: Forge, running: Running):
    public = forge.key.public_key()
    jwk = running.service.keys.jwks["keys"][0]
    spki = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    for secret in (spki, spki.strip(), raw, jwk["x"].encode(), json.dumps(jwk).encode(), b"", forge.kid.encode()):
        for alg, digest in (("HS256", hashlib.sha256), ("HS384", hashlib.sha384), ("HS512", hashlib.sha512)):

            def sign(signing: bytes, secret: bytes = secret, digest: Any = digest) -> bytes:
                return hmac.new(secret, signing, digest).digest()

            turned_away(await forge.show(forge.token({"alg": alg}, sign)))
            turned_away(await forge.show(forge.token({"alg": "EdDSA"}, sign)))


KIDS = {"unknown": "bs-unknown", "missing": ABSENT, "null": None, "empty": "", "a list": ["a"], "a number": 1,
        "an object": {}, "a path": "../../keys/signing.pem", "a device": "/dev/null", "NUL": "a\x00",
        "an injection": "' OR 1=1 --", "a lone surrogate": "\ud800", "huge": "k" * 4_000}  # fmt: skip


@pytest.mark.parametrize("kid", KIDS.values(), ids=KIDS)
async def test_a_key_that_is_not_known_opens_nothing(forge: Forge, kid: Any):
    turned_away(await forge.show(forge.token({"kid": kid})))
    turned_away(await forge.show(forge.token({"kid": kid}, Ed25519PrivateKey.generate().sign)))


async def test_the_right_kid_with_the_wrong_key_opens_nothing(forge: Forge):
    turned_away(await forge.show(forge.token(sign=Ed25519PrivateKey.generate().sign)))


async def test_a_token_does_not_bring_its_own_key(forge: Forge):
    own = Ed25519PrivateKey.generate()
    x = b64(own.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw))
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": x, "kid": "mine", "alg": "EdDSA"}
    for brought in ({"jwk": jwk}, {"jku": "https://evil.example/jwks.json"}, {"x5u": "https://evil.example/c.pem"},
                    {"x5c": ["AAAA"]}):  # fmt: skip
        turned_away(await forge.show(forge.token(brought, own.sign)))
        turned_away(await forge.show(forge.token({**brought, "kid": "mine"}, own.sign)))


@pytest.mark.parametrize("crit", [["exp"], ["b64"], ["urn:x"], [], "exp", None, 1])
async def test_what_a_token_calls_critical_and_we_do_not_know_turns_it_away(forge: Forge, crit: Any):
    turned_away(await forge.show(forge.token({"crit": crit, "urn:x": 1})))


async def test_a_changed_token_is_turned_away(forge: Forge):
    head, claims, signature = forge.token().split(".")
    forged = b64(json.dumps(forge.claims(role="admin")).encode())
    for token in (f"{head}.{forged}.{signature}", f"{head}.{claims}.", f"{head}.{claims}.{signature[:-4]}",
                  f"{head}.{claims}.{signature}AAAA", f"{head}.{claims}.{signature[::-1]}"):  # fmt: skip
        turned_away(await forge.show(token))


async def test_anybody_can_check_our_tokens_with_the_published_keys(house: House, running: Running):
    outside = await running.client()
    jwks = ok(await outside.get("/.well-known/jwks.json"))
    assert all("d" not in key for key in jwks["keys"])
    token = house.token("admin")
    by_kid = {key["kid"]: key for key in jwks["keys"]}
    jwk = by_kid[jwt.get_unverified_header(token)["kid"]]
    claims = jwt.decode(token, jwt.PyJWK(jwk), algorithms=["EdDSA"], audience="bravespace", issuer="bravespace")
    assert claims["practice"] == str(house.id)
    assert set(claims) >= {"iss", "exp", "aud", "sub", "client_id", "iat", "jti"}  # RFC 9068 §2.2
    # And once more with no JWT library at all.
    signing, _, signature = token.rpartition(".")
    x = base64.urlsafe_b64decode(jwk["x"] + "==")
    Ed25519PublicKey.from_public_bytes(x).verify(base64.urlsafe_b64decode(signature + "=="), signing.encode())


# -- issuers we trust --------------------------------------------------------------------------------------------------

ISSUER = "https://login.example/tenant"


@dataclass
class Elsewhere:
    """Another issuer, and a service on the same database that trusts it."""

    front: Front
    keys: dict[str, Any]
    house: House

    def token(self, alg: str, kid: str | None = None, key: Any = None, **changed: Any) -> str:
        now = int(time.time())
        claims = {
            "iss": ISSUER, "aud": ["bravespace", "other"], "sub": "vendor", "iat": now, "exp": now + 600,
            "practice": str(self.house.id), "role": "integration", "scope": "practices.read clients.write",
        } | changed  # fmt: skip
        headers = {"kid": kid or alg, "typ": "at+jwt"}
        return jwt.encode(claims, key or self.keys[alg], algorithm=alg, headers=headers)

    async def show(self, token: str) -> httpx.Response:
        transport = httpx.ASGITransport(app=self.front, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://elsewhere.test") as client:
            return await client.get(ME, headers={"Authorization": f"Bearer {token}"})


@pytest.fixture(scope="module")
def foreign_keys() -> dict[str, Any]:
    rsa_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return {"ES256": ec.generate_private_key(ec.SECP256R1()), "ES384": ec.generate_private_key(ec.SECP384R1()),
            "RS256": rsa_key, "RS384": rsa_key}  # fmt: skip


def public_jwk(key: Any, **more: str) -> dict[str, Any]:
    kind = RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else ECAlgorithm
    return {**json.loads(kind.to_jwk(key.public_key())), "use": "sig", **more}


def trusting(running: Running, data_dir: Path, jwks: Path) -> Front:
    service = wire(Settings(data_dir=data_dir, trusted_issuers={ISSUER: jwks}))
    service.pool.real = running.service.pool.real
    return Front(None, routes=service.routes, door=service.door, metrics=service.metrics, limit=1024)


@pytest.fixture
def elsewhere(
    running: Running, data_dir: Path, house: House, foreign_keys: dict[str, Any], tmp_path: Path
) -> Elsewhere:  # fmt: skip
    jwks = [public_jwk(key, kid=alg, alg=alg) for alg, key in foreign_keys.items()]
    jwks += [public_jwk(foreign_keys["ES256"], kid="no-alg")]
    jwks += [{"kty": "oct", "k": b64(b"s" * 32), "kid": "HS256", "alg": "HS256"}]
    path = tmp_path / "jwks.json"
    path.write_text(json.dumps({"keys": jwks}))
    return Elsewhere(trusting(running, data_dir, path), foreign_keys, house)


@pytest.mark.parametrize("alg", ["ES256", "ES384", "RS256", "RS384"])
async def test_an_issuer_we_trust_may_sign_with_the_usual_algorithms(elsewhere: Elsewhere, alg: str):
    assert ok(await elsewhere.show(elsewhere.token(alg)))["id"] == str(elsewhere.house.id)


async def test_a_published_key_need_not_name_its_algorithm(elsewhere: Elsewhere):
    """RFC 7517 leaves `alg` optional, and large identity providers leave it out."""
    ok(await elsewhere.show(elsewhere.token("ES256", "no-alg")))
    key = elsewhere.keys["RS256"]
    turned_away(await elsewhere.show(elsewhere.token("RS256", "no-alg", key)))


async def test_a_key_is_used_with_its_own_algorithm_only(elsewhere: Elsewhere):
    rsa_key = elsewhere.keys["RS256"]
    turned_away(await elsewhere.show(elsewhere.token("RS384", "RS256", rsa_key)))
    turned_away(await elsewhere.show(elsewhere.token("PS256", "RS256", rsa_key)))
    turned_away(await elsewhere.show(elsewhere.token("HS256", "HS256", b"s" * 32)))
    pem = rsa_key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )  # fmt: skip
    head = b64(json.dumps({"alg": "HS256", "typ": "at+jwt", "kid": "RS256"}).encode())
    claims = elsewhere.token("RS256").split(".")[1]
    signing = f"{head}.{claims}"
    digest = hmac.new(pem, signing.encode(), hashlib.sha256).digest()
    turned_away(await elsewhere.show(f"{signing}.{b64(digest)}"))


async def test_an_issuer_speaks_for_itself_only(elsewhere: Elsewhere, forge: Forge):
    """Its key does not sign for us, and ours does not sign for it."""
    turned_away(await elsewhere.show(elsewhere.token("ES256", iss="bravespace")))
    turned_away(await elsewhere.show(elsewhere.token("ES256", iss="bravespace", kid=forge.kid)))
    turned_away(await elsewhere.show(forge.token(iss=ISSUER)))
    turned_away(await elsewhere.show(forge.token({"kid": "ES256"}, iss=ISSUER)))
    turned_away(await elsewhere.show(elsewhere.token("ES256", iss=f"{ISSUER}/")))
    ok(await elsewhere.show(forge.token()))


@pytest.mark.parametrize("said", [None, "", "{", "[]", "null", '{"keys": null}', '{"keys": [1]}', '{"keys": [{"kid": "ES256"}]}',
                                  '{"keys": [{"kty": "EC", "alg": "ES256", "kid": "ES256"}]}',
                                  '{"keys": [{"kty": "EC", "alg": ["ES256"], "kid": "ES256"}]}'])  # fmt: skip
async def test_unreadable_keys_of_an_issuer_turn_its_tokens_away_and_nobody_elses(
    running: Running, data_dir: Path, forge: Forge, foreign_keys: dict[str, Any], tmp_path: Path, said: str | None
):
    path = tmp_path / "jwks.json"
    if said is not None:
        path.write_text(said)
    broken = Elsewhere(trusting(running, data_dir, path), foreign_keys, forge.house)
    for _ in range(2):
        turned_away(await broken.show(broken.token("ES256")))
    ok(await broken.show(forge.token()))


async def test_one_unreadable_key_does_not_hide_those_after_it(
    running: Running, data_dir: Path, house: House, foreign_keys: dict[str, Any], tmp_path: Path
):
    path = tmp_path / "jwks.json"
    bad = {"kty": "EC", "alg": "ES256", "kid": "bad", "crv": "P-256", "x": "AA", "y": "AA"}
    good = public_jwk(foreign_keys["ES256"], kid="ES256", alg="ES256")
    path.write_text(json.dumps({"keys": [bad, good]}))
    there = Elsewhere(trusting(running, data_dir, path), foreign_keys, house)
    await there.show(there.token("ES256"))
    ok(await there.show(there.token("ES256")))


async def test_a_key_that_was_taken_back_opens_nothing_any_more(
    running: Running, data_dir: Path, house: House, foreign_keys: dict[str, Any], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):  # fmt: skip
    """Neither for a token that was let in before, even if it is the first to come again, nor for one that is new."""
    monkeypatch.setattr(auth, "GLANCE", 0.0)
    path = tmp_path / "jwks.json"
    both = [public_jwk(foreign_keys[alg], kid=alg, alg=alg) for alg in ("ES256", "ES384")]
    path.write_text(json.dumps({"keys": both}))
    there = Elsewhere(trusting(running, data_dir, path), foreign_keys, house)
    known = there.token("ES256")
    ok(await there.show(known))
    path.write_text(json.dumps({"keys": both[1:]}))
    turned_away(await there.show(known))
    turned_away(await there.show(there.token("ES256", jti="new")))
    ok(await there.show(there.token("ES384")))


# -- scopes ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
async def world(running: Running) -> World:
    """One of everything."""
    return await seeded(await founded(running))


def lacks(response: httpx.Response, scope: str) -> None:
    problem = refused(response, 403, "insufficient-scope")
    assert problem["scope"] == scope
    challenge = response.headers["www-authenticate"]
    assert 'error="insufficient_scope"' in challenge and f'scope="{scope}"' in challenge


async def test_without_a_scope_claim_people_have_what_their_role_has_and_a_script_has_nothing(forge: Forge):
    for role in ("supervisor", "therapist", "client", "admin"):
        ok(await forge.show(forge.token(role=role, sub=str(uuid4()), scope=ABSENT), "/v1/policies"))
    for scope in (ABSENT, None, ""):
        lacks(await forge.show(forge.token(scope=scope), "/v1/policies"), "policies.read")
        lacks(await forge.show(forge.token(scope=scope), "/v1/events"), "events.read")
        lacks(await forge.show(forge.token(scope=scope)), "practices.read")


async def test_an_empty_scope_claim_gives_nobody_anything(forge: Forge):
    for role in ("supervisor", "therapist", "client", "admin"):
        token = forge.token(role=role, sub=str(uuid4()), scope="")
        lacks(await forge.show(token, "/v1/policies"), "policies.read")


@pytest.mark.parametrize("machine", MACHINES, ids=lambda m: m.subject)
async def test_a_script_with_one_scope_reads_that_kind_and_no_other(world: World, machine: Any):
    house = world.case.house
    alone = await house.as_("integration", "narrow", machine.read_scope)
    hearing = await house.as_("integration", "narrow", f"events.read {machine.read_scope}")
    for other in MACHINES:
        one = f"/v1/{other.collection}/{world.ids[other.subject]}"
        paths = [one, f"/v1/{other.collection}", f"{one}/history", f"/v1/{other.collection}?changed_after=0"]
        for path in paths:
            response = await alone.get(path)
            if other is machine:
                ok(response)
            else:
                lacks(response, other.read_scope)
    lacks(await alone.get("/v1/events"), "events.read")
    heard = ok(await hearing.get("/v1/events?limit=500"))["items"]
    assert {e["resource"] for e in heard} == {machine.subject}
    if machine.subject == "relationship":
        timeline = ok(await alone.get(f"/v1/relationships/{world.ids['relationship']}/timeline"))
        assert {e["resource"] for e in timeline["items"]} == {"relationship"}
    else:
        lacks(await alone.get(f"/v1/relationships/{world.ids['relationship']}/timeline"), "relationships.read")
    if machine.subject != "webhook_endpoint":
        lacks(await alone.get(f"/v1/webhook-endpoints/{world.ids['webhook_endpoint']}/deliveries"), "webhooks.manage")


@pytest.mark.parametrize("machine", [m for m in MACHINES if m.read_scope != m.write_scope], ids=lambda m: m.subject)
async def test_a_script_that_may_write_one_kind_writes_no_other_and_reads_nothing(world: World, machine: Any):
    house = world.case.house
    writer, reader = (
        await house.as_("integration", "w", machine.write_scope),
        await house.as_("integration", "r", machine.read_scope),
    )
    one = f"/v1/{machine.collection}/{world.ids[machine.subject]}"
    lacks(await writer.get(one), machine.read_scope)
    lacks(await writer.get(f"/v1/{machine.collection}"), machine.read_scope)
    lacks(await writer.get(f"{one}/history"), machine.read_scope)
    for other in MACHINES:
        if not other.begin.by & CALLERS:
            continue  # nobody makes one
        if other is machine:
            lacks(await reader.patch(one, json={}, headers={"If-Match": "*"}), machine.write_scope)
            lacks(await reader.post(f"/v1/{machine.collection}", json={}), machine.write_scope)
        if other.write_scope != machine.write_scope:
            lacks(await writer.post(f"/v1/{other.collection}", json={}), other.write_scope)
            lacks(
                await writer.put(f"/v1/{other.collection}/{uuid4()}", json={}, headers={"If-None-Match": "*"}),
                other.write_scope,
            )
    # A correction that corrects nothing is no way of reading what may not be read.
    response = await writer.patch(one, json={}, headers={"If-Match": "*"})
    assert world.mark not in response.text


async def test_a_subject_may_be_spelled_in_capitals(case: Case):
    """Identifiers of people come in capitals from some identity providers. It is the same person."""
    shouting = await case.house.as_("therapist", case.therapist_id.upper())
    client = made(await shouting.post("/v1/clients", json={}))
    ok(await shouting.get(f"/v1/clients/{client['id']}"))
    ok(await case.therapist.get(f"/v1/clients/{client['id']}"))
    ok(await shouting.get(f"/v1/relationships/{case.relationship_id}"))


# -- roles -------------------------------------------------------------------------------------------------------------


def attempts(world: World, machine: Any, move: Any) -> list[tuple[str, str, Any, dict[str, str]]]:
    """Every way of making a move over HTTP: method, path, body and headers."""
    one, any_version = f"/v1/{machine.collection}/{world.ids[machine.subject]}", {"If-Match": "*"}
    body = body_of(move.takes, world)
    if move.verb == "PATCH":
        return [("PATCH", one, {}, any_version)]
    if move.verb == "DELETE":
        return [("DELETE", one, {}, any_version)]
    if move is machine.begin:
        new = f"/v1/{machine.collection}/{uuid4()}"
        return [("POST", f"/v1/{machine.collection}", body, {}), ("PUT", new, body, {"If-None-Match": "*"})]
    found = [("POST", f"{one}/{kebab(move.name)}", body, {})]
    if NEW in move.source:
        there = {"relationship_id": world.ids["relationship"], **body}
        found.append(("POST", f"/v1/{machine.collection}/{kebab(move.name)}", there, {}))
    return found


async def callers_of(world: World, scope: str | None) -> dict[Role, httpx.AsyncClient]:
    people = {Role.THERAPIST: world.ids["therapist"], Role.CLIENT: world.ids["client"]}
    return {role: await world.case.house.as_(role, people.get(role), scope) for role in sorted(CALLERS)}


async def test_what_follows_by_itself_is_nobodys_move(world: World):
    wide = await callers_of(world, EVERY_SCOPE)
    for machine in MACHINES:
        for move in machine.moves:
            if not move.by & CALLERS:
                for role, caller in wide.items():
                    for method, path, body, headers in attempts(world, machine, move):
                        said = await caller.request(method, path, json=body, headers=headers)
                        assert said.status_code in (403, 404, 405), (role, method, path, said.text)
                        refused(said, said.status_code)


async def test_a_role_makes_no_move_that_is_not_its_own(world: World):
    usual, wide = await callers_of(world, None), await callers_of(world, EVERY_SCOPE)
    house = world.case.house
    before = await rows(house)
    for machine in MACHINES:
        for move in machine.moves:
            for role in CALLERS - move.by if move.by & CALLERS else ():
                for method, path, body, headers in attempts(world, machine, move):
                    said = await wide[role].request(method, path, json=body, headers=headers)
                    assert refused(said, 403)["type"] == "/problems/role-may-not", (role, method, path, said.text)
                    said = await usual[role].request(method, path, json=body, headers=headers)
                    assert said.status_code == 403, (role, method, path, said.text)
    assert await rows(house) == before


async def test_a_role_makes_every_move_that_is_its_own(running: Running):
    """Whether it is open now is another question, and what the body lacks a third."""
    world = await seeded(await founded(running))
    callers = await callers_of(world, None)
    for machine in MACHINES:
        for move in machine.posts:
            for role in move.by & CALLERS:
                for method, path, body, headers in attempts(world, machine, move):
                    said = await callers[role].request(method, path, json=body, headers=headers)
                    assert said.status_code in (200, 201, 409, 422), (role, method, path, said.text)


@pytest.mark.parametrize("machine", MACHINES, ids=lambda m: m.subject)
async def test_a_kind_is_read_by_those_it_is_for_whatever_their_scopes_say(world: World, machine: Any):
    for role in sorted(CALLERS - machine.read_by):
        caller = await world.case.house.as_(role, uuid4(), EVERY_SCOPE)
        one = f"/v1/{machine.collection}/{world.ids[machine.subject]}"
        for path in (one, f"/v1/{machine.collection}", f"{one}/history"):
            refused(await caller.get(path), 403, "role-may-not")
        heard = ok(await caller.get("/v1/events?limit=500"))["items"]
        assert machine.subject not in {e["resource"] for e in heard}
