"""Keys and tokens: our own Ed25519 key and its JWKS, the keys of issuers we trust, and the seal on webhook secrets."""

import json
import os
import time
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
from infra.settings import Settings

ALGORITHMS = {"EdDSA", "ES256", "ES384", "RS256", "RS384"}
"""Asymmetric only. Which of them a token may use is the key's to say, never the token's."""
KEY_TYPES = {"EdDSA": "OKP", "ES256": "EC", "ES384": "EC", "RS256": "RSA", "RS384": "RSA"}
SKEW = 60
"""How far another clock may be ahead of ours, in seconds. Expiry has no such grace."""
REREAD = 60
"""How often an issuer's keys may be read again for the sake of an unknown `kid`, in seconds."""


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
        self._trusted: dict[tuple[str, str], jwt.PyJWK] = {}
        self._read_at: dict[str, float] = {}
        self._learn(settings.issuer, self.jwks)

    def issue(self, practice: UUID, role: Role, subject: str, scope: str | None, ttl: int) -> str:
        """An access token in the RFC 9068 profile. `scope` None: everything the role can make use of."""
        now = int(time.time())
        claims = {
            "iss": self._settings.issuer, "aud": self._settings.audience, "sub": subject, "client_id": "bravespace-cli",
            "iat": now, "nbf": now, "exp": now + ttl, "jti": uuid4().hex, "practice": str(practice), "role": role.value,
            "scope": " ".join(sorted(scopes_of(role))) if scope is None else scope,
        }  # fmt: skip
        headers = {"kid": self.kid, "typ": "at+jwt"}
        return jwt.encode(claims, self._private, algorithm="EdDSA", headers=headers)  # type: ignore[arg-type]

    def verify(self, token: str) -> Caller:
        """Who the token says is calling. Raises BadToken; says nothing about whether the practice exists."""
        try:
            header = jwt.get_unverified_header(token)
            issuer = jwt.decode(token, options={"verify_signature": False}).get("iss")
            key = self._key(issuer, header)
            claims = jwt.decode(
                token, key, algorithms=[str(key.algorithm_name)], audience=self._settings.audience, issuer=issuer,
                leeway=SKEW, options={"require": ["exp", "iss", "aud", "sub"], "strict_aud": False},
            )  # fmt: skip
        except (jwt.PyJWTError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise BadToken(f"The token is not valid: {type(error).__name__}.") from None
        return self._caller(claims)

    def _caller(self, claims: dict[str, Any]) -> Caller:
        if claims["exp"] <= time.time():
            raise BadToken("The token has expired.")
        try:
            role, practice = Role(claims["role"]), UUID(claims["practice"])
            if role is Role.POLICY:
                raise ValueError
            if role in (Role.THERAPIST, Role.CLIENT):
                UUID(claims["sub"])
            scope = claims.get("scope")
            own = scope is None and role is not Role.INTEGRATION
            scopes = scopes_of(role) if own else frozenset(str(scope or "").split())
        except (KeyError, ValueError, TypeError, AttributeError):
            raise BadToken(
                "The token needs the claims practice (an id), role, and for people a sub that is an id."
            ) from None
        subject = str(claims["sub"])
        if not 0 < len(subject) <= 120 or "\x00" in subject:
            raise BadToken("The token's sub is empty or too long.")
        origin = str(claims.get("client_id") or subject)[:120].replace("\x00", "")
        return Caller(
            practice_id=practice, role=role, id=subject, origin=origin, scopes=scopes, expires_at=float(claims["exp"])
        )  # fmt: skip

    def _key(self, issuer: Any, header: dict[str, Any]) -> jwt.PyJWK:
        kind = str(header.get("typ", "")).lower().removeprefix("application/")
        if kind != "at+jwt":
            raise BadToken("The token's typ must be at+jwt.")
        name = (str(issuer), str(header.get("kid")))
        if name not in self._trusted:
            self._reread(str(issuer))
        key = self._trusted.get(name)
        if key is None:
            raise BadToken("The token's issuer and kid are not known here.")
        if header.get("alg") != key.algorithm_name:
            raise BadToken("The token's alg is not its key's.")
        return key

    def _reread(self, issuer: str) -> None:
        path, now = self._settings.trusted_issuers.get(issuer), time.monotonic()
        if path and now - self._read_at.get(issuer, -REREAD) >= REREAD:
            self._read_at[issuer] = now
            self._learn(issuer, json.loads(path.read_bytes()))

    def _learn(self, issuer: str, jwks: dict[str, Any]) -> None:
        for jwk in jwks.get("keys", ()):
            algorithm = jwk.get("alg")
            if algorithm in ALGORITHMS and jwk.get("kty") == KEY_TYPES[algorithm] and jwk.get("kid"):
                self._trusted[issuer, jwk["kid"]] = jwt.PyJWK(jwk, algorithm)
