"""The legend of a trajectory: what is drawn, and nothing else, in as many rows as the width asks for."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from api.sheet import (
    BEGUN,
    CONCLUDED,
    CROSS,
    DASHES,
    ONSET,
    RATERS,
    SAID,
    SEEN,
    SHAPES,
    SMALL,
    Sheet,
    Spec,
    layer,
    text_width,
)
from domain.detection import Certainty, SignalKind
from domain.session import SessionPhase


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
    told = {s.rater for s in t.signals if s.kind is SignalKind.DIRECT_REPORT}
    sure = {s.certainty is Certainty.CONFIRMED for s in t.signals if s.kind is not SignalKind.DIRECT_REPORT}
    if False in sure:
        yield Key("Signal, provisional", SEEN, ink.signal, ink.ground)
    if True in sure:
        yield Key("Signal", SEEN, ink.signal, ink.signal)
    if told:
        by = f"by the {next(iter(told))}" if len(told) == 1 else "when asked"
        yield Key(f"Said {by}", SAID, ink.text, ink.ground)
    if t.ruptures:
        yield Key("Rupture", ONSET, ink.text, ink.text)
    repairs = [repair for rupture in t.ruptures for repair in rupture.repairs]
    if repairs:
        yield Key("Repair begun", BEGUN, ink.repair, ink.ground)
    if any(repair.concluded_on for repair in repairs):
        yield Key("Repair concluded", CONCLUDED, ink.repair, ink.repair)
    if any(seat.status is not SessionPhase.HELD for seat in t.sessions):
        yield Key("Missed", CROSS, ink.text, ink.text)


def legend_views(sheet: Sheet) -> Iterator[Spec]:
    """The legend, in as many rows as the width asks for."""
    marks, lines, x, row = [], [], 0.0, 0
    for key in keys(sheet):
        wide = 24 + text_width(key.says, SMALL)
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
            *layer({"type": "point", "size": 40, "opacity": 1, "strokeWidth": 1.4},
                   [mark for mark in marks if mark["shape"]], **at, **look, stroke=stroke),
            *layer({"type": "text", "align": "left", "baseline": "middle", "dx": 13}, marks, **at,
                   text={"field": "says"}),
        ],
    }  # fmt: skip
