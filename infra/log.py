"""What is logged: what went wrong, where, and under which request id. Never what anybody said.

There is no line for each request: the metrics count those.
"""

from functools import cache
from traceback import extract_tb
from typing import Any


@cache
def log() -> Any:
    """The log: one JSON line per fact, on standard output."""
    # Loading structlog takes a twelfth of the service's start, and most services never have a word to say.
    import structlog

    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
    )
    return structlog.get_logger()


def broken(error: BaseException, **about: str) -> None:
    """Where it broke, and never what it said: a message can carry what a client wrote."""
    frames = [f"{f.filename.rpartition('/')[2]}:{f.lineno}" for f in extract_tb(error.__traceback__)[-8:]]
    log().error("broken", error=type(error).__name__, at=frames, **about)
