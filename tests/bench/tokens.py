"""The token check of the references: PyJWT, and nothing that the service adds to it."""

import os
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import jwt

from infra.keys import Keys
from infra.settings import Settings

CONFIG = Settings(data_dir=Path(os.environ["BENCH_DATA_DIR"]))
DSN = os.environ["BENCH_DATABASE_URL"]
KEY = jwt.PyJWK(Keys(CONFIG).jwks["keys"][0], "EdDSA")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is asking."""

    practice: UUID
    role: str
    id: str
    person: UUID | None
    origin: str
    expires: float


def verified(authorization: str) -> Caller:
    """The caller behind an Authorization header. Raises jwt.PyJWTError."""
    token = authorization.removeprefix("Bearer ")
    claims = jwt.decode(token, KEY, algorithms=["EdDSA"], audience=CONFIG.audience, issuer=CONFIG.issuer)
    role, subject = claims["role"], claims["sub"]
    person = UUID(subject) if role in ("therapist", "client") else None
    return Caller(UUID(claims["practice"]), role, subject, person, claims["client_id"], claims["exp"])
