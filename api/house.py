"""What the house shows everybody: health, metrics, keys, documents, and what each problem means."""

import html
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from functools import cache
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from fastapi.openapi.docs import get_swagger_ui_html
from pydantic_core import to_json

from api.call import Call, Reply
from api.metrics import CONTENT_TYPE, Metrics
from api.problems import BEHIND, NotFound, Unavailable, problems
from infra.database import UNMIGRATED, UNREACHABLE
from infra.delivery_log import DeliveryLog

HTML = (b"content-type", b"text/html; charset=utf-8")
JSON_BODY = (b"content-type", b"application/json")
DAY = (b"cache-control", b"public, max-age=86400")
ASSETS = {
    "swagger-ui-bundle.js": b"text/javascript; charset=utf-8",
    "swagger-ui.css": b"text/css; charset=utf-8",
}
DOCUMENT = "openapi.json"


class House:
    """Pages that need no token."""

    def __init__(
        self, metrics: Metrics, jwks: dict[str, Any], ready: Callable[[], Awaitable[bool]], deliveries: DeliveryLog
    ) -> None:
        """`ready` asks the database."""
        self._metrics, self._jwks, self._ready, self._deliveries = metrics, jwks, ready, deliveries

    async def healthz(self, call: Call) -> Reply:
        """The process is up."""
        return Reply(200, b'{"status":"ok"}', [JSON_BODY])

    async def readyz(self, call: Call) -> Reply:
        """The database answers and its tables are current."""
        if not await self._ready():
            raise Unavailable(BEHIND)
        return Reply(200, b'{"status":"ready"}', [JSON_BODY])

    async def metrics(self, call: Call) -> Reply:
        """For Prometheus: the counts of the process that answers, and the backlog of the whole database."""
        backlog: Mapping[str, float] = {}
        with suppress(*UNREACHABLE, *UNMIGRATED):
            backlog = await self._deliveries.backlog()
        return Reply(200, self._metrics.written(backlog), [(b"content-type", CONTENT_TYPE)])

    async def jwks(self, call: Call) -> Reply:
        """The public keys of the tokens signed here."""
        return Reply(200, to_json(self._jwks), [JSON_BODY, (b"cache-control", b"public, max-age=300")])

    async def openapi(self, call: Call) -> Reply:
        """The OpenAPI document: the committed one, which a test holds to the code."""
        return Reply(200, contents(document()), [JSON_BODY])

    async def docs(self, call: Call) -> Reply:
        """The same, to click through. Its assets come from here, so it works with no internet."""
        page = get_swagger_ui_html(
            openapi_url="/openapi.json", title="Bravespace", swagger_js_url="/docs/swagger-ui-bundle.js",
            swagger_css_url="/docs/swagger-ui.css", swagger_favicon_url="data:,",
        )  # fmt: skip
        return Reply(200, bytes(page.body), [HTML])

    async def asset(self, call: Call) -> Reply:
        """A part of the docs page."""
        name = call.params[0]
        if name not in ASSETS:
            raise NotFound("There is nothing at this address.")
        return Reply(200, asset(name), [(b"content-type", ASSETS[name]), DAY])

    async def problems(self, call: Call) -> Reply:
        """Every kind of problem."""
        rows = "".join(
            f'<dt><a href="/problems/{p.code}">{p.code}</a> {p.status}</dt><dd>{html.escape(p.title)}</dd>'
            for p in problems()
        )  # fmt: skip
        return Reply(200, page("Problems", f"<dl>{rows}</dl>"), [HTML])

    async def problem(self, call: Call) -> Reply:
        """What a problem means, and the way out."""
        kind = next((p for p in problems() if p.code == call.params[0]), None)
        if kind is None:
            raise NotFound("There is no such problem.")
        text = f"<p>Status {kind.status}</p><p>{html.escape(kind.__doc__ or '')}</p>"
        return Reply(200, page(kind.title, text), [HTML])


def document() -> Path:
    """Where the OpenAPI document is: beside the packages in a checkout, inside `api` in an installed wheel."""
    packaged = Path(str(files("api"))) / DOCUMENT
    return packaged if packaged.exists() else Path(str(files("api"))).parent / "openapi" / DOCUMENT


@cache
def contents(path: Path) -> bytes:
    """A file of ours. One that is missing is a broken installation, not a database that is down."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise RuntimeError("A file of this installation cannot be read.") from error


def asset(name: str) -> bytes:
    """A file of Swagger UI, from the package that carries it; the package itself is not imported."""
    spec = find_spec("fastapi_offline")
    if spec is None or spec.origin is None:
        raise NotFound("There is nothing at this address.")
    return contents(Path(spec.origin).parent / "static" / name)


def page(title: str, body: str) -> bytes:
    """A small page."""
    safe = html.escape(title)
    return f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{safe}</title><h1>{safe}</h1>{body}'.encode()
