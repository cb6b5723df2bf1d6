"""Where the demo's stories are told: who speaks, how a step is taken over HTTP, and how it is shown."""

import re
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import aiohttp
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from domain.access import Role
from infra.keys import Keys

DAY = 86_400
ASIDE = 17
"""How far in stands what is said of a step."""
ID = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{23}([0-9a-f]{4})")


class Failed(Exception):
    """Something did not do what it should. The message is the one line to show."""


@dataclass(frozen=True, slots=True)
class Voice:
    """Somebody who calls the service, with a token of their own."""

    role: Role
    http: aiohttp.ClientSession
    token: str

    async def ask(self, method: str, path: str, body: Any = None, expect: int = 0) -> tuple[int, Any]:
        """One request. Raises Failed unless it is answered with `expect`, or with any success when that is 0."""
        headers = {"Authorization": f"Bearer {self.token}"} | ({"If-Match": "*"} if method == "PATCH" else {})
        try:
            async with self.http.request(method, path, json=body, headers=headers) as answer:
                status, said = answer.status, await answer.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise Failed(f"{method} {path} got no answer that can be read ({type(error).__name__}).") from None
        if status != expect if expect else status >= 300:
            raise Failed(f"{method} {path} answered {status}: {detail_of(said)}")
        return status, said

    async def page(self, path: str) -> bytes:
        """A page or a picture, as it is shown."""
        async with self.http.get(path, headers={"Authorization": f"Bearer {self.token}"}) as answer:
            if answer.status != 200:
                raise Failed(f"GET {path} answered {answer.status}: {detail_of(await answer.json(content_type=None))}")
            return await answer.read()

    async def get(self, path: str) -> Any:
        """What a GET brings."""
        return (await self.ask("GET", path))[1]

    async def post(self, path: str, body: Any = None) -> Any:
        """What a POST brings back."""
        return (await self.ask("POST", path, body))[1]


def detail_of(problem: dict[str, Any]) -> str:
    """What a problem says, with the fields it names."""
    errors = "; ".join(f"{e.get('pointer', e.get('parameter'))}: {e['detail']}" for e in problem.get("errors", ()))
    return f"{problem.get('detail')}{f' ({errors})' if errors else ''}"


@dataclass(frozen=True, slots=True)
class Pair:
    """A client and a therapist whose course of therapy was imported."""

    client: Voice
    therapist: Voice
    therapist_id: str
    name: str
    """The therapist's."""
    relationship_id: str
    session_ids: tuple[str, ...]
    last_day: date
    """The day of the last session."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Where the stories are told."""

    show: Console
    http: aiohttp.ClientSession
    address: str
    keys: Keys
    practice: UUID

    def voice(self, role: Role, subject: str, scope: str | None = None) -> Voice:
        """Somebody with a fresh token."""
        return Voice(role, self.http, self.keys.issue(self.practice, role, subject, scope, DAY))

    def headline(self, words: str, more: str = "") -> None:
        """What comes next."""
        self.show.print(f"\n{words}", style="bold")
        if more:
            self.show.print(Padding(more, (0, 0, 0, 2), expand=False), style="dim")

    async def step(self, words: str, who: Voice, call: str, body: Any = None, *, expect: int = 0) -> Any:
        """Say what happens, let it happen, and show the call with what came of it."""
        method, path = call.split()
        status, said = await who.ask(method, path, body, expect)
        outcome = "refused" if status >= 400 else said.get("phase") or counted(said.get("items"))
        self.say(words)
        # In columns: what is too long for the terminal goes on under the address, not under the role.
        request = Table.grid(padding=(0, 2, 0, 0))
        request.add_row(
            Text(f"    {who.role:<11}", "dim"),
            Text.assemble((f"{method} {ID.sub(shortened, path)}  ", "dim"), (f"{status} {outcome}".rstrip(), "cyan")),
        )
        self.show.print(request)
        for advice in said.get("advisories", ()):
            self.aside(f"Advisory: {advice['detail']}", "yellow")
        for error in said.get("errors", ()):
            self.aside(f"Refused: {error['detail']}", "yellow")
        return said

    def say(self, words: str) -> None:
        """A line of a story."""
        self.show.print(Padding(words, (0, 0, 0, 2), expand=False))

    def aside(self, words: str, style: str = "") -> None:
        """What is to be said of a step, under it."""
        self.show.print(Padding(Text(words, style), (0, 0, 0, ASIDE), expand=False))


def shortened(id: re.Match[str]) -> str:
    """An id as it is shown: its last four digits tell it from the others."""
    return f"..{id[1]}"


def counted(items: list[Any] | None) -> str:
    """How many a list holds."""
    return "" if items is None else f"{len(items)} found"
