"""What came out: as tables on the screen, and as the page openapi/detection.md."""

from dataclasses import dataclass
from math import isnan

from rich.console import Console
from rich.table import Table

from tests.study.count import Sensitivity, Share
from tests.study.figures import LEFT_OUT, QUIET, SIZES, Sizes, Study, identity
from tests.study.mending import DEPTHS
from tests.study.population import NORMS, Population

PLAIN = (
    "Scores miss most small ruptures. Asking is the best detector: a client who is asked directly, and says so, "
    "outranks everything on this page. No score, however good, says that there was no rupture."
)


@dataclass(frozen=True)
class Sheet:
    """One table, before it is known where it is shown."""

    title: str
    says: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def share(told: Share) -> str:
    """As 0.38, or nothing where nothing was counted."""
    return "" if isnan(told.value) else f"{told.value:.2f}"


def hundred(told: Share) -> str:
    """For each hundred sessions."""
    return f"{100 * told.value:.1f}"


def with_error(told: Share) -> str:
    """With its standard error."""
    return f"{told.value:.3f} ± {told.error:.3f}"


def soon(told: Sensitivity) -> str:
    """How long it took."""
    return "" if isnan(told.delay) else f"{told.delay:.1f}"


def sheets(study: Study, sizes: Sizes = SIZES) -> tuple[Sheet, ...]:
    """Every table of the study."""
    point = study.curve.points
    return (
        Sheet(
            "The default set, from scores alone",
            f"{100 * study.curve.alarms.value:.2f} false alarms in 100 stable scored sessions "
            f"({study.curve.alarms.of:,} sessions). The oracle knows the client's mean, SD and memory, and the V's depth "
            "and shape; its limit allows 3.00. No detector can know that: a figure above the oracle's means that the "
            "study counts wrongly. At depth 0 nothing happens: that line is chance.",
            ("depth, SD", "scores alone", "with reports in half of the ruptures", "oracle"),
            tuple(
                (f"{p.depth:.1f}", with_error(p.scores), share(p.reported), "" if isnan(p.oracle) else f"{p.oracle:.2f}")
                for p in point
            ),
        ),
        Sheet(
            "Every detector",
            f"With its default parameters, on the {sizes.labelled:,} labelled courses. The client says so in half of the "
            "V-shaped ruptures and in all that are repaired within the session. A dip is seen if a signal is raised "
            "while it lasts. False alarms are for 100 stable scored sessions; sensitivity is the share of ruptures seen; "
            "the delay is in sessions after the onset, of those seen; what is repaired within its session is seen in it or "
            "not at all. Read sensitivity and false alarms together: whoever raises a signal at every session sees "
            f"everything. Not in the table: {left_out()}.",
            (
                "detector", "false alarms", "V, 1.5 SD", "delay", "V, 3 SD", "delay", "slow decline, sudden repair", "delay",
                "decline without repair", "delay", "divergence", "delay", "repaired within the session",
            ),
            tuple(
                (
                    row.name, hundred(row.alarms), share(row.small.seen), soon(row.small), share(row.large.seen),
                    soon(row.large), share(row.slow.seen), soon(row.slow), share(row.unrepaired.seen),
                    soon(row.unrepaired), share(row.apart.seen), soon(row.apart), share(row.no_dip.seen),
                )
                for row in study.rows
            ),
        ),
        Sheet(
            "Signals where nothing happens but in the measuring",
            "For 100 scored sessions: clients who nearly always give the best score, clients who swing two and a half "
            "times as far as usual, and clients whose scores are 2 SD lower after two months without a session or with "
            "another version of the form, which no detector may compare. All are wrong but those of `ceiling_run` in the "
            "first column.",
            ("detector", *QUIET),
            tuple((row.name, *map(hundred, row.quiet)) for row in study.rows),
        ),
        Sheet(
            "Where the figures are wrong",
            "`shrunk_prediction` leans on a reference population. The first lines give it figures that are 30 % off; the "
            "last ones let it meet other clients than those it was tried on.",
            ("what is wrong", "false alarms", "V, 1.5 SD", "V, 3 SD"),
            tuple((w.says, hundred(w.alarms), share(w.small), share(w.large)) for w in study.wrong),
        ),
        Sheet(
            "When a dip counts as over",
            "The share of the dips that `shrunk_prediction` sees of which each rule says that they are over, within a "
            "window of held sessions after the onset. It is wrong about every drop that lasts: there the scores only "
            "swing. The default is the strictest rule by score, with the shorter window, beside the client's own word: a "
            "dip that is called over is one nobody asks about again, and one that is not is a reason to ask.",
            ("rule", "window", *(f"lasting, {d:.1f} SD" for d in DEPTHS), *(f"V, {d:.1f} SD" for d in DEPTHS)),
            tuple((m.rule, str(m.window), *map(share, (*m.lasting, *m.ended))) for m in study.mended),
        ),
    )  # fmt: skip


def left_out() -> str:
    """The detectors that are not in the table, and why."""
    return "; ".join(f"`{name}`, since {why}" for name, why in LEFT_OUT.items())


def show(console: Console, study: Study) -> None:
    """The tables, and the plain statement."""
    for sheet in sheets(study):
        console.print(sheet.title, style="bold")
        console.print(sheet.says)
        table = Table()
        for place, column in enumerate(sheet.columns):
            table.add_column(column, justify="right" if place else "left", no_wrap=not place)
        for row in sheet.rows:
            table.add_row(*row)
        console.print(table)
        console.print()
    console.print(PLAIN, style="bold")


def page(study: Study, sizes: Sizes = SIZES) -> str:
    """openapi/detection.md."""
    parts = [
        "# What the detectors see",
        f"Written by `uv run python -m tests.study --write`; simulated, not clinical data. Study `{identity(sizes)}`.",
        f"**{PLAIN}**",
        ABOUT,
        "What each detector may be set to, and why the default set is what it is: [detectors.md](detectors.md).",
    ]
    for sheet in sheets(study, sizes):
        parts += [f"## {sheet.title}", sheet.says, markdown(sheet)]
    return "\n\n".join(parts) + "\n"


def markdown(sheet: Sheet) -> str:
    """A table in a page."""
    lines = [sheet.columns, ("---", *("---:" for _ in sheet.columns[1:])), *sheet.rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


POPULATION = Population()
ABOUT = f"""\
A depth is in the SD of the client's own scores while nothing happens. A V falls from one session to the next, is over
after one to three sessions and regains 29 % of its depth at each. False alarms are counted for each scored session, the
first four among them, in which most detectors are silent; a signal counts at the session at which it is raised.

The clients: means around {POPULATION.mean} (SD {POPULATION.between}) on a form of {NORMS.items} items from {NORMS.low} to
{NORMS.high}, SDs within clients around {POPULATION.within} (SD of the logarithm {POPULATION.spread}), autocorrelation
{POPULATION.memory[0]} to {POPULATION.memory[1]}, {POPULATION.sessions} weekly sessions, whole answers and a ceiling. They
are not those of the norms that the detectors get: mean {NORMS.mean}, SD {NORMS.sd}, reliability {NORMS.reliability}, from
users of a digital agent."""
