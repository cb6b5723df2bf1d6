"""The drawing itself: what its specification holds, that it can be drawn, and that its process can be relied on."""

import asyncio
import json
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import pytest

from api.chart import specification, titled
from api.sheet import BEGUN, CONCLUDED, CROSS, INKS, ONSET, RATERS, SAID, SEEN, SHAPES, Theme
from domain.relationship import Transition
from domain.trajectory import Trajectory
from infra.pictures import Kind, Pictures, Undrawn
from tests.trajectories import SRS, V, drawn, mended, rated, ruptured, said, seats, seen, v_shaped

SHAPES_AND_DASHES = ("shape", "strokeDash", "color")


@pytest.fixture(scope="module")
async def pictures() -> AsyncIterator[Pictures]:
    found = Pictures()
    yield found
    await found.close()


def layers(specified: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for view in specified["vconcat"]:
        yield from view["layer"]


def marks(specified: dict[str, Any], **mark: Any) -> list[dict[str, Any]]:
    """The rows of every layer with such a mark."""
    found = [part for part in layers(specified) if part["mark"].items() >= mark.items()]
    return [row for part in found for row in part["data"]["values"]]


def texts(specified: dict[str, Any]) -> list[str]:
    return [row["says"] for row in marks(specified, type="text")]


def crowded() -> Trajectory:
    """Everything at once: two instruments, missed sessions, a long break, signals, ruptures and a transition."""
    row = seats(60, missed=(7, 20, 21), long_break_after=40)
    scores = [4 + (place % 5) / 10 for place in range(57)]
    return drawn(
        row, rated(row, "client", scores), rated(row, "therapist", [s - 0.4 for s in scores[:30]]),
        rated(row, "observer", [9, 8.5, 9.1], SRS, after=33),
        signals=(seen(row, 9), seen(row, 12, "provisional"), seen(row, 50, "provisional", rater=None)),
        ruptures=tuple(
            ruptured(row, place, "confrontation", phase, mended(row, place + 1, place + 3, "not_repaired"))
            for place, phase in ((0, "suspected"), (30, "unrepaired"), (56, "in_repair"))
        ),
        transitions=(Transition(begun_on=row[50].starts_at.date()),),
    )  # fmt: skip


COURSES = {
    "nothing": drawn(()), "one session": drawn(seats(1)), "all missed": drawn(seats(3, missed=(0, 1, 2))),
    "a V": v_shaped(), "everything": crowded(),
    "one score": drawn(seats(1), rated(seats(1), "client", [4])),
    "only a rupture": drawn((), ruptures=(ruptured(seats(1), 0, "unspecified", "suspected"),)),
    "thirty ruptures": drawn(seats(40), ruptures=tuple(ruptured(seats(40), place) for place in range(30))),
}  # fmt: skip


@pytest.mark.parametrize("name", COURSES)
async def test_every_course_can_be_drawn_in_the_width_that_was_asked(pictures: Pictures, name: str):
    for width in (360, 1200):
        said = json.dumps(specification(COURSES[name], width, Theme.DARK)).encode()
        root = ET.fromstring(titled(await pictures.draw(said, Kind.SVG), COURSES[name].summary))
        assert abs(float(root.get("width", "0")) - width) <= 1


@pytest.mark.parametrize("theme", Theme)
def test_whoever_rates_is_told_apart_by_shape_and_dash_as_well_as_by_colour(theme: Theme):
    scales = [
        (channel, part["encoding"][channel]["scale"])
        for part in layers(specification(v_shaped(), theme=theme))
        for channel in SHAPES_AND_DASHES if part["encoding"].get(channel, {}).get("field") == "rater"
    ]  # fmt: skip
    assert {channel for channel, _ in scales} == set(SHAPES_AND_DASHES)
    for _, scale in scales:
        assert tuple(scale["domain"]) == RATERS
        assert len({str(look) for look in scale["range"]}) == len(RATERS)


def contrast(one: str, other: str) -> float:
    """WCAG 2.2's contrast ratio."""

    def luminance(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return sum(weight * p for weight, p in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", Theme)
def test_lines_and_marks_stand_out_from_the_ground_and_texts_more_so(theme: Theme):
    ink = INKS[theme]
    assert min(contrast(colour, ink.ground) for colour in (*ink.raters, ink.signal, ink.repair)) >= 3
    assert contrast(ink.text, ink.shade) >= 7


def test_a_provisional_signal_is_hollow_and_a_confirmed_one_filled():
    row = seats(8)
    t = drawn(row, rated(row, "client", V), signals=(seen(row, 4), seen(row, 5, "provisional")))
    specified = specification(t)
    assert [(m["at"], m["sure"]) for m in marks(specified, shape="triangle-up")] == [(4, True), (5, False)]
    assert {"Signal", "Signal, provisional"} <= set(texts(specified))


def test_a_signal_stands_in_the_panel_of_its_session_and_no_other():
    row = seats(8)
    t = drawn(
        row, rated(row, "client", V[:4]), rated(row, "client", [9, 9, 7, 9], SRS, after=4), signals=(seen(row, 6),)
    )  # fmt: skip
    _, first, second = specification(t)["vconcat"]
    assert [part for part in first["layer"] if part["mark"].get("shape") == "triangle-up"] == []
    assert [part for part in second["layer"] if part["mark"].get("shape") == "triangle-up"] != []


def test_each_instrument_has_its_name_and_its_own_range():
    row = seats(8)
    t = drawn(row, rated(row, "client", V[:4]), rated(row, "client", [9, 9, 7, 9], SRS, after=4))
    panels = [view for view in specification(t)["vconcat"] if "title" in view]
    assert [view["title"] for view in panels] == [
        {"text": "Working Alliance Inventory – Short Revised", "subtitle": "mean per item, 1 to 5"},
        {"text": "Session Rating Scale", "subtitle": "mean per item, 0 to 10"},
    ]


def test_a_long_break_is_named_and_missed_sessions_are_crossed():
    t = drawn(seats(6, missed=(2,), long_break_after=3))
    specified = specification(t)
    assert "10 weeks" in texts(specified)
    assert "Missed" in texts(specified)


def test_a_rupture_is_drawn_with_its_type_and_how_its_repair_came_out():
    assert "withdrawal, repaired" in texts(specification(v_shaped()))


def test_what_somebody_said_is_not_drawn_as_what_a_detector_computed():
    row = seats(8)
    t = drawn(row, rated(row, "client", V), signals=(seen(row, 4), said(row, 4), said(row, 7)))
    specified = specification(t)
    (computed,) = marks(specified, shape=SEEN)
    word, later = marks(specified, shape=SAID)
    assert word["at"] == computed["at"] == 4, "both stand at their session"
    assert computed["score"] < V[4] < word["score"], "and neither hides the other"
    assert later["at"] == 7
    assert {"Signal", "Said by the client"} <= set(texts(specified))
    assert SAID not in {*SHAPES, CROSS, SEEN, ONSET, BEGUN, CONCLUDED}, "told apart in grey as well"


@pytest.mark.parametrize(
    ("raters", "says"),
    [(["client"], "Said by the client"), (["therapist"], "Said by the therapist"),
     (["client", "therapist"], "Said when asked")],
)  # fmt: skip
def test_the_legend_tells_whose_word_it_is(raters: list[str], says: str):
    row = seats(8)
    marked = tuple(said(row, place, rater) for place, rater in enumerate(raters))
    named = texts(specification(drawn(row, rated(row, "client", V), signals=marked)))
    assert says in named and "Signal" not in named


def test_the_legend_names_only_what_is_drawn():
    row = seats(2)
    assert texts(specification(drawn(row, rated(row, "client", [4, 4.1])))) == ["Client"]


async def test_what_can_not_be_drawn_leaves_the_next_picture_alone(pictures: Pictures):
    with pytest.raises(Undrawn):
        await pictures.draw(b'{"mark": "bo', Kind.SVG)
    assert (await pictures.draw(json.dumps(specification(v_shaped())).encode(), Kind.PNG)).startswith(b"\x89PNG")


async def test_nothing_is_loaded_from_anywhere(pictures: Pictures):
    asked = asyncio.Event()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        writer.close()

    async with await asyncio.start_server(listen, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        loading = {"data": {"url": f"http://127.0.0.1:{port}/data.json"}, "mark": "point", "encoding": {}}
        try:
            drawn_anyway = await pictures.draw(json.dumps(loading).encode(), Kind.SVG)
        except Undrawn:
            drawn_anyway = b""
    assert not asked.is_set()
    assert b"127.0.0.1" not in drawn_anyway


async def test_a_picture_whose_process_died_is_followed_by_one_that_is_drawn():
    pictures = Pictures()
    said = json.dumps(specification(v_shaped())).encode()
    await pictures.draw(said, Kind.SVG)
    process = pictures._process
    assert process is not None
    process.kill()
    await process.wait()
    assert (await pictures.draw(said, Kind.SVG)).startswith(b"<svg")
    await pictures.close()


async def test_whoever_gives_up_waiting_leaves_no_answer_behind_for_the_next(pictures: Pictures):
    v, other = (json.dumps(specification(t)).encode() for t in (v_shaped(), crowded()))
    wanted = await pictures.draw(v, Kind.SVG)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(pictures.draw(other, Kind.PNG), 0.001)
    assert await pictures.draw(v, Kind.SVG) == wanted


def test_the_service_itself_never_loads_what_draws():
    assert "vl_convert" not in sys.modules


async def test_the_service_goes_on_answering_while_a_picture_is_drawn(pictures: Pictures):
    said = json.dumps(specification(crowded())).encode()
    drawing = asyncio.create_task(pictures.draw(said, Kind.PNG))
    turns, until = 0, time.monotonic() + timedelta(seconds=20).total_seconds()
    while not drawing.done() and time.monotonic() < until:
        await asyncio.sleep(0)
        turns += 1
    assert (await drawing).startswith(b"\x89PNG")
    assert turns > 100
