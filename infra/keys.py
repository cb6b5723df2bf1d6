"""Keys and tokens: our own Ed25519 key and its JWKS, the keys of issuers we trust, and the seal on webhook secrets."""

import json
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import jwt
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.algorithms import OKPAlgorithm

from domain.access import Caller, Role
from domain.catalog import scopes_of
from infra.log import log
from infra.settings import Settings

SUITED = {"Ed25519": ("EdDSA",), "P-256": ("ES256",), "P-384": ("ES384",), "RSA": ("RS256", "RS384")}
"""Asymmetric only. Which algorithm a token may use is its key's to say, by `alg` or by kind, never the token's."""
KeySet = dict[str, tuple[jwt.PyJWK, tuple[str, ...]]]
MALFORMED = (jwt.PyJWTError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError)
"""What the library raises on the tokens that people send."""
AMISS = {
    jwt.ExpiredSignatureError: "The token has expired.",
    jwt.ImmatureSignatureError: "The token is not valid yet; its clock or ours is wrong.",
    jwt.InvalidIssuedAtError: "The token's iat is no time that has come.",
    jwt.InvalidSignatureError: "The token's signature does not hold.",
    jwt.InvalidAudienceError: "The token's aud is not this service.",
    jwt.InvalidIssuerError: "The token's issuer is not known here.",
    jwt.MissingRequiredClaimError: "The token needs exp, iss, aud and sub.",
}
"""What is wrong with a token, in words."""
UNREADABLE = "The token is not a signed JWT that can be read."
SKEW = 60
"""How far another clock may be ahead of ours, in seconds. Expiry has no such grace."""


class BadToken(Exception):
    """The token is not one we take. The message says which rule it broke, and nothing of what it said."""


def kept(path: Path, make: Any) -> bytes:
    """The bytes in `path`; made once, by whichever process comes first."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not path.exists():
        draft = path.with_name(f".{path.name}.{uuid4().hex}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(make())
            file.flush()
            os.fsync(file.fileno())
        try:
            # A link fails where a rename would overwrite: of two first starts, one key wins and both read it.
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_bytes()


def new_private_key() -> bytes:
    """A fresh Ed25519 key, as PEM."""
    return Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )  # fmt: skip


class Keys:
    """The keys of this installation."""

    def __init__(self, settings: Settings) -> None:
        """Generates what is missing into the data directory."""
        folder = settings.data_dir / "keys"
        pem = kept(folder / "signing.pem", new_private_key)
        self._private = serialization.load_pem_private_key(pem, None)
        self.seal = Fernet(kept(folder / "sealing.key", Fernet.generate_key))
        public = json.loads(OKPAlgorithm.to_jwk(self._private.public_key()))  # type: ignore[arg-type]
        self.kid = f"bs-{public['x'][:12]}"
        self.jwks = {"keys": [{**public, "kid": self.kid, "use": "sig", "alg": "EdDSA"}]}
        self._settings = settings
        self._own = key_set(self.jwks)
        self.generation = 0
        """Grows whenever an issuer's keys were read anew: what was verified before is verified again."""
        self._trusted: dict[str, KeySet] = {}
        self._read_at: dict[str, int] = {}

    def issue(
        self, practice: UUID, role: Role, subject: str, scope: str | None, ttl: int, client: str = "bravespace-cli"
    ) -> str:
        """An access token in the RFC 9068 profile. `scope` None: everything the role can make use of."""
        now = int(time.time())
        claims = {
            "iss": self._settings.issuer, "aud": self._settings.audience, "sub": subject, "client_id": client,
            "iat": now, "nbf": now, "exp": now + ttl, "jti": uuid4().hex, "practice": str(practice), "role": role.value,
            "scope": " ".join(sorted(scopes_of(role))) if scope is None else scope,
        }  # fmt: skip
        headers = {"kid": self.kid, "typ": "at+jwt"}
        return jwt.encode(claims, self._private, algorithm="EdDSA", headers=headers)  # type: ignore[arg-type]

    def verify(self, token: str) -> Caller:
        """Who the token says is calling. Raises BadToken; says nothing about whether the practice exists."""
        try:
            header = jwt.get_unverified_header(token)
            issuer = str(jwt.decode(token, options={"verify_signature": False}).get("iss"))
            key, algorithm = self._key(issuer, header)
            claims = jwt.decode(
                token, key, algorithms=[algorithm], audience=self._settings.audience, issuer=issuer, leeway=SKEW,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )  # fmt: skip
        except MALFORMED as error:
            says = next((says for kind, says in AMISS.items() if isinstance(error, kind)), UNREADABLE)
            raise BadToken(says) from None
        return caller_of(claims)

    def _key(self, issuer: str, header: dict[str, Any]) -> tuple[jwt.PyJWK, str]:
        kind = str(header.get("typ", "")).lower().removeprefix("application/")
        if kind != "at+jwt":
            raise BadToken("The token's typ must be at+jwt.")
        keys = self._own if issuer == self._settings.issuer else self._learnt(issuer)
        found = keys.get(str(header.get("kid")))
        if found is None:
            raise BadToken("The token's issuer and kid are not known here.")
        if header.get("alg") not in found[1]:
            raise BadToken("The token's alg is not its key's.")
        return found[0], str(header["alg"])

    def look_again(self) -> None:
        """Read the keys of trusted issuers anew where their files changed: who verified tokens before forgets them."""
        for issuer in self._read_at.copy():
            self._learnt(issuer)

    def _learnt(self, issuer: str) -> KeySet:
        """The keys of a trusted issuer, as its file has them now: a key that left it is not trusted any more."""
        path = self._settings.trusted_issuers.get(issuer)
        if path is None:
            return {}
        try:
            changed = path.stat().st_mtime_ns
            if self._read_at.get(issuer) != changed:
                self._trusted[issuer] = key_set(json.loads(path.read_bytes()))
                self.generation += 1
                self._read_at[issuer] = changed
        except (OSError, ValueError, AttributeError) as error:
            log().error("issuer_keys_unreadable", issuer=issuer, error=type(error).__name__)
        return self._trusted.get(issuer, {})


def key_set(jwks: dict[str, Any]) -> KeySet:
    """The keys of a JWKS by `kid`, each with the algorithms it may be used with: its own, or those of its kind."""
    found: KeySet = {}
    for jwk in jwks.get("keys", ()):
        suited = SUITED.get(str(jwk.get("crv") or jwk.get("kty")), ())
        allowed = tuple(a for a in suited if jwk.get("alg") in (None, a))
        if allowed and jwk.get("kid") and jwk.get("use", "sig") == "sig":
            # A key that is not one hides none of those beside it (RFC 7517, 5).
            with suppress(*MALFORMED):
                found[str(jwk["kid"])] = (jwt.PyJWK(jwk, allowed[0]), allowed)
    return found


def caller_of(claims: dict[str, Any]) -> Caller:
    """The caller that verified claims name. Raises BadToken."""
    try:
        expires_at = float(claims["exp"])
        if isinstance(claims["exp"], str | bool):
            raise TypeError
        role, practice, subject = Role(claims["role"]), UUID(claims["practice"]), str(claims["sub"])
        if role is Role.POLICY:
            raise ValueError
        if role in (Role.THERAPIST, Role.CLIENT):
            # One spelling of an id: it is compared with ids in rows.
            subject = str(UUID(subject))
        scope = claims.get("scope")
        own = scope is None and role is not Role.INTEGRATION
        scopes = scopes_of(role) if own else frozenset(str(scope or "").split())
    except MALFORMED:
        raise BadToken("The token needs exp, practice (an id), role, and for people a sub that is an id.") from None
    if expires_at <= time.time():
        raise BadToken("The token has expired.")
    origin = str(claims.get("client_id") or subject)
    if not all(0 < len(name) <= 120 and name.isprintable() for name in (subject, origin)):
        raise BadToken("The token's sub and client_id have 1 to 120 printable characters.")
    return Caller(
        practice_id=practice, role=role, id=subject, origin=origin, scopes=scopes, expires_at=expires_at
    )  # fmt: skip
