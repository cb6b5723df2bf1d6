"""What is logged: what went wrong, where, and under which request id. Never what anybody said.

There is no line for each request: the metrics count those.
"""

from functools import cache
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
