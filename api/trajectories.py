"""A relationship's trajectory over HTTP: as JSON, as a Vega-Lite specification, and drawn."""

from collections.abc import Mapping
from hashlib import sha256

from pydantic_core import to_json

from api.accepting import STILL, VARY, accepted
from api.call import PRIVATE, Call, Reply, number
from api.chart import specification, titled
from api.reading import chosen
from api.resource import Resource, is_seen
from api.sheet import NARROWEST, USUAL, WIDEST, Theme
from domain.catalog import BY_SUBJECT
from domain.trajectory import Trajectory
from infra.pictures import Kind, Pictures
from infra.trajectory import Record

JSON, VEGA_LITE, SVG, PNG = "application/json", "application/vnd.vegalite.v6+json", "image/svg+xml", "image/png"
MEDIA = {"": JSON, ".vl.json": VEGA_LITE, ".svg": SVG, ".png": PNG}
"""What an address may end in, and what it then answers whatever is accepted."""
DRAWN_FROM = ("session", "alliance_rating", "signal", "rupture", "repair")
"""What has a part in it: a caller whose role reads these needs the scope for them."""


class Trajectories:
    """Trajectories, as far as the caller may see them."""

    def __init__(self, resources: Mapping[str, Resource], record: Record, pictures: Pictures) -> None:
        """`resources` by subject: they know what a caller may read."""
        self._resources, self._record, self._pictures = resources, record, pictures

    async def answer(self, call: Call, ending: str = "") -> Reply:
        """One trajectory, in the form that the address or the Accept header asks for."""
        query = call.query("width", "theme")
        width = number(query, "width", USUAL, NARROWEST, WIDEST)
        theme = chosen(query, "theme", Theme) or Theme.LIGHT
        media = MEDIA[ending] if ending else accepted(call.header(b"accept"), tuple(MEDIA.values()), "A trajectory")
        row = await self._resources["relationship"].find(call, call.id())
        for subject in DRAWN_FROM:
            if call.caller.role in BY_SUBJECT[subject].read_by:
                self._resources[subject].may_read(call.caller)
        trajectory = await self._record.trajectory(call.caller, row["id"])
        said = to_json(trajectory if media == JSON else specification(trajectory, width, theme))
        tag = sha256(media.encode() + said).hexdigest()[:32]
        headers = [(b"etag", f'"{tag}"'.encode()), PRIVATE, VARY]
        if is_seen(call.header(b"if-none-match"), tag):
            return Reply(304, b"", headers)
        if media in (SVG, PNG):
            said = await self._drawn(trajectory, said, media)
        return Reply(200, said, [(b"content-type", media.encode()), *headers, *([STILL] if media == SVG else [])])

    async def _drawn(self, trajectory: Trajectory, said: bytes, media: str) -> bytes:
        if media == PNG:
            return await self._pictures.draw(said, Kind.PNG)
        return titled(await self._pictures.draw(said, Kind.SVG), trajectory.summary)
