"""From the sessions and ratings of a relationship to the series that detectors look at."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from operator import itemgetter
from typing import Any, NamedTuple
from uuid import UUID

from domain.detection import DirectReport, ObserverCode, Rater, Scale, Series, Sitting
from domain.form import Form, InstrumentKind, Scoring


class Reading(NamedTuple):
    """What one rater filled in about one session, on one version of one form. At most one of each counts."""

    session_id: UUID
    rater: Rater
    rater_id: str
    instrument: str
    version: str
    scale: Scale
    alliance: bool = True
    risk_items: tuple[int, ...] = ()
    downward: tuple[int, ...] = ()
    score: float | None = None
    total: float | None = None
    answers: tuple[tuple[int, float], ...] = ()
    direct: DirectReport | None = None
    observer: tuple[tuple[ObserverCode, int], ...] = ()
    private_to_client: bool = False


def scale_of(form: Form, rater: Rater) -> Scale:
    """The range and the norms of a form, in points of the item mean."""
    per = per_item(form)
    mean, sd = (form.norm(name, rater=rater) for name in ("mean", "sd"))
    return Scale(
        form.low, form.high, form.keyed or 1, form.step, reliability=form.norm("reliability", rater=rater),
        mean=None if mean is None else upwards(form, mean / per), sd=sd and sd / per,
    )  # fmt: skip


def per_item(form: Form) -> int:
    """How many items' points one point of its score is shared by."""
    return form.keyed or 1 if form.scoring is Scoring.SUM else 1


def upwards(form: Form, score: float) -> float:
    """The same with higher being better."""
    return score if form.higher_is_better else form.low + form.high - score


def downward(form: Form) -> tuple[int, ...]:
    """The items in which a higher answer is a worse one."""
    return tuple(item for item in form.items if (item in form.reversed_items) is form.higher_is_better)


@dataclass(frozen=True, slots=True)
class Sheet:
    """A form as one rater uses it, worked out once: a relationship has hundreds that are filled in."""

    form: Form
    rater: Rater
    scale: Scale
    items: int
    """How many are scored."""
    per: int
    """How many items' points one point of its score is shared by."""
    alliance: bool
    downward: tuple[int, ...]
    """The items in which a higher answer is a worse one."""

    def read(self, session_id: UUID, total: float | None, *, rater_id: str = "", **more: Any) -> Reading:
        """What it came to when it was filled in. `total` is its score, in its own unit."""
        form = self.form
        score = None if total is None else upwards(form, total / self.per)
        return Reading(
            session_id, self.rater, rater_id, form.code, form.edition, self.scale, self.alliance, form.risk_items,
            self.downward, score, None if score is None else score * self.items, **more,
        )  # fmt: skip


def sheet_of(form: Form, rater: Rater) -> Sheet:
    """The form as this rater uses it."""
    alliance = form.kind is InstrumentKind.ALLIANCE
    return Sheet(form, rater, scale_of(form, rater), form.keyed or 1, per_item(form), alliance, downward(form))


def blanks(held: Mapping[UUID, datetime], turns: Sequence[date], baselines: Sequence[date]) -> Iterator[Sitting]:
    """Sessions by their id and time, as they are before anybody rates them.

    A run begins on each of the days (UTC, in order) on which other therapists or another modality came in: `turns`. A
    baseline begins anew with the first session on each of `baselines` or after it: a repair was concluded as
    repaired, or a clinician had it begin.
    """
    over = 0
    for id, at in sorted(held.items(), key=itemgetter(1, 0)):
        day = at.date()
        begun = bisect_right(baselines, day)
        yield Sitting(id, at, run=str(bisect_right(turns, day)), new_baseline=begun > over)
        over = begun


def gathered(held: Iterable[Sitting], readings: Iterable[Reading]) -> tuple[Series, ...]:
    """All series of one relationship, whatever the order in which its sessions and readings came.

    `held` are the sessions as they are before anybody rates them; their `run` says what else must stay the same
    (therapists, modality). Their ordinals are counted here. A rater who goes back to an earlier version of a form
    starts another run. Two therapists, or two observers, have a series each.
    """
    order = sorted(held, key=itemgetter(AT, SESSION_ID))
    forms: dict[tuple[Rater, str, str], dict[str, dict[UUID, Reading]]] = {}
    for r in readings:
        forms.setdefault((r.rater, r.rater_id, r.instrument), {}).setdefault(r.version, {})[r.session_id] = r
    return tuple(
        series(order, versions, version) for _, versions in sorted(forms.items()) for version in sorted(versions)
    )


SESSION_ID, AT = Sitting._fields.index("session_id"), Sitting._fields.index("at")


def series(held: Sequence[Sitting], versions: Mapping[str, Mapping[UUID, Reading]], version: str) -> Series:
    """One version of a form through all sessions."""
    mine = versions[version]
    others = {
        id for other, rated in versions.items() if other != version for id, r in rated.items() if r.score is not None
    }
    sittings, spell = [], 0
    for ordinal, blank in enumerate(held, 1):
        spell += blank.session_id in others
        r = mine.get(blank.session_id)
        sittings.append(rated(blank, ordinal, r, spell) if r else blank._replace(ordinal=ordinal))
    r = mine[max(mine)]
    return Series(
        rater=r.rater, rater_id=r.rater_id, instrument=r.instrument, version=r.version, scale=r.scale,
        sittings=tuple(sittings), alliance=r.alliance, risk_items=r.risk_items, downward=r.downward,
    )  # fmt: skip


def rated(blank: Sitting, ordinal: int, r: Reading, spell: int) -> Sitting:
    """A session with what was filled in."""
    return Sitting(
        blank.session_id, blank.at, ordinal, f"{blank.run}/{spell}", r.score, r.total, r.answers, r.direct, r.observer,
        blank.new_baseline, r.private_to_client,
    )  # fmt: skip
