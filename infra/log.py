"""What is logged: what went wrong, where, and under which request id. Never what anybody said."""

import structlog


def quiet() -> None:
    """One JSON line per fact, on standard output. There is no line for each request: the metrics count those."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        cache_logger_on_first_use=True,
    )
