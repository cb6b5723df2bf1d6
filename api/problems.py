"""Problem details (RFC 9457): the HTTP refusals beside the domain's own, and the one way to write them down."""

from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import ValidationError
from pydantic_core import to_json

from domain.errors import Refused
from domain.values import Repeated

BEHIND = "The database's tables are not up to date: run bravespace migrate."
UNSURE = (
    "The database cannot be reached. If this was a write, it is not known whether it was written: read it again, or "
    "repeat it with its Idempotency-Key."
)
HEADERS = [(b"content-type", b"application/problem+json"), (b"cache-control", b"no-store"), (b"vary", b"Authorization")]
"""What every refusal comes with."""
MANY = 200
"""From so many faults on they are not named one by one."""
REQUIRED = "This field is required."


class NotFound(Refused):
    """There is nothing at this address that you may see. What is not yours looks like what is not there."""

    status = 404
    code = "not-found"
    title = "Not found"


class Unauthorized(Refused):
    """The request needs a valid bearer token."""

    status = 401
    code = "unauthorized"
    title = "A valid bearer token is needed"

    def __init__(self, detail: str, *, presented: bool = True) -> None:
        """`presented`: there was a token, and it is not one we take."""
        super().__init__(detail)
        error = f', error="invalid_token", error_description="{detail}"' if presented else ""
        self.headers = {"WWW-Authenticate": f'Bearer realm="bravespace"{error}'}


class OutOfScope(Refused):
    """The token does not carry the scope this needs."""

    status = 403
    code = "insufficient-scope"
    title = "The token does not carry the scope this needs"

    def __init__(self, scope: str) -> None:
        """`scope` is the one that is needed."""
        super().__init__(f"This needs the scope {scope}.", scope=scope)
        self.headers = {"WWW-Authenticate": f'Bearer realm="bravespace", error="insufficient_scope", scope="{scope}"'}


class Malformed(Refused):
    """The request is not well formed."""

    status = 400
    code = "malformed"
    title = "The request is not well formed"


class WrongMethod(Refused):
    """This address does not take that method; `Allow` names those it takes."""

    status = 405
    code = "method-not-allowed"
    title = "Method not allowed"

    def __init__(self, allowed: list[str]) -> None:
        """`allowed` are the methods it takes."""
        super().__init__(f"This address takes {', '.join(allowed)}.")
        self.headers = {"Allow": ", ".join(allowed)}


class NotAcceptable(Refused):
    """The answer does not come in any form that `Accept` names; `detail` names those there are."""

    status = 406
    code = "not-acceptable"
    title = "It does not come in a form that is accepted"

    def __init__(self, detail: str) -> None:
        """With another `Accept` it may."""
        super().__init__(detail)
        self.headers = {"Vary": "Accept"}


class Stale(Refused):
    """The If-Match names another version than the current one. Read it again and decide anew."""

    status = 412
    code = "stale"
    title = "The condition does not hold"


class TooLarge(Refused):
    """The body is larger than this service takes."""

    status = 413
    code = "too-large"
    title = "The body is too large"


class WrongType(Refused):
    """The body is not in a media type this address takes."""

    status = 415
    code = "unsupported-media-type"
    title = "The body is not JSON"

    def __init__(self, detail: str, taken: Sequence[str] = ()) -> None:
        """`taken`: the media types of a patch (RFC 5789)."""
        super().__init__(detail)
        self.headers = {"Accept-Patch": ", ".join(taken)} if taken else {}


class Invalid(Refused):
    """The request does not fit the schema; `errors` name each field."""

    code = "invalid"
    title = "The request does not fit the schema"


class KeyReused(Refused):
    """The Idempotency-Key was used for another request. Use a new key for a new request."""

    code = "idempotency-key-reused"
    title = "The Idempotency-Key was used for another request"


class ConditionNeeded(Refused):
    """This needs a condition, so that nobody overwrites what they have not seen."""

    status = 428
    code = "condition-required"
    title = "A condition is needed"


class Broken(Refused):
    """Something went wrong on our side. The `instance` identifies it in our log."""

    status = 500
    code = "internal"
    title = "Something went wrong on our side"


class Unavailable(Refused):
    """The database cannot be reached. Try again after `Retry-After` seconds; a write with its Idempotency-Key."""

    status = 503
    code = "unavailable"
    title = "The service is not available just now"

    def __init__(self, detail: str = UNSURE) -> None:
        """Says when to come back."""
        super().__init__(detail)
        self.headers = {"Retry-After": "2"}


def problems() -> list[type[Refused]]:
    """Every kind of problem there is, the domain's and HTTP's."""

    def below(cls: type[Refused]) -> Iterator[type[Refused]]:
        for kind in cls.__subclasses__():
            yield kind
            yield from below(kind)

    return sorted({Refused, *below(Refused)}, key=lambda kind: (kind.status, kind.code))


def problem(refused: Refused, request_id: str) -> dict[str, Any]:
    """The problem details of a refusal."""
    return {
        "type": f"/problems/{refused.code}", "title": refused.title, "status": refused.status, "detail": refused.detail,
        "instance": f"urn:bravespace:request:{request_id}", **refused.members,
    }  # fmt: skip


def rendered(refused: Refused, request_id: str) -> bytes:
    """The same, as bytes."""
    return to_json(problem(refused, request_id))


def invalid(error: ValidationError) -> Refused:
    """What the schema found, by field, without a word of what was sent."""
    if error.error_count() > MANY:
        return Invalid(f"{error.error_count()} things do not fit the schema; that is too many to name.")
    found = error.errors(include_url=False, include_input=False)
    if any(e["type"] == "json_invalid" for e in found):
        return Malformed("The body is not valid JSON.")
    # Checking stops at a list's first faulty entry; that the list was not full then is no fault of its own.
    within = {e["loc"][:depth] for e in found for depth in range(len(e["loc"]))}
    told = [e for e in found if e["type"] != "too_short" or e["loc"] not in within]
    errors = [fault(e) for e in told]
    names = ", ".join(dict.fromkeys(e["pointer"] for e in errors))
    return Invalid(f"Look at {names}."[:1000], errors=errors)


def fault(error: Any) -> dict[str, str]:
    """One thing that does not fit the schema: where, and what is wrong with it."""
    cause = error.get("ctx", {}).get("error")
    if isinstance(cause, Repeated):
        return {"pointer": pointer((*error["loc"], cause.place)), "detail": str(cause)}
    return {"pointer": pointer(error["loc"]), "detail": plain_words(error["type"], error["msg"])}


def without(missing: list[str]) -> Refused:
    """What lacks fields that have no default."""
    errors = [{"pointer": pointer((name,)), "detail": REQUIRED} for name in missing]
    return Invalid(f"Look at {', '.join(e['pointer'] for e in errors)}.", errors=errors)


def pointer(path: tuple[Any, ...]) -> str:
    """A JSON pointer as a fragment; `#` is the whole body (RFC 6901)."""
    return "#" + "".join("/" + str(part)[:80].replace("~", "~0").replace("/", "~1") for part in path)


def plain_words(kind: str, message: str) -> str:
    """A validator's message, where ours is plainer."""
    known = {
        "unexpected_keyword_argument": "There is no such field.", "missing": REQUIRED,
        "string_pattern_mismatch": "Text may not contain NUL characters.",
    }  # fmt: skip
    return known.get(kind, message)
