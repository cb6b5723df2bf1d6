"""What every part of one picture shares: its width, its one axis of sessions, its colours, and what tells raters apart.

Raters are told apart three times over, by shape, dash and colour, so that the picture can be read in grey and by
colour-blind readers. The colours are those of Okabe and Ito (2008) or, where they would be too pale, darker ones.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any
from uuid import UUID

from domain.detection import Rater
from domain.trajectory import Trajectory

Spec = dict[str, Any]
NARROWEST, USUAL, WIDEST = 360, 720, 1600
"""Widths of the whole picture, in CSS pixels."""
AXIS, EDGE = 30, 10
"""What the scale's numbers take at the left, and what stays empty around everything."""
SMALL, BIG, BOLD = 11, 13, 1.08
"""The sizes of texts and of titles, in pixels, and how much wider the titles are for being bold."""
RATERS = tuple(Rater)
SHAPES = ("circle", "square", "diamond", "triangle-right")
DASHES: tuple[Sequence[int], ...] = ((1, 0), (7, 4), (2, 3), (9, 3, 2, 3))
CROSS, SEEN, ONSET, BEGUN, CONCLUDED = "M-1,-1L1,1M-1,1L1,-1", "triangle-up", "triangle-down", "circle", "diamond"
"""The marks of what is no score: a missed session, a signal, a rupture, and a repair's two ends."""
SAID = "M-1,-0.9H1V0.4H0L-0.6,1V0.4H-1Z"
"""A speech bubble: that somebody said there was a problem, which is no statistic."""


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
        return self.width / max(len(self.trajectory.sessions), 1)

    def x(self, **more: Any) -> Spec:
        """The one axis of all plots: the sessions in order, evenly spaced."""
        ends = [-0.5, max(len(self.trajectory.sessions), 1) - 0.5]
        return {"field": "at", "type": "quantitative", "scale": {"domain": ends, "nice": False, "zero": False},
                "axis": None, **more}  # fmt: skip

    def place(self, session_id: UUID | None, on: date) -> float:
        """Where a mark belongs; a little off the edges, for what juts out of the plot makes the picture wider."""
        most, edge = max(len(self.trajectory.sessions), 1) - 0.5, 7 / self.step
        return min(max(self.trajectory.position(session_id, on), edge - 0.5), most - edge)

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


def layer(mark: Spec, rows: Sequence[Spec], **encoding: Spec) -> Iterator[Spec]:
    """A layer with its data, where there is any."""
    if rows:
        yield {"data": {"values": list(rows)}, "mark": mark, "encoding": encoding}


def filled(test: str, color: str, ground: str) -> Spec:
    """Filled where the test holds, hollow where it does not."""
    return {"condition": {"test": test, "value": color}, "value": ground}


def fitted(says: str, width: float) -> str:
    """A title that fits into a width; the end of a longer one is left out."""
    says = printable(says)
    if text_width(says, BIG * BOLD) <= width:
        return says
    while says and text_width(f"{says}…", BIG * BOLD) > width:
        says = says[:-1].rstrip()
    return f"{says}…"


def printable(says: str) -> str:
    """A text without control characters, which XML cannot hold."""
    return "".join(c for c in says if c.isprintable())


def text_width(says: str, size: float) -> float:
    """About how wide a text is, in pixels."""
    return sum(0.25 if c in "ijlt,. " else 0.75 if c in "mMW" else 0.68 if c.isupper() else 0.55 for c in says) * size
