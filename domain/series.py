"""From the sessions and ratings of a relationship to the series that detectors look at."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from domain.detection import DirectReport, ObserverCode, Rater, Scale, Series, Sitting
from domain.form import Form, InstrumentKind, Scoring


class Reading(NamedTuple):
    """What one rater filled in about one session, on one version of one form. At most one of each counts."""

    session_id: UUID
    rater: Rater
    instrument: str
    version: str
    scale: Scale
    alliance: bool = True
    risk_items: tuple[int, ...] = ()
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

    def read(self, session_id: UUID, total: float | None, **more: Any) -> Reading:
        """What it came to when it was filled in. `total` is its score, in its own unit."""
        form = self.form
        return Reading(
            session_id, self.rater, form.code, form.edition, self.scale, self.alliance, form.risk_items,
            None if total is None else upwards(form, total / self.per),
            None if total is None else total * self.items / self.per, **more,
        )  # fmt: skip


def sheet_of(form: Form, rater: Rater) -> Sheet:
    """The form as this rater uses it."""
    alliance = form.kind is InstrumentKind.ALLIANCE
    return Sheet(form, rater, scale_of(form, rater), form.keyed or 1, per_item(form), alliance)


def gathered(held: Iterable[Sitting], readings: Iterable[Reading]) -> tuple[Series, ...]:
    """All series of one relationship, whatever the order in which its sessions and readings came.

    `held` are the sessions as they are before anybody rates them; their `run` says what else must stay the same
    (therapists, modality). Their ordinals are counted here. A rater who goes back to an earlier version of a form
    starts another run.
    """
    order = sorted(held, key=lambda s: (s.at, s.session_id))
    blanks = [sitting._replace(ordinal=ordinal) for ordinal, sitting in enumerate(order, 1)]
    forms: dict[tuple[Rater, str], dict[str, dict[UUID, Reading]]] = {}
    for r in readings:
        forms.setdefault((r.rater, r.instrument), {}).setdefault(r.version, {})[r.session_id] = r
    return tuple(
        series(blanks, versions, version) for _, versions in sorted(forms.items()) for version in sorted(versions)
    )


def series(blanks: Sequence[Sitting], versions: Mapping[str, Mapping[UUID, Reading]], version: str) -> Series:
    """One version of a form through all sessions."""
    mine = versions[version]
    others = {
        id for other, rated in versions.items() if other != version for id, r in rated.items() if r.score is not None
    }
    sittings, spell = [], 0
    for blank in blanks:
        r = mine.get(blank.session_id)
        spell += blank.session_id in others
        sittings.append(rated(blank, r, spell) if r else blank)
    r = mine[max(mine)]
    return Series(
        rater=r.rater, instrument=r.instrument, version=r.version, scale=r.scale, sittings=tuple(sittings),
        alliance=r.alliance, risk_items=r.risk_items,
    )  # fmt: skip


def rated(blank: Sitting, r: Reading, spell: int) -> Sitting:
    """A session with what was filled in."""
    return Sitting(
        session_id=blank.session_id, at=blank.at, ordinal=blank.ordinal, run=f"{blank.run}/{spell}",
        score=r.score, total=r.total, answers=r.answers, direct=r.direct, observer=r.observer,
        new_baseline=blank.new_baseline, private_to_client=r.private_to_client,
    )  # fmt: skip
