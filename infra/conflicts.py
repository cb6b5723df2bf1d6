"""Refusals that only the database can find."""

from domain.errors import Refused


class Taken(Refused):
    """Another object already has what must be unique."""

    status = 409
    code = "taken"
    title = "Somebody else has it already"

    def __init__(self, detail: str, constraint: str, at: str = "") -> None:
        """`constraint` is the database's name for what must be unique; `at` is the field that is not."""
        super().__init__(detail, at=at)
        self.constraint = constraint


class Moved(Refused):
    """Somebody else moved first; nothing was written. Read it again after `Retry-After` seconds, and decide anew."""

    status = 409
    code = "moved-meanwhile"
    title = "Somebody else moved first"

    def __init__(self, detail: str) -> None:
        """Says when to come back: at once, as far as anybody knows."""
        super().__init__(detail)
        self.headers = {"Retry-After": "1"}


class HistoryGone(Refused):
    """The log does not hold what follows that number or time. Read what you keep anew, then go on after `newest`."""

    status = 410
    code = "history-gone"
    title = "The log does not hold what follows that"

    def __init__(self, *, oldest: int, newest: int, after: int | None = None, besides: str = "") -> None:
        """`oldest` is the first number that is still told, `newest` the last that was given; `besides`: what else.

        `after` is a number that was never given. Without it, what followed is no longer kept.
        """
        gone = f"The log begins at {oldest} now; what came before is no longer kept."
        ahead = f"The log ends at {newest}: {after} is another practice's number, or one from before it was restored."
        super().__init__(
            f"{gone if after is None else ahead} To be complete again, read the collections you keep from their first "
            f"page, then go on after {newest}.{besides and f' {besides}'}",
            oldest=oldest, newest=newest,
        )  # fmt: skip


TAKEN = {
    "repair_one_active": "This rupture has a repair under way; go on with that one.",
    "termination_plan_one_each": "This relationship has a plan already; make the move on that one.",
    "alliance_rating_one_live": "This rater has rated this session with this instrument. Find that rating by its "
    "session_id and correct it (PATCH), or mark it as entered in error (DELETE); a second observer has a rater_id.",
    "instrument_one_edition": "The practice has this edition of the instrument; revise or reinstate that one.",
    "external_id_pkey": "An external identifier already names another object of this kind.",
}
"""Constraints whose breach is an answer, by name."""
