"""A trajectory as a Vega-Lite specification: a pure function of what is to be drawn, how wide, and on what ground.

Whoever rates is told apart three times over, by shape, dash and colour, so that the picture can be read in grey and by
colour-blind readers. The colours are those of Okabe and Ito (2008), the darker of each pair on a light ground.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Any
from uuid import UUID

from domain.detection import LONGEST_GAP, Certainty, Rater
from domain.repair import Outcome
from domain.rupture import OPEN, RupturePhase, RuptureType
from domain.session import SessionPhase
from domain.trajectory import MONTHS, Panel, RuptureMark, SignalMark, Trajectory, number, words

Spec = dict[str, Any]
SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
NARROWEST, USUAL, WIDEST = 360, 720, 1600
"""Widths of the whole picture, in CSS pixels."""
AXIS, EDGE = 26, 10
"""What the scale's numbers take at the left, and what stays empty around everything."""
SMALL = 11
"""The size of every text but an instrument's name, in pixels."""
# The renderer carries the first of these; a browser that shows the SVG may have one of the others.
FONT = "Liberation Sans, Arial, Helvetica, sans-serif"
RATERS = tuple(Rater)
SHAPES = ("circle", "square", "diamond", "triangle-right")
DASHES: tuple[Sequence[int], ...] = ((1, 0), (7, 4), (2, 3), (9, 3, 2, 3))
CROSS = "M-1,-1L1,1M-1,1L1,-1"


class Theme(StrEnum):
    """The ground it is drawn on."""

    LIGHT = "light"
    DARK = "dark"


@dataclass(frozen=True, slots=True)
class Ink:
    """The colours on one ground."""

    ground: str
    text: str
    faint: str
    """Grids and what only carries something else."""
    shade: str
    """A stretch of time."""
    raters: tuple[str, ...]
    signal: str
    repair: str


INKS = {
    Theme.LIGHT: Ink("#ffffff", "#222222", "#8a8a8a", "#ececec", ("#0072b2", "#d55e00", "#000000", "#666666"),
                     "#b0427f", "#00795a"),
    Theme.DARK: Ink("#16181d", "#e8e8e8", "#8d9099", "#2c3038", ("#56b4e9", "#e69f00", "#ffffff", "#b0b0b0"),
                    "#e08fc0", "#2cc79a"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sheet:
    """What every part of one picture shares."""

    trajectory: Trajectory
    ink: Ink
    width: int
    """Of the plots, in pixels."""

    @property
    def step(self) -> float:
        """From one session to the next, in pixels."""
        return self.width / max(len(self.trajectory.seats), 1)

    def x(self, **more: Any) -> Spec:
        """The one axis of all plots: the sessions in order, evenly spaced."""
        ends = [-0.5, max(len(self.trajectory.seats), 1) - 0.5]
        return {"field": "at", "type": "quantitative", "scale": {"domain": ends, "nice": False, "zero": False},
                "axis": None, **more}  # fmt: skip

    def px(self, position: float) -> float:
        """Where a position is, in pixels."""
        return (position + 0.5) * self.step

    def by_rater(self, *channels: str) -> Spec:
        """Everything that tells raters apart."""
        looks: Mapping[str, Sequence[Any]] = {"color": self.ink.raters, "shape": SHAPES, "strokeDash": DASHES}
        return {
            channel: {"field": "rater", "type": "nominal", "legend": None,
                      "scale": {"domain": RATERS, "range": looks[channel]}}
            for channel in channels
        }  # fmt: skip


def specification(trajectory: Trajectory, width: int = USUAL, theme: Theme = Theme.LIGHT) -> Spec:
    """The whole picture."""
    ink = INKS[theme]
    sheet = Sheet(trajectory, ink, width - AXIS - 2 * EDGE)
    drawn = [panel_view(sheet, panel) for panel in trajectory.panels] or [empty_view(sheet)]
    for part in drawn[-1]["layer"]:
        # The layers of a plot share an axis only if all of them ask for it.
        part["encoding"]["x"]["axis"] = session_axis(sheet)
    below = [ruptures_view(sheet)] if trajectory.ruptures else []
    return {
        "$schema": SCHEMA, "description": trajectory.summary, "background": ink.ground, "padding": EDGE,
        "spacing": 8, "vconcat": [*legend_views(sheet), *drawn, *below], "config": config(ink),
    }  # fmt: skip


def config(ink: Ink) -> Spec:
    """What holds everywhere."""
    return {
        # The whole picture has one description; a label on each of a hundred marks would only be read out after it.
        "aria": False, "font": FONT, "view": {"stroke": None},
        "text": {"fontSize": SMALL, "color": ink.text},
        "title": {"fontSize": 13, "fontWeight": "bold", "color": ink.text, "anchor": "start", "offset": 6, "limit": 0,
                  "frame": "group"},
        "axis": {
            "domain": False, "ticks": False, "labelColor": ink.text, "labelFontSize": SMALL, "labelOverlap": False,
            "labelLimit": 0, "gridColor": ink.shade,
        },
    }  # fmt: skip


def layer(mark: Spec, rows: Sequence[Spec], **encoding: Spec) -> Iterator[Spec]:
    """A layer with its data, where there is any."""
    if rows:
        yield {"data": {"values": list(rows)}, "mark": mark, "encoding": encoding}


# -- the instruments -------------------------------------------------------------------------------------------------


def panel_view(sheet: Sheet, panel: Panel) -> Spec:
    """One instrument on its own range, with everything that lies behind its lines."""
    height = 170
    # Marks at the very top and bottom of the range are drawn in full, and there is room for a signal under one.
    room = (panel.high - panel.low) * 0.09
    ticks = scale_ticks(panel.low, panel.high)
    y = {"field": "score", "type": "quantitative",
         "scale": {"domain": [panel.low - room, panel.high + room], "nice": False, "zero": False},
         "axis": {"values": ticks, "title": None, "grid": True, "minExtent": AXIS, "maxExtent": AXIS}}  # fmt: skip
    return {
        "width": sheet.width, "height": height,
        "title": f"{panel.title}, mean per item, {number(panel.low)} to {number(panel.high)}",
        "layer": [*behind(sheet, height), *limit_layers(sheet, panel, y), *line_layers(sheet, panel, y),
                  *signal_layers(sheet, panel, y)],
    }  # fmt: skip


def scale_ticks(low: float, high: float) -> list[float]:
    """A few round numbers from one end of a scale to the other."""
    step = next(s for s in (0.5, 1, 2, 5, 10, 20, 50, 100, 1000) if (high - low) / s <= 6 or s == 1000)
    count = int((high - low) / step)
    return [low + n * step for n in range(count + 1)] + ([] if low + count * step == high else [high])


def behind(sheet: Sheet, height: int) -> Iterator[Spec]:
    """The transition phase, the onset of ruptures, and sessions that were missed."""
    t, ink = sheet.trajectory, sheet.ink
    last = len(t.seats) - 0.5
    spans = [
        {"at": t.position(None, s.begun_on), "until": t.position(None, s.over_on) if s.over_on else last}
        for s in t.transitions if t.seats
    ]  # fmt: skip
    yield from layer({"type": "rect", "color": ink.shade, "opacity": 0.8}, spans, x=sheet.x(), x2={"field": "until"})
    named = [span | {"says": "transition"} for span in spans]
    yield from layer(
        {"type": "text", "align": "right", "baseline": "top", "dx": -3, "dy": 2, "fontStyle": "italic"}, named,
        x=sheet.x(field="until"), y={"value": 0}, text={"field": "says"},
    )  # fmt: skip
    gaps = [{"at": at, "says": f"{weeks} weeks"} for at, weeks in long_gaps(sheet)]
    yield from layer({"type": "rule", "color": ink.faint, "strokeDash": [6, 2, 1, 2]}, gaps, x=sheet.x())
    yield from layer({"type": "text", "align": "left", "baseline": "bottom", "dx": 3}, gaps, x=sheet.x(),
                     y={"value": height - 14}, text={"field": "says"})  # fmt: skip
    onsets = [{"at": t.position(r.session_id, r.happened_on)} for r in t.ruptures]
    yield from layer({"type": "rule", "color": ink.faint, "strokeDash": [1, 3]}, onsets, x=sheet.x())
    missed = [{"at": place} for place, seat in enumerate(t.seats) if seat.status is not SessionPhase.HELD]
    yield from layer(
        {"type": "point", "shape": CROSS, "size": 26, "stroke": ink.text, "strokeWidth": 1.4, "opacity": 1}, missed,
        x=sheet.x(), y={"value": height - 6},
    )  # fmt: skip


def long_gaps(sheet: Sheet) -> Iterator[tuple[float, int]]:
    """Where so much time passed that a new run begins, and how many weeks that was."""
    for place, (one, other) in enumerate(pairwise(sheet.trajectory.seats)):
        if (gap := other.starts_at - one.starts_at) > LONGEST_GAP:
            yield place + 0.5, gap.days // 7


def limit_layers(sheet: Sheet, panel: Panel, y: Spec) -> Iterator[Spec]:
    """Baseline means and lower limits, as far as their runs reach."""
    low = panel.low
    means, lowers = [], []
    for line in panel.lines:
        for fixed in line.limits:
            reach = {"rater": line.rater, "at": fixed.start - 0.3, "until": fixed.end + 0.3}
            means.append(reach | {"score": fixed.mean})
            # What lies under the scale can not be reached, so there is nothing to draw.
            lowers += [reach | {"score": fixed.lower}] if fixed.lower >= low else []
    for rows, dash, width in ((means, [1, 0], 0.8), (lowers, [3, 3], 1.2)):
        yield from layer({"type": "rule", "strokeDash": dash, "strokeWidth": width, "opacity": 0.75}, rows,
                         x=sheet.x(), x2={"field": "until"}, y=y, **sheet.by_rater("color"))  # fmt: skip


def line_layers(sheet: Sheet, panel: Panel, y: Spec) -> Iterator[Spec]:
    """What each rater said: a mark for every score, and a line where one follows the other."""
    t = sheet.trajectory
    rows = [
        {"at": p.position, "score": round(p.score, 4), "rater": line.rater, "piece": f"{line.rater} {p.piece}",
         "session": t.seats[p.position].ordinal, "date": t.seats[p.position].starts_at.date().isoformat()}
        for line in panel.lines for p in line.points
    ]  # fmt: skip
    width = 2 if sheet.step > 8 else 1.4
    yield from layer({"type": "line", "strokeWidth": width}, rows, x=sheet.x(), y=y, detail={"field": "piece"},
                     **sheet.by_rater("color", "strokeDash"))  # fmt: skip
    size = 44 if sheet.step > 14 else 24 if sheet.step > 8 else 12
    yield from layer({"type": "point", "filled": True, "size": size, "opacity": 1}, rows, x=sheet.x(), y=y,
                     **sheet.by_rater("color", "shape"))  # fmt: skip


def signal_layers(sheet: Sheet, panel: Panel, y: Spec) -> Iterator[Spec]:
    """A triangle under the score it was seen at; at the bottom, where it was not seen in one score."""
    t, ink, low = sheet.trajectory, sheet.ink, panel.low
    under = (panel.high - low) * 0.075
    rows: dict[tuple[float, float], Spec] = {}
    for seen in t.signals:
        if panel is home(t, seen):
            at = t.position(seen.session_id, t.last_day)
            score = scores(panel).get((seen.rater, seen.session_id), low)
            # One mark for all that was seen at one place; filled, if any of it is sure.
            sure = seen.certainty is Certainty.CONFIRMED or rows.get((at, score), {}).get("sure", False)
            rows[at, score] = {"at": at, "score": max(score - under, low - under), "sure": sure}
    yield from layer(
        {"type": "point", "shape": "triangle-up", "size": 60, "stroke": ink.signal, "strokeWidth": 1.6, "opacity": 1},
        list(rows.values()), x=sheet.x(), y=y, fill=filled("datum.sure", ink.signal, ink.ground),
    )  # fmt: skip


def home(t: Trajectory, seen: SignalMark) -> Panel:
    """The panel a signal belongs in: that of the score it was seen in, of its session, or the first."""
    own = (p for p in t.panels if (seen.rater, seen.session_id) in scores(p))
    near = (p for p in t.panels if any(session_id == seen.session_id for _, session_id in scores(p)))
    return next(own, None) or next(near, t.panels[0])


def scores(panel: Panel) -> dict[tuple[str | None, UUID], float]:
    """Every score of a panel, by rater and session."""
    return {(line.rater, p.session_id): p.score for line in panel.lines for p in line.points}


def filled(test: str, color: str, ground: str) -> Spec:
    """Filled where the test holds, hollow where it does not."""
    return {"condition": {"test": test, "value": color}, "value": ground}


def session_axis(sheet: Sheet) -> Spec:
    """The axis under the last plot: the numbers of the held sessions, and between which days they lie."""
    seats = sheet.trajectory.seats
    places = numbered(sheet)
    numbers = "".join(f"datum.value === {place} ? '{seats[place].ordinal}' : " for place in places)
    title = "Session"
    if seats:
        days = [f"{d.day} {MONTHS[d.month - 1][:3]} {d.year}" for d in (seats[0].starts_at, seats[-1].starts_at)]
        title = f"Session, {' to '.join(dict.fromkeys(days))}"
    return {
        "values": places, "labelExpr": f"{numbers}''", "title": title, "grid": False, "titleFontWeight": "normal",
        "titleFontSize": SMALL, "titleColor": sheet.ink.text, "titlePadding": 4, "labelFlush": 7,
    }  # fmt: skip


def numbered(sheet: Sheet) -> list[int]:
    """The positions whose session number is written: as many as can be read."""
    held = {seat.ordinal: place for place, seat in enumerate(sheet.trajectory.seats) if seat.ordinal}
    every = next((n for n in (1, 2, 5, 10, 20, 50) if n * sheet.step >= 24), 100)
    first = every > 2  # beside a 2, the 1 would only crowd it
    return [place for ordinal, place in held.items() if ordinal % every == 0 or (first and ordinal == 1)]


def empty_view(sheet: Sheet) -> Spec:
    """What is drawn where there is nothing to draw yet."""
    middle = max(len(sheet.trajectory.seats), 1) / 2 - 0.5
    y = {"field": "y", "type": "quantitative", "scale": {"domain": [0, 1]},
         "axis": {"values": [], "title": None, "minExtent": AXIS, "maxExtent": AXIS}}  # fmt: skip
    said = layer({"type": "text", "fontSize": 13}, [{"at": middle, "y": 0.5, "says": "No ratings yet"}],
                 x=sheet.x(), y=y, text={"field": "says"})  # fmt: skip
    return {"width": sheet.width, "height": 80, "layer": [*behind(sheet, 80), *said]}


# -- ruptures and repairs --------------------------------------------------------------------------------------------

ROW = 30
"""The height of one rupture's row, in pixels."""
ONSET, BEGUN, CONCLUDED = "triangle-down", "circle", "diamond"


def ruptures_view(sheet: Sheet) -> Spec:
    """A row for each rupture: its onset, every attempt at mending it, and how that came out."""
    rows = [course(sheet, mark, place) for place, mark in enumerate(sheet.trajectory.ruptures)]
    ink, height = sheet.ink, ROW * len(rows)
    y = {"field": "y", "type": "quantitative", "scale": None, "axis": None}
    x = sheet.x()
    marks = [mark for row in rows for mark in row["marks"]]
    look = {"type": "point", "opacity": 1, "strokeWidth": 1.6, "size": 60}
    onsets = [m for m in marks if m["shape"] == ONSET]
    steps = [m for m in marks if m["shape"] != ONSET]
    shape = {"field": "shape", "type": "nominal", "scale": None}
    text = {"type": "text", "baseline": "middle"}
    return {
        "width": sheet.width, "height": height, "title": "Ruptures and repairs",
        "layer": [
            *layer({"type": "rule", "color": ink.faint}, [row["span"] for row in rows],
                   x=x, x2={"field": "until"}, y=y),
            *layer(look | {"shape": ONSET, "stroke": ink.text, "size": 70}, onsets, x=x, y=y,
                   fill=filled("datum.sure", ink.text, ink.ground)),
            *layer(look | {"stroke": ink.repair}, steps, x=x, y=y, shape=shape,
                   fill=filled("datum.sure", ink.repair, ink.ground)),
            *(part for align in ("left", "right") for part in layer(
                text | {"align": align}, [row["label"] for row in rows if row["align"] == align], x=x, y=y,
                text={"field": "says"})),
        ],
    }  # fmt: skip


def course(sheet: Sheet, mark: RuptureMark, place: int) -> Spec:
    """One row, in numbers."""
    t = sheet.trajectory
    onset = t.position(mark.session_id, mark.happened_on)
    # To the edge but for the line's own width: what is wider than the plot makes the picture wider.
    end = max(len(t.seats), 1) - 0.5 - 2 / sheet.step
    line, label = place * ROW + 21, place * ROW + 7
    marks = [{"at": onset, "y": line, "shape": ONSET, "sure": mark.phase is not RupturePhase.SUSPECTED}]
    for repair in mark.repairs:
        begun = max(t.position(None, repair.begun_on), onset)
        marks.append({"at": begun, "y": line, "shape": BEGUN, "sure": False})
        if repair.concluded_on:
            over = max(t.position(None, repair.concluded_on), begun)
            marks.append({"at": over, "y": line, "shape": CONCLUDED, "sure": repair.outcome is Outcome.REPAIRED})
    open_ = mark.phase in (RupturePhase.SUSPECTED, *OPEN)
    right = sheet.px(onset) > sheet.width / 2
    says = f"{mark.type if mark.type is not RuptureType.UNSPECIFIED else 'type not said'}, {words(mark.phase)}"
    return {
        "span": {"at": onset, "until": end if open_ else max(m["at"] for m in marks), "y": line},
        "marks": marks, "align": "right" if right else "left",
        "label": {"at": max(m["at"] for m in marks) if right else onset, "y": label, "says": says},
    }  # fmt: skip


# -- the legend ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Key:
    """One entry of the legend."""

    says: str
    shape: str = ""
    color: str = ""
    fill: str = ""
    rater: str = ""
    dash: Sequence[int] = ()
    """Of a line drawn through it, where it has one."""


def keys(sheet: Sheet) -> Iterator[Key]:
    """What is drawn, and so needs to be told apart; in the picture's own order."""
    t, ink = sheet.trajectory, sheet.ink
    drawn = {line.rater for panel in t.panels for line in panel.lines}
    for rater, shape, dash, color in zip(RATERS, SHAPES, DASHES, ink.raters, strict=True):
        if rater in drawn:
            yield Key(rater.capitalize(), shape, color, color, rater, dash)
    if any(line.limits for panel in t.panels for line in panel.lines):
        yield Key("Baseline mean", color=ink.faint, dash=(1, 0))
        yield Key("Lower limit", color=ink.faint, dash=(3, 3))
    sure = {s.certainty is Certainty.CONFIRMED for s in t.signals}
    if False in sure:
        yield Key("Signal, provisional", "triangle-up", ink.signal, ink.ground)
    if True in sure:
        yield Key("Signal", "triangle-up", ink.signal, ink.signal)
    if t.ruptures:
        yield Key("Rupture", ONSET, ink.text, ink.text)
    repairs = [repair for rupture in t.ruptures for repair in rupture.repairs]
    if repairs:
        yield Key("Repair begun", BEGUN, ink.repair, ink.ground)
    if any(repair.concluded_on for repair in repairs):
        yield Key("Repair concluded", CONCLUDED, ink.repair, ink.repair)
    if any(seat.status is not SessionPhase.HELD for seat in t.seats):
        yield Key("Missed", CROSS, ink.text, ink.text)


def legend_views(sheet: Sheet) -> Iterator[Spec]:
    """The legend, in as many rows as the width asks for."""
    marks, lines, x, row = [], [], 0.0, 0
    for key in keys(sheet):
        wide = 24 + text_width(key.says)
        if x and x + wide > sheet.width:
            x, row = 0.0, row + 1
        place = {"x": x + 9, "y": row * 17 + 7, "says": key.says, "shape": key.shape}
        marks.append(place | {"color": key.color, "fill": key.fill})
        if key.dash:
            lines.append(place | {"color": key.color, "dash": list(key.dash), "x": x, "x2": x + 18})
        x += wide + 12
    if not marks:
        return
    at = {name: {"field": name, "type": "quantitative", "scale": None, "axis": None} for name in ("x", "y")}
    look = {name: {"field": name, "type": "nominal", "scale": None} for name in ("shape", "fill")}
    stroke = {"field": "color", "type": "nominal", "scale": None}
    yield {
        "width": sheet.width, "height": (row + 1) * 17,
        "layer": [
            *layer({"type": "rule", "strokeWidth": 1.6}, lines, **at, x2={"field": "x2"}, color=stroke,
                   strokeDash={"field": "dash", "type": "nominal", "scale": None}),
            *layer({"type": "point", "size": 40, "opacity": 1, "strokeWidth": 1.4}, [m for m in marks if m["shape"]], **at, **look,
                   stroke=stroke),
            *layer({"type": "text", "align": "left", "baseline": "middle", "dx": 13}, marks, **at,
                   text={"field": "says"}),
        ],
    }  # fmt: skip


def text_width(says: str) -> float:
    """About how wide a small text is, in pixels."""
    return sum(0.25 if c in "ijlt,. " else 0.75 if c in "mMW" else 0.68 if c.isupper() else 0.55 for c in says) * SMALL
