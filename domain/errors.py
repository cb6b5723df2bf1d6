"""Everything the service may answer instead of doing what was asked: one class per kind, with its title and status."""

from collections.abc import Sequence
from typing import Any, ClassVar


class Refused(Exception):
    """The request was understood and refused; nothing was written."""

    status: ClassVar[int] = 422
    code: ClassVar[str] = "refused"
    title: ClassVar[str] = "This cannot be done as asked"

    def __init__(self, detail: str, *, at: str = "", **members: Any) -> None:
        """`detail` says what is missing and the way out, `at` names the field of the body it is about."""
        super().__init__(detail)
        self.detail = detail
        self.members: dict[str, Any] = members
        self.headers: dict[str, str] = {}
        if at:
            self.members["errors"] = [{"pointer": f"#/{at}", "detail": detail}]


class Incomplete(Refused):
    """A guard found something missing. The `errors` name each thing; supply them and make the same move again."""

    code = "incomplete"
    title = "Something this move needs is missing"

    def __init__(self, missing: Sequence[tuple[str, str]]) -> None:
        """`missing` pairs the body's field with what it should say."""
        super().__init__("Missing: " + ", ".join(at for at, _ in missing) + ".")
        self.members["errors"] = [{"pointer": f"#/{at}", "detail": detail} for at, detail in missing]


class NotOpen(Refused):
    """The move is not open from the phase the object is in. `open_moves` says what is."""

    status = 409
    code = "move-not-open"
    title = "That move is not open now"


class NotYours(Refused):
    """Your role may not do this."""

    status = 403
    code = "role-may-not"
    title = "Your role may not do this"
