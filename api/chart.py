"""A trajectory as a Vega-Lite specification: a pure function of what is to be drawn, how wide, and on what ground."""

import html
from collections.abc import Iterator
from datetime import date
from itertools import pairwise
from uuid import UUID

from api.legend import legend_views
from api.sheet import (
    AXIS,
    BEGUN,
    BIG,
    CONCLUDED,
    CROSS,
    EDGE,
    INKS,
    ONSET,
    SAID,
    SEEN,
    SMALL,
    USUAL,
    Ink,
    Sheet,
    Spec,
    Theme,
    filled,
    fitted,
    layer,
    printable,
)
from domain.detection import LONGEST_GAP, Certainty, SignalKind
from domain.repair import Outcome
from domain.rupture import OPEN, RupturePhase, RuptureType
from domain.session import SessionPhase
from domain.telling import MONTHS, number, words
from domain.trajectory import Panel, RuptureMark, SignalMark, Trajectory

SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
# The renderer carries the first of these; a browser that shows the SVG may have one of the others.
FONT = "Liberation Sans, Arial, Helvetica, sans-serif"


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


def titled(svg: bytes, summary: str) -> bytes:
    """The same picture with a name and a description, for those who do not see it."""
    root, _, rest = svg.decode().partition(">")
    named = f'{root} role="img" aria-labelledby="title desc">'
    title = '<title id="title">The alliance from session to session</title>'
    return f'{named}{title}<desc id="desc">{html.escape(printable(summary))}</desc>{rest}'.encode()


def config(ink: Ink) -> Spec:
    """What holds everywhere."""
    return {
        # The whole picture has one description; a label on each of a hundred marks would only be read out after it.
        "aria": False, "font": FONT, "view": {"stroke": None},
        "text": {"fontSize": SMALL, "color": ink.text},
        "title": {"fontSize": BIG, "fontWeight": "bold", "color": ink.text, "anchor": "start", "offset": 6, "limit": 0,
                  "subtitleFontSize": SMALL, "subtitleColor": ink.text, "subtitlePadding": 2, "frame": "group"},
        "axis": {
            "domain": False, "ticks": False, "labelColor": ink.text, "labelFontSize": SMALL, "labelOverlap": False,
            "labelLimit": 0, "gridColor": ink.shade,
        },
    }  # fmt: skip


# -- the instruments -------------------------------------------------------------------------------------------------


def panel_view(sheet: Sheet, panel: Panel) -> Spec:
    """One instrument on its own range, with everything that lies behind its lines."""
    height = 170
    # Marks at the very top and bottom of the range are drawn in full, and there is room for a signal under one.
    room = (panel.high - panel.low) * 0.09
    ticks = scale_ticks(panel.low, panel.high)
    y = {"field": "score", "type": "quantitative",
         "scale": {"domain": [panel.low - room, panel.high + room], "nice": False, "zero": False},
         "axis": {"values": ticks, "title": None, "grid": True, "format": "~f", "minExtent": AXIS,
                  "maxExtent": AXIS}}  # fmt: skip
    return {
        "width": sheet.width, "height": height,
        "title": {"text": fitted(panel.title, sheet.width),
                  "subtitle": f"mean per item, {number(panel.low)} to {number(panel.high)}"},
        "layer": [*behind(sheet, height), *limit_layers(sheet, panel, y), *line_layers(sheet, panel, y),
                  *signal_layers(sheet, panel, y)],
    }  # fmt: skip


def scale_ticks(low: float, high: float) -> list[float]:
    """A few numbers from one end of a scale to the other; round ones, where they fit."""
    step = next((s for s in (0.5, 1, 2, 5, 10, 20) if (high - low) / s in range(1, 7)), (high - low) / 4)
    return [round(low + n * step, 3) for n in range(round((high - low) / step) + 1)]


def behind(sheet: Sheet, height: int) -> Iterator[Spec]:
    """The transition phase, the onset of ruptures, and sessions that were missed."""
    t, ink = sheet.trajectory, sheet.ink
    last = len(t.sessions) - 0.5
    spans = [
        {"at": t.position(None, s.begun_on), "until": t.position(None, s.over_on) if s.over_on else last}
        for s in t.transitions if t.sessions
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
    onsets = [{"at": sheet.place(r.session_id, r.happened_on)} for r in t.ruptures]
    yield from layer({"type": "rule", "color": ink.faint, "strokeDash": [1, 3]}, onsets, x=sheet.x())
    missed = [{"at": place} for place, seat in enumerate(t.sessions) if seat.status is not SessionPhase.HELD]
    yield from layer(
        {"type": "point", "shape": CROSS, "size": 26, "stroke": ink.text, "strokeWidth": 1.4, "opacity": 1}, missed,
        x=sheet.x(), y={"value": height - 6},
    )  # fmt: skip


def long_gaps(sheet: Sheet) -> Iterator[tuple[float, int]]:
    """Where so much time passed that a new run begins, and how many weeks that was."""
    for place, (one, other) in enumerate(pairwise(sheet.trajectory.sessions)):
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
            # What lies under the scale cannot be reached, so there is nothing to draw.
            lowers += [reach | {"score": fixed.lower}] if fixed.lower >= low else []
    for rows, dash, width in ((means, [1, 0], 0.8), (lowers, [3, 3], 1.2)):
        yield from layer({"type": "rule", "strokeDash": dash, "strokeWidth": width, "opacity": 0.75}, rows,
                         x=sheet.x(), x2={"field": "until"}, y=y, **sheet.by_rater("color"))  # fmt: skip


def line_layers(sheet: Sheet, panel: Panel, y: Spec) -> Iterator[Spec]:
    """What each rater said: a mark for every score, and a line where one follows the other."""
    t = sheet.trajectory
    rows = [
        {"at": p.position, "score": round(p.score, 4), "rater": line.rater, "piece": f"{place} {p.piece}",
         "session": t.sessions[p.position].ordinal, "date": t.sessions[p.position].starts_at.date().isoformat()}
        for place, line in enumerate(panel.lines) for p in line.points
    ]  # fmt: skip
    width = 2 if sheet.step > 8 else 1.4
    yield from layer({"type": "line", "strokeWidth": width}, rows, x=sheet.x(), y=y, detail={"field": "piece"},
                     **sheet.by_rater("color", "strokeDash"))  # fmt: skip
    size = 44 if sheet.step > 14 else 24 if sheet.step > 8 else 12
    yield from layer({"type": "point", "filled": True, "size": size, "opacity": 1}, rows, x=sheet.x(), y=y,
                     **sheet.by_rater("color", "shape"))  # fmt: skip


def signal_layers(sheet: Sheet, panel: Panel, y: Spec) -> Iterator[Spec]:
    """A triangle under the score it was seen at, at the bottom where it was not seen in one; what was said, above."""
    t, ink, low = sheet.trajectory, sheet.ink, panel.low
    off = (panel.high - low) * 0.075
    rows: dict[tuple[float, float], Spec] = {}
    said: dict[tuple[float, float], Spec] = {}
    for seen in t.signals:
        if panel is home(t, seen):
            at = sheet.place(seen.session_id, t.last_day)
            score = scores(panel).get((seen.rater, seen.session_id), low)
            if seen.kind is SignalKind.DIRECT_REPORT:
                said[at, score] = {"at": at, "score": score + off}
                continue
            # One mark for all that was seen at one place; filled, if any of it is sure.
            sure = seen.certainty is Certainty.CONFIRMED or rows.get((at, score), {}).get("sure", False)
            rows[at, score] = {"at": at, "score": max(score - off, low - off / 2), "sure": sure}
    yield from layer(
        {"type": "point", "shape": SEEN, "size": 60, "stroke": ink.signal, "strokeWidth": 1.6, "opacity": 1},
        list(rows.values()), x=sheet.x(), y=y, fill=filled("datum.sure", ink.signal, ink.ground),
    )  # fmt: skip
    yield from layer(
        {"type": "point", "shape": SAID, "size": 80, "stroke": ink.text, "fill": ink.ground, "strokeWidth": 1.4,
         "opacity": 1}, list(said.values()), x=sheet.x(), y=y,
    )  # fmt: skip


def home(t: Trajectory, seen: SignalMark) -> Panel:
    """The panel a signal belongs in: that of the score it was seen in, of its session, or the first."""
    own = (p for p in t.panels if (seen.rater, seen.session_id) in scores(p))
    near = (p for p in t.panels if any(session_id == seen.session_id for _, session_id in scores(p)))
    return next(own, None) or next(near, t.panels[0])


def scores(panel: Panel) -> dict[tuple[str | None, UUID], float]:
    """Every score of a panel, by rater and session."""
    return {(line.rater, p.session_id): p.score for line in panel.lines for p in line.points}


def session_axis(sheet: Sheet) -> Spec:
    """The axis under the last plot: the numbers of the held sessions, and between which days they lie."""
    seats = sheet.trajectory.sessions
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
    held = {seat.ordinal: place for place, seat in enumerate(sheet.trajectory.sessions) if seat.ordinal}
    every = next((n for n in (1, 2, 5, 10, 20, 50) if n * sheet.step >= 24), 100)
    first = every > 2  # beside a 2, the 1 would only crowd it
    return [place for ordinal, place in held.items() if ordinal % every == 0 or (first and ordinal == 1)]


def empty_view(sheet: Sheet) -> Spec:
    """What is drawn where there is nothing to draw yet."""
    middle = max(len(sheet.trajectory.sessions), 1) / 2 - 0.5
    y = {"field": "y", "type": "quantitative", "scale": {"domain": [0, 1]},
         "axis": {"values": [], "title": None, "minExtent": AXIS, "maxExtent": AXIS}}  # fmt: skip
    said = layer({"type": "text", "fontSize": BIG}, [{"at": middle, "y": 0.5, "says": "No ratings yet"}],
                 x=sheet.x(), y=y, text={"field": "says"})  # fmt: skip
    return {"width": sheet.width, "height": 80, "layer": [*behind(sheet, 80), *said]}


# -- ruptures and repairs --------------------------------------------------------------------------------------------

ROW, MOST = 30, 12
"""The height of one rupture's row in pixels, and how many rows there are at most: the latest."""


def ruptures_view(sheet: Sheet) -> Spec:
    """A row for each rupture: its onset, every attempt at mending it, and how that came out."""
    ruptures = sheet.trajectory.ruptures
    rows = [course(sheet, mark, place) for place, mark in enumerate(ruptures[-MOST:])]
    title = f"Ruptures and repairs{f', the latest {MOST} of {len(ruptures)}' if len(ruptures) > MOST else ''}"
    ink, height = sheet.ink, ROW * len(rows)
    y = {"field": "y", "type": "quantitative", "scale": None, "axis": None}
    x = sheet.x()
    marks = [mark for row in rows for mark in row["marks"]]
    look = {"type": "point", "opacity": 1, "strokeWidth": 1.6, "size": 50}
    onsets = [m for m in marks if m["shape"] == ONSET]
    steps = [m for m in marks if m["shape"] != ONSET]
    shape = {"field": "shape", "type": "nominal", "scale": None}
    text = {"type": "text", "baseline": "middle"}
    return {
        "width": sheet.width, "height": height, "title": title,
        "layer": [
            *layer({"type": "rule", "color": ink.faint}, [row["span"] for row in rows],
                   x=x, x2={"field": "until"}, y=y),
            *layer(look | {"stroke": ink.repair}, steps, x=x, y=y, shape=shape,
                   fill=filled("datum.sure", ink.repair, ink.ground)),
            *layer(look | {"shape": ONSET, "stroke": ink.text, "size": 70}, onsets, x=x, y=y,
                   fill=filled("datum.sure", ink.text, ink.ground)),
            *(part for align in ("left", "right") for part in layer(
                text | {"align": align}, [row["label"] for row in rows if row["align"] == align], x=x, y=y,
                text={"field": "says"})),
        ],
    }  # fmt: skip


def course(sheet: Sheet, mark: RuptureMark, place: int) -> Spec:
    """One row, in numbers."""
    onset, line = sheet.place(mark.session_id, mark.happened_on), place * ROW + 21
    last = onset
    marks: list[Spec] = [{"at": onset, "y": line, "shape": ONSET, "sure": mark.phase is not RupturePhase.SUSPECTED}]
    for repair in mark.repairs:
        # A day before the session it belongs to is a slip of the calendar; a row runs forward.
        last = max(sheet.place(None, repair.begun_on), last)
        marks.append({"at": last, "y": line, "shape": BEGUN, "sure": False})
        if repair.concluded_on:
            last = max(sheet.place(None, repair.concluded_on), last)
            marks.append({"at": last, "y": line, "shape": CONCLUDED, "sure": repair.outcome is Outcome.REPAIRED})
    lasts = mark.phase in (RupturePhase.SUSPECTED, *OPEN)
    edge = sheet.place(None, date.max)
    right = sheet.px(onset) > sheet.width / 2
    kind = mark.type if mark.type is not RuptureType.UNSPECIFIED else "type not said"
    label = {"at": last if right else onset, "y": place * ROW + 7, "says": f"{kind}, {words(mark.phase)}"}
    return {
        "span": {"at": onset, "until": edge if lasts else last, "y": line},
        "marks": marks, "align": "right" if right else "left", "label": label,
    }  # fmt: skip
