"""A form: what an instrument is scored by. Numbers and keys; item text only where a practice holds a licence for it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from domain.detection import Rater
from domain.values import Between, Day, Few, Name, Said, Summary, Token, Words


class InstrumentKind(StrEnum):
    """What an instrument measures, and so where its scores are recorded."""

    ALLIANCE = "alliance"
    """The alliance in one session: alliance ratings."""
    ATTACHMENT = "attachment"
    """Attachment anxiety and avoidance, in subscales of these names: attachment profiles."""
    OUTCOME = "outcome"
    """Symptoms or functioning: outcome scores."""


class Scoring(StrEnum):
    """What a score is of the answers."""

    MEAN = "mean"
    """The mean of the items, in the range of one item: short forms and blanks stay comparable."""
    SUM = "sum"
    """The sum of the items, unrounded."""


class Rights(StrEnum):
    """Who may use the item texts."""

    OPEN = "open"
    """Anybody, as far as is known."""
    LICENSED = "licensed"
    """Who holds a licence and attests it."""
    OWN = "own"
    """The practice wrote it."""


class NormGroup(StrEnum):
    """Which of two groups a sample is of: a line between the two needs one of each."""

    CLINICAL = "clinical"
    """People in treatment, or on their way into it."""
    FUNCTIONAL = "functional"
    """People who are not: the public at large, or people who are known to be well."""


Points = Annotated[float, Between(-1000.0, 1000.0)]
"""An answer or a score, in the instrument's own range."""
Share = Annotated[float, Between(0.0, 1.0)]
ItemNumber = Annotated[int, Between(1, 500)]
Items = Annotated[tuple[ItemNumber, ...], Few(500, distinct=True)]
Step = Annotated[float, Between(0.000001, 1000.0)]

TOTAL = "total"
"""What the score of the whole form is called beside its subscales."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscale(Said):
    """A part of a form with a score of its own."""

    name: Token
    """Its name. `bond`, `goal` and `task` are the components of the alliance; a form has no subscale `total`."""
    items: Items = ()
    """Its items. None: it is scored elsewhere and comes as a score."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Norm(Said):
    """What is known of a score in one sample. Not every sample gives every number."""

    of: Token = TOTAL
    """Which score: `total` or the name of a subscale."""
    rater: Rater | None = None
    """Whose ratings; none: it is not told apart."""
    group: NormGroup = NormGroup.CLINICAL
    """Which group they are of. Scores are held against the clinical one first; a cut-off between the two needs both."""
    mean: Points | None = None
    """The sample's mean, in the unit of the score."""
    sd: Annotated[float, Between(0.000001, 1000.0)] | None = None
    """Its standard deviation between people, in the unit of the score."""
    reliability: Share | None = None
    """0 to 1; for change from session to session the internal consistency (alpha)."""
    population: Summary
    """Who was measured."""
    source: Summary
    """Where it is published."""
    verified: bool = False
    """Whether the numbers were read at that source. Those that were not are no standard to quote."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caseness(Said):
    """The score from which on somebody counts as a case: a convention of a service, and no diagnosis."""

    line: Points
    """The first score on the clinical side, in the unit of the score: this one, or any that is further from health."""
    source: Summary
    """Whose convention it is."""
    verified: bool = False
    """Whether it was read at that source."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemText(Said):
    """The wording of one item, as it is put to the person who answers."""

    item: ItemNumber
    """Its number."""
    text: Annotated[str, Words(500)]
    """Its wording."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Licence(Said):
    """A practice's attestation that it may use the item texts of an instrument."""

    licensor: Name
    """Who granted it."""
    attested_by: Name
    """Who in the practice says so."""
    attested_on: Day
    """The day they said so."""
    reference: Token | None = None
    """The licence's number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upkeep(Said):
    """What may be corrected about an instrument that has been used."""

    title: Name
    """Its name."""
    norms: Annotated[tuple[Norm, ...], Few(40)] = ()
    """Samples it can be held against. The first that gives a number is the one that is used."""
    caseness: Caseness | None = None
    """Of an outcome instrument: the line that is used while no functional norm is known."""
    item_texts: Annotated[tuple[ItemText, ...], Few(500)] = ()
    """The wording of its items. Of a licensed instrument only with the licence attested."""
    licence: Licence | None = None
    """The licence to use the item texts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form(Upkeep):
    """One edition of an instrument: its items, range, key, norms and rights."""

    code: Token
    """What it is called in a rating, in small letters with hyphens."""
    edition: Token
    """Which version of it: a rating's `instrument_version`. Ratings of two versions are never compared."""
    kind: InstrumentKind
    """What it measures."""
    items: Items = ()
    """The numbers of its items. None: it is scored elsewhere, and only scores are taken."""
    low: Points
    """The lowest answer to an item."""
    high: Points
    """The highest."""
    step: Step = 1.0
    """The smallest difference between two answers."""
    reversed_items: Items = ()
    """Items that are turned round before they are scored: lowest plus highest, less the answer."""
    subscales: Annotated[tuple[Subscale, ...], Few(20)] = ()
    """Its parts. None: the form is one scale."""
    scoring: Scoring = Scoring.MEAN
    """Whether scores are means or sums."""
    least_answered: Share = 0.75
    """The share of a subscale's items that must be answered for it to be scored from the rest (a convention)."""
    higher_is_better: bool = True
    """Which way is up."""
    risk_items: Items = ()
    """Items of which any answer but the lowest wants asking about, whatever the score."""
    rated_by: Annotated[tuple[Rater, ...], Few(4, least=1, distinct=True)] = (Rater.CLIENT,)
    """Who rates with it."""
    rights: Rights = Rights.LICENSED
    """Who may use the item texts."""
    source: Summary | None = None
    """Where it is published."""
    verified: bool = False
    """Whether its items, range and key were read at a source. Those that were not are to be checked before use."""

    @property
    def parts(self) -> tuple[Subscale, ...]:
        """What its total is made of: the subscales, or the whole form as one."""
        return self.subscales or (Subscale(name=TOTAL, items=self.items),)

    @property
    def keyed(self) -> int:
        """How many items are scored."""
        return sum(len(part.items) for part in self.parts)

    def reach(self, items: int) -> tuple[float, float]:
        """The lowest and highest score of so many items."""
        times = items if self.scoring is Scoring.SUM else 1
        return self.low * times, self.high * times

    def norm(self, name: str, *, of: str = TOTAL, rater: Rater | None = None) -> float | None:
        """The `mean`, `sd` or `reliability` of a score, from the first sample that gives it."""
        found = self.sample(name, of=of, rater=rater)
        return getattr(found, name) if found else None

    def sample(
        self, *names: str, of: str = TOTAL, rater: Rater | None = None, group: NormGroup | None = None
    ) -> Norm | None:
        """The first sample that gives all of these numbers of a score.

        Samples of this rater come before those of raters not told apart; unless a group is named, all of the clinical
        group before those of the functional.
        """
        found = [n for n in self.norms if n.of == of and all(getattr(n, name) is not None for name in names)]
        order = [(g, who) for g in ((group,) if group else NormGroup) for who in (rater, None)]
        return next((n for g, who in order for n in found if n.group is g and n.rater is who), None)


KEY = (
    "kind", "items", "low", "high", "step", "reversed_items", "subscales", "scoring", "least_answered",
    "higher_is_better", "risk_items",
)  # fmt: skip
"""What makes two forms score alike."""
