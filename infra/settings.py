"""Every setting, each also as `BRAVESPACE_*` in the environment."""

from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from infra.addresses import PORTS

ORIGIN = r"^https?://(\*\.)?[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*(:([0-9]+|\*))?$"
"""An origin as a Content-Security-Policy takes it: `*.` stands for every subdomain, `:*` for every port."""


class Settings(BaseSettings):
    """How this process runs. Durations are in seconds, sizes in bytes."""

    model_config = SettingsConfigDict(env_prefix="BRAVESPACE_", use_attribute_docstrings=True)

    data_dir: Path = Path(".bravespace")
    """Keys, and the embedded database when no `database_url` is set."""
    database_url: str = ""
    """A PostgreSQL 15+ server. Empty: an embedded one in the data directory."""
    pool_size: int = Field(default=10, ge=4, le=100)
    """Database connections per worker."""
    dispatch: bool = True
    """Whether `serve` also delivers webhooks."""
    issuer: str = "bravespace"
    """The `iss` of tokens signed here."""
    audience: str = "bravespace"
    """The `aud` a token must carry."""
    trusted_issuers: dict[str, Path] = {}
    """Other issuers whose tokens are taken: issuer to the path of its JWKS file, read again when it changes."""
    cors_origins: list[str] = []
    """Origins of browsers' pages that may call the API."""
    console_origins: list[Annotated[str, Field(pattern=ORIGIN)]] = []
    """Origins of pages that may show the delivery console in a frame."""
    durable: bool = True
    """Whether the embedded database flushes each commit to disk. Off for tests only."""
    body_limit: int = Field(default=1024 * 1024, ge=1024)
    """The largest request body."""
    fonts: list[Path] = []
    """Font files (TrueType, OpenType) for what is printed as PDF in letters that our own fonts do not hold: Chinese,
    Devanagari, Thai … A letter is taken from the first that has it."""
    idempotency_hours: int = Field(default=24, ge=1)
    """How long the answer to an Idempotency-Key is kept."""
    event_days: int = Field(default=0, ge=0)
    """How long events are kept at least; at most `event_volume_days` longer. 0: for ever, for the log is the record of
    who wrote what. What was not delivered by then is given up, so less than a week cuts the last retries off."""
    event_volume_days: int = Field(default=30, ge=1)
    """Events are dropped by so many days at a time."""
    attempt_days: int = Field(default=30, ge=1)
    """How long the record of delivery attempts is kept at least; at most `attempt_volume_days` longer."""
    attempt_volume_days: int = Field(default=1, ge=1)
    """Attempts are dropped by so many days at a time."""
    webhook_allow_loopback: bool = False
    """Take plain http to a loopback address as a webhook endpoint: for development only."""
    webhook_ports: list[int] = list(PORTS)
    """Ports an https endpoint may be on. A loopback endpoint, where it is allowed, may be on any."""
    webhook_forbidden_networks: list[IPv4Network | IPv6Network] = []
    """Networks never sent to, besides all that are not on the public internet: public addresses of your own, say."""
    webhook_proxy: str = Field(default="", pattern=r"^(https?://\S+)?$")
    """A proxy that every delivery goes through, and that then answers for where names lead. Empty: none is used, and
    the usual variables of the environment are not read."""
    webhook_timeout: float = Field(default=15, gt=0, le=60)
    """The whole of one delivery attempt: connecting, headers and body."""
    webhook_base_delay: float = Field(default=5, gt=0)
    """The first retry comes this much after the first attempt; the schedule scales with it."""


@lru_cache
def settings() -> Settings:
    """The settings of this process, read once."""
    return Settings()
