"""Attachment: two numbers, anxiety and avoidance, and the words that the founding text has for them.

Attachment is dimensional (Fraley et al. 2015, Journal of Personality and Social Psychology 109:354), so the two numbers
are what is kept, per day and form, and a pattern is a manner of speaking, derived by a rule that is named. Near the cut
there is no pattern. A profile is for clinicians: it is no headline of a chart, predicts nobody's behaviour, and a word
from a questionnaire is better met in a conversation than on a telephone's screen; so a client's app may send the
answers and is not shown the profile.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import fsum, sqrt
from typing import Annotated, Any
from uuid import UUID

from domain.access import EVERYONE, STAFF, Role
from domain.errors import Incomplete, Refused
from domain.form import Form, InstrumentKind, Points
from domain.instruments import form_of
from domain.machine import Machine
from domain.move import NEW, Around, Move, as_said
from domain.scoring import Completeness, ItemAnswer, Scored, SubscaleScore, given, scored
from domain.values import Day, Few, Ref, Said, Token


class AttachmentPattern(StrEnum):
    """A pattern derived from two dimensions, anxiety and avoidance; a way to attune, never a type of person.

    Attachment is dimensional (Fraley et al. 2015), so a pattern is a manner of speaking with its rule named, and
    `indeterminate` is an answer in its own right.
    """

    SECURE = "secure"
    """Low anxiety, low avoidance: likely to voice concerns directly and engage in repair (founding text)."""
    ANXIOUS = "anxious"
    """High anxiety, low avoidance (the field: preoccupied): may feel abandoned or rejected (founding text)."""
    AVOIDANT = "avoidant"
    """Low anxiety, high avoidance (the field: dismissing): may withdraw rather than address it (founding text)."""
    DISORGANIZED = "disorganized"
    """High anxiety, high avoidance: may crave closeness and fear it (founding text); the field's word is fearful, for
    disorganization proper is not measured by two self-report dimensions."""
    INDETERMINATE = "indeterminate"
    """Nothing is known, or the scores lie too near the cut to say."""

    @property
    def field_word(self) -> str:
        """The word that the field has for it."""
        return FIELD_WORDS.get(self, self.value)

    @classmethod
    def _missing_(cls, value: object) -> "AttachmentPattern | None":
        """The field's words are taken as well."""
        return next((pattern for pattern, word in FIELD_WORDS.items() if word == value), None)


FIELD_WORDS: Mapping[AttachmentPattern, str] = {
    AttachmentPattern.ANXIOUS: "preoccupied",
    AttachmentPattern.AVOIDANT: "dismissing",
    AttachmentPattern.DISORGANIZED: "fearful",
}


class PatternRule(StrEnum):
    """Where low ends and high begins. No rule is a standard, so the one that was used is named."""

    MIDPOINT_4 = "midpoint_4"
    """The middle of a scale from 1 to 7."""
    NORM_MEAN = "norm_mean"
    """The mean of the instrument's first sample that gives one."""


class Target(StrEnum):
    """Whom the answers are about. One person may be close to one and wary of another."""

    MOTHER = "mother"
    """A mother, or somebody like one."""
    FATHER = "father"
    """A father, or somebody like one."""
    PARTNER = "partner"
    """A romantic partner."""
    FRIEND = "friend"
    """A best friend."""
    GENERAL = "general"
    """People in general."""


class ProfilePhase(StrEnum):
    """Whether a profile counts."""

    RECORDED = "recorded"
    """It stands. It is of its day: a later one stands beside it."""
    ENTERED_IN_ERROR = "entered_in_error"
    """Recorded by mistake; kept and out of count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetAnswers(Said):
    """The answers about one person."""

    target: Target = Target.GENERAL
    """Whom they are about."""
    answers: Annotated[tuple[ItemAnswer, ...], Few(500, least=1)]
    """The answer to every item, blanks as null."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileCorrection(Said):
    """What was filled in, as it should read."""

    targets: Annotated[tuple[TargetAnswers, ...], Few(5)] = ()
    """The answers, for each person asked about. Either these, or the scores below."""
    anxiety_score: Points | None = None
    """Attachment anxiety, where the form was scored elsewhere."""
    avoidance_score: Points | None = None
    """Attachment avoidance, likewise."""
    rated_on: Day | None = None
    """The day it was filled in; the day it is recorded when left out."""
    rule: PatternRule | None = None
    """Where low ends and high begins. Left out: `midpoint_4` on a scale from 1 to 7, else `norm_mean` if there is a
    mean."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileRecording(ProfileCorrection):
    """Attachment scores of a client."""

    relationship_id: Annotated[UUID, Ref("relationship", above=True)]
    """The relationship in which it was asked."""
    instrument: Token
    """The instrument's code. ECR-RS is scored here; ECR-R, ECR-S and RQ come as scores."""
    instrument_version: Token | None = None
    """Its version. Left out where there is only one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachmentProfile(ProfileCorrection):
    """Two numbers on the client's attachment, of one day. For clinicians: no type of person, and no headline."""

    id: UUID
    relationship_id: UUID
    """The relationship in which it was asked."""
    phase: ProfilePhase = ProfilePhase.RECORDED
    """Whether it counts."""
    instrument: Token
    """The instrument's code."""
    instrument_version: Token
    """Its version."""
    anxiety: float | None = None
    """Attachment anxiety, in the instrument's own range: the mean over those asked about. Null when too little was
    answered."""
    avoidance: float | None = None
    """Attachment avoidance, likewise."""
    completeness: Completeness = Completeness.INCOMPLETE
    """How much was answered."""
    pattern: AttachmentPattern = AttachmentPattern.INDETERMINATE
    """The founding text's word for where the numbers lie, by the rule; indeterminate within one standard error of
    measurement of a cut."""
    recorded_by: Token | None = None
    """The token subject that recorded it."""


USUAL_SD, USUAL_ALPHA = 1.1, 0.85
"""For the standard error of measurement where an instrument's samples do not give them: usual values of scales from 1
to 7, not verified."""


def error_of(form: Form, dimension: str) -> float:
    """The standard error of measurement of a dimension: SD times the root of (1 - alpha); about .43 as a rule."""
    sd, alpha = form.norm("sd", of=dimension), form.norm("reliability", of=dimension)
    return (sd or USUAL_SD) * sqrt(1 - (USUAL_ALPHA if alpha is None else alpha))


def cut_of(form: Form, dimension: str, rule: PatternRule) -> float | None:
    """Where high begins; none when the instrument has no such point."""
    if rule is PatternRule.MIDPOINT_4:
        return 4.0 if (form.low, form.high) == (1, 7) else None
    return form.norm("mean", of=dimension)


def rule_for(form: Form) -> PatternRule | None:
    """The rule that is used when none is named."""
    return next((r for r in PatternRule if all(cut_of(form, d, r) is not None for d in DIMENSIONS)), None)


DIMENSIONS = ("anxiety", "avoidance")
PATTERNS = {
    (False, False): AttachmentPattern.SECURE,
    (True, False): AttachmentPattern.ANXIOUS,
    (False, True): AttachmentPattern.AVOIDANT,
    (True, True): AttachmentPattern.DISORGANIZED,
}
"""By whether anxiety and avoidance are high."""


def pattern_of(form: Form, scores: Mapping[str, float | None], rule: PatternRule | None) -> AttachmentPattern:
    """The pattern that two scores make by a rule; indeterminate where either is not known or too near its cut."""
    high = []
    for dimension in DIMENSIONS:
        score, cut = scores[dimension], cut_of(form, dimension, rule) if rule else None
        if score is None or cut is None or abs(score - cut) <= error_of(form, dimension):
            return AttachmentPattern.INDETERMINATE
        high.append(score > cut)
    return PATTERNS[high[0], high[1]]


def named(told: Any, around: Around) -> Form:
    """The form that a profile names."""
    return form_of(told.instrument, told.instrument_version, around.forms, InstrumentKind.ATTACHMENT)


def fits(form: Form, body: ProfileCorrection, around: Around) -> None:
    """Raises Refused for answers, scores or a rule that do not fit the instrument."""
    around.has_come(body.rated_on, "rated_on")
    if body.rule and any(cut_of(form, dimension, body.rule) is None for dimension in DIMENSIONS):
        raise Refused(f"{form.code} {form.edition} has no such point; leave rule out.", at="rule")
    targets = [part.target for part in body.targets]
    if len(set(targets)) < len(targets):
        raise Refused("Each person is asked about once.", at="targets")
    score(form, body)


def score(form: Form, body: ProfileCorrection) -> list[Scored]:
    """What was filled in, scored for each person asked about. Raises Refused for what does not fit the form."""
    sent = [SubscaleScore(subscale=d, score=getattr(body, f"{d}_score")) for d in DIMENSIONS]
    told = [s for s in sent if s.score is not None]
    if body.targets and told:
        detail = "Scores follow from answers: send one, and null for the other where a profile had it."
        raise Refused(detail, at=f"{told[0].subscale}_score")
    if body.targets:
        return [scored(form, part.answers, f"targets/{i}/answers") for i, part in enumerate(body.targets)]
    if len(told) < len(DIMENSIONS):
        lacking = [f"{s.subscale}_score" for s in sent if s.score is None]
        raise Incomplete([(name, "Both scores, or the answers under targets.") for name in lacking])
    for s in told:
        if not form.low <= (s.score or 0.0) <= form.high:
            raise Refused(f"{s.subscale} goes from {form.low:g} to {form.high:g}.", at=f"{s.subscale}_score")
    return [given(form, told)]


def tally(form: Form, body: ProfileCorrection) -> Mapping[str, Any]:
    """The fields that follow: the means over those asked about, and the pattern by its rule."""
    found = score(form, body)
    scores = {dimension: mean([each.subscales[dimension] for each in found]) for dimension in DIMENSIONS}
    rule = body.rule or rule_for(form)
    ranked = list(Completeness)
    return {
        **scores, "rule": rule, "pattern": pattern_of(form, scores, rule),
        "completeness": max((each.completeness for each in found), key=ranked.index),
    }  # fmt: skip


def mean(scores: list[float | None]) -> float | None:
    """The mean over those asked about; none when one of them could not be scored."""
    known = [score for score in scores if score is not None]
    return fsum(known) / len(known) if len(known) == len(scores) else None


def can_be_recorded(state: Any, body: ProfileRecording, around: Around) -> None:
    """The answers or scores fit the instrument, and the rule can be applied to it."""
    fits(named(body, around), body, around)


def recorded(state: Any, body: ProfileRecording, around: Around) -> Mapping[str, Any]:
    """By which form, on which day, and what it came to."""
    form = named(body, around)
    return {
        **as_said(state, body, around), "instrument": form.code, "instrument_version": form.edition,
        "rated_on": body.rated_on or around.today, "recorded_by": around.caller.id, **tally(form, body),
    }  # fmt: skip


def is_theirs(state: AttachmentProfile, body: Any, around: Around) -> None:
    """What a client sent is the client's own; an integration puts right whatever it brought."""
    theirs = state.recorded_by == str(around.relationship.client_id)
    if theirs and around.caller.role not in (Role.CLIENT, Role.INTEGRATION):
        raise Refused("The client answered this themselves; ask them again instead.")


def can_be_corrected(state: AttachmentProfile, body: ProfileCorrection, around: Around) -> None:
    """A slip of the pen is put right; what a client sent themselves is not anybody's to change."""
    is_theirs(state, body, around)
    fits(named(state, around), body, around)


def corrected(state: AttachmentProfile, body: ProfileCorrection, around: Around) -> Mapping[str, Any]:
    """Scored anew. The log keeps what it was."""
    said = {**as_said(state, body, around), "rated_on": body.rated_on or state.rated_on}
    return {**said, **tally(named(state, around), body)}


P = ProfilePhase

ATTACHMENT_PROFILE = Machine(
    "attachment_profile", "attachment-profiles", AttachmentProfile, ProfilePhase,
    Move("record", (NEW,), (P.RECORDED,), "recorded", EVERYONE, ProfileRecording, can_be_recorded, recorded,
         "Attachment was asked about.", knows="forms"),
    Move("correct", (P.RECORDED,), (), "revised", STAFF, ProfileCorrection, can_be_corrected, corrected,
         "What was filled in was corrected; the log keeps what it was.", verb="PATCH", knows="forms"),
    Move("mark_in_error", (P.RECORDED,), (P.ENTERED_IN_ERROR,), "entered_in_error", STAFF, guard=is_theirs,
         says="Recorded by mistake; kept and out of count.", verb="DELETE"),
    read_by=STAFF,
)  # fmt: skip
