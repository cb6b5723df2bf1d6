"""Which of several forms an answer comes in, by what is accepted."""

from collections.abc import Sequence

from api.problems import NotAcceptable

VARY = (b"vary", b"Authorization, Accept")
# A page or an SVG that is opened by itself is a document: it runs nothing and loads nothing.
STILL = (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'")


def accepted(said: str | None, media: Sequence[str], what: str) -> str:
    """The form that the Accept header likes best; the first where it does not mind. Raises NotAcceptable."""
    if not said:
        return media[0]
    ranges = dict(weighed(part) for part in said.split(","))
    liked = {one: ranges.get(one, ranges.get(f"{one.partition('/')[0]}/*", ranges.get("*/*", 0.0))) for one in media}
    best = max(liked, key=lambda one: liked[one])
    if not liked[best]:
        raise NotAcceptable(f"{what} comes as: {', '.join(liked)}.")
    return best


def weighed(part: str) -> tuple[str, float]:
    """A media range and its weight. One that cannot be read does not count."""
    media, *parameters = (piece.strip().lower() for piece in part.split(";"))
    weight = next((p[2:] for p in parameters if p.startswith("q=")), "1")
    try:
        return media, min(max(float(weight), 0.0), 1.0)
    except ValueError:
        return media, 0.0
