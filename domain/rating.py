"""An alliance rating: how one person saw the alliance in one session. A number, and never a rupture by itself.

Client, therapist and observers rate side by side; nothing blends them. Who may see whose:

- a client sees their own ratings, never a therapist's, an observer's or a supervisor's;
- a therapist sees a client's rating only if the client chose so: `shared_with_therapist`. The choice is recorded with
  each rating, by the client's own app or by an integration that asked them, and beside it what they had been told;
  nobody saying is a no. Of what is not shared a therapist is shown nothing, not even that there is one: that alone
  would ask for an explanation;
- supervisors and the practice's scripts (integrations) see all, whatever is chosen, as of other clinical content.

A direct question is asked beside the scores, or instead of them: it finds more than any score.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from domain.access import EVERYONE, Role
from domain.detection import ObserverCode, Rater
from domain.errors import Incomplete, Refused
from domain.form import Form, InstrumentKind
from domain.instruments import form_of
from domain.machine import Machine
from domain.move import NEW, Advisory, Around, Move, as_said
from domain.scoring import Completeness, ItemAnswer, Scored, SubscaleScore, given, scored
from domain.session import SessionPhase
from domain.values import Few, Id, Ref, Said, Scale, Token


class RatingPhase(StrEnum):
    """Whether a rating counts."""

    RECORDED = "recorded"
    """It stands."""
    ENTERED_IN_ERROR = "entered_in_error"
    """Recorded by mistake; kept and out of count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectReport(Said):
    """What somebody said when they were asked whether there was any tension, problem or misunderstanding."""

    problem: bool
    """Whether there was."""
    intensity: Scale | None = None
    """How strong it was, 1 to 5."""
    resolved: Scale | None = None
    """How far it was resolved by the end of the session, 1 to 5."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObserverRating(Said):
    """How salient an observer found one construct of the 3RS in the session."""

    code: ObserverCode
    """What was seen, and in whom."""
    salience: Scale
    """1 not, 3 somewhat, 5 highly salient (3RS 2022)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction(Said):
    """What was rated, as it should read."""

    answers: Annotated[tuple[ItemAnswer, ...], Few(500)] = ()
    """The answer to every item of the instrument, blanks as null. Either these or `scores`."""
    scores: Annotated[tuple[SubscaleScore, ...], Few(21)] = ()
    """Where the form was scored elsewhere: every subscale, or `total` alone."""
    direct_report: DirectReport | None = None
    """What the client or therapist said when asked directly."""
    observer_codes: Annotated[tuple[ObserverRating, ...], Few(4)] = ()
    """What an observer or supervisor coded; each code once."""
    shared_with_therapist: bool = False
    """The client's informed choice: whether the therapist is shown this rating of theirs. Supervisors and the
    practice's scripts see it whatever is chosen; say so where you ask."""
    sharing_text_version: Token | None = None
    """What the client had been told when they chose, whether yes or no: the version of the text, with a
    `sharing_policy_id` its edition."""
    sharing_policy_id: Annotated[UUID, Ref("policy")] | None = None
    """The practice's policy that keeps the text: each edition of its wording stays in its history."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording(Correction):
    """A rating of one session by one person."""

    session_id: Annotated[UUID, Ref("session", above=True)]
    """The session, which was held."""
    relationship_id: Id | None = None
    """The relationship. Left out: the session's."""
    rater: Rater | None = None
    """Whose view it is. Left out: the caller's own role; an integration says whose."""
    rater_id: Token | None = None
    """Who it is: a client's or therapist's id, or a name for an observer. Left out: the caller, the client, or the only
    therapist."""
    instrument: Token | None = None
    """The instrument's code. Left out with a direct report or observer codes alone."""
    instrument_version: Token | None = None
    """Its version. Left out where there is only one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AllianceRating(Correction):
    """How one person saw the alliance in one session. Raters and instruments are never blended."""

    id: UUID
    relationship_id: UUID
    """The relationship it belongs to."""
    session_id: UUID
    """The session that was rated."""
    phase: RatingPhase = RatingPhase.RECORDED
    """Whether it counts."""
    rater: Rater
    """Whose view it is."""
    rater_id: Token | None = None
    """Who it is."""
    instrument: Token | None = None
    """The instrument's code."""
    instrument_version: Token | None = None
    """Its version."""
    bond: float | None = None
    """The bond, in the unit of the instrument's scores: for a mean, the range of one item."""
    goal: float | None = None
    """Agreement on goals, likewise."""
    task: float | None = None
    """Agreement on tasks, likewise."""
    other_subscales: tuple[SubscaleScore, ...] = ()
    """Subscales of the instrument that go by other names."""
    total: float | None = None
    """The whole form, likewise. Null when it is incomplete."""
    completeness: Completeness | None = None
    """How much of the form was answered. Null without an instrument."""


RATES_AS = {
    Role.CLIENT: (Rater.CLIENT,),
    Role.THERAPIST: (Rater.THERAPIST,),
    Role.SUPERVISOR: (Rater.SUPERVISOR, Rater.OBSERVER),
}
ASKED = (Rater.CLIENT, Rater.THERAPIST)
COMPONENTS = ("bond", "goal", "task")


def whose(body: Recording, around: Around) -> tuple[Rater, str | None]:
    """Whose view a rating is, and who that is. Raises Refused for somebody who is not the caller's to speak for."""
    caller = around.caller
    speaks = RATES_AS.get(caller.role)
    rater = body.rater or (speaks[0] if speaks else None)
    if rater is None:
        raise Incomplete([("rater", "Whose view it is: client, therapist, observer or supervisor.")])
    if speaks and rater not in speaks:
        raise Refused(f"Your role rates as {' or '.join(speaks)} only.", at="rater")
    named = known_as(body.rater_id)
    them = who(rater, named, around)
    if named not in (None, them):
        raise Refused("That is somebody else; leave rater_id out.", at="rater_id")
    return rater, them


def known_as(name: str | None) -> str | None:
    """One spelling of an id, so that one person is not taken for two."""
    return str(UUID(name)) if name and is_id(name) else name


def is_id(name: str) -> bool:
    """Whether it is an id, and not a name for an observer."""
    try:
        return bool(UUID(name))
    except ValueError:
        return False


def who(rater: Rater, named: str | None, around: Around) -> str | None:
    """The person behind a view."""
    if rater is Rater.CLIENT:
        return str(around.relationship.client_id)
    if around.caller.role is not Role.INTEGRATION:
        return around.caller.id
    therapists = around.relationship.therapist_ids
    if rater is not Rater.THERAPIST:
        return named
    if named is None and len(therapists) == 1:
        return str(therapists[0])
    if named is None or not is_id(named):
        known = ", ".join(map(str, therapists))
        raise Incomplete([("rater_id", f"The id of the therapist it is; now there are: {known}.")])
    return named  # perhaps one of before: ratings may come late


def can_be_rated(state: Any, body: Recording, around: Around) -> Iterator[Advisory]:
    """The session was held, the rater speaks for themselves, and what was rated fits the instrument."""
    session = around.parent
    if body.relationship_id not in (None, session.relationship_id):
        raise Refused("The session belongs to another relationship; leave this out.", at="relationship_id")
    if session.phase is not SessionPhase.HELD:
        raise Refused(f"A session that was held is rated; this one is {session.phase}.", at="session_id")
    rater, _ = whose(body, around)
    form = named(body, around)
    if form and rater not in form.rated_by:
        raise Refused(f"{form.code} is rated by: {', '.join(form.rated_by)}; not as {rater}.", at="instrument")
    fits(form, rater, body)
    yield from told_well(state, body, around)
    yield from kept_to_themselves(body, around)


def kept_to_themselves(body: Correction, around: Around) -> Iterator[Advisory]:
    """Whoever says that something was wrong may think that they have told their therapist."""
    told = body.direct_report
    if around.caller.role is Role.CLIENT and told and told.problem and not body.shared_with_therapist:
        detail = (
            "Your therapist does not see this answer. You can share it (PATCH shared_with_therapist), or tell them "
            "yourself."
        )
        yield Advisory(code="not_shared", detail=detail, source="The client's own choice: shared_with_therapist")


def named(told: Any, around: Around) -> Form | None:
    """The form that a rating names."""
    if told.instrument is None:
        if told.instrument_version is not None:
            raise Incomplete([("instrument", "Of which instrument this is the version.")])
        return None
    return form_of(told.instrument, told.instrument_version, around.forms, InstrumentKind.ALLIANCE)


def fits(form: Form | None, rater: Rater, body: Correction) -> None:
    """Raises Refused for what is not this rater's to say, or does not fit the form."""
    informed(rater, body)
    if body.direct_report and rater not in ASKED:
        raise Refused("Client and therapist are asked directly; an observer codes.", at="direct_report")
    if body.observer_codes and rater in ASKED:
        raise Refused("Observers and supervisors code; client and therapist are asked directly.", at="observer_codes")
    codes = [rating.code for rating in body.observer_codes]
    if len(set(codes)) < len(codes):
        raise Refused("Each code is rated once.", at="observer_codes")
    if (report := body.direct_report) and not report.problem and (report.intensity or report.resolved):
        raise Refused("Where there was no problem there is no intensity and nothing to resolve.", at="direct_report")
    score(form, body)
    if form is None and not body.direct_report and not body.observer_codes:
        raise Incomplete([("instrument", "An instrument with its answers, a direct report, or observer codes.")])


def informed(rater: Rater, body: Correction) -> None:
    """The choice who is shown a rating is a client's, about one of their own; and so is what they were told."""
    for name in ("shared_with_therapist", "sharing_text_version", "sharing_policy_id"):
        if getattr(body, name) and rater is not Rater.CLIENT:
            raise Refused("This is a client's choice about a rating of their own; leave it out.", at=name)
    if body.sharing_policy_id and not body.sharing_text_version:
        raise Incomplete([("sharing_text_version", "Which edition of the policy's text the client was told.")])


def told_well(state: Any, body: Correction, around: Around) -> Iterator[Advisory]:
    """Whether what a client was told is a text of the practice's, where that is said anew. Raises Refused if not."""
    policy, version = body.sharing_policy_id, body.sharing_text_version
    if policy is None or (state and (policy, version) == (state.sharing_policy_id, state.sharing_text_version)):
        return
    edition = next((text.edition for text in around.texts if text.policy_id == policy), None)
    if edition is None:
        detail = "This is no informed_consent or confidentiality policy in force; name one, or leave it out."
        raise Refused(detail, at="sharing_policy_id")
    if edition != version:
        detail = f"The policy's text is at edition {edition} now; with a newer text, ask them anew."
        yield Advisory(code="sharing_text_outdated", detail=detail, source="The practice's own policy")


def score(form: Form | None, body: Any) -> Scored | None:
    """What was rated, scored. Raises Refused for answers or scores that do not fit the form."""
    if form is None:
        for name in ("answers", "scores"):
            if getattr(body, name):
                raise Refused("Say which instrument this is of: send instrument.", at=name)
        return None
    if body.answers and body.scores:
        detail = "Scores follow from answers: send one, and null for the other where a rating had it."
        raise Refused(detail, at="scores")
    return given(form, body.scores) if body.scores else scored(form, body.answers)


def tally(form: Form | None, body: Any) -> Mapping[str, Any]:
    """The fields that follow from what was rated."""
    found = score(form, body)
    if found is None:
        return {}
    others = (SubscaleScore(subscale=n, score=v) for n, v in found.subscales.items() if n not in COMPONENTS)
    return {
        **{name: found.subscales.get(name) for name in COMPONENTS}, "other_subscales": tuple(others),
        "total": found.total, "completeness": found.completeness,
        "answers": tuple(sorted(body.answers, key=lambda a: a.item)),
    }  # fmt: skip


def recorded(state: Any, body: Recording, around: Around) -> Mapping[str, Any]:
    """Whose it is, by which form, and what it came to."""
    rater, them = whose(body, around)
    form = named(body, around)
    known = {"instrument": form.code, "instrument_version": form.edition} if form else {}
    about = {"relationship_id": around.parent.relationship_id, "rater": rater, "rater_id": them}
    return {**as_said(state, body, around), **about, **known, **tally(form, body)}


def is_their_own(state: AllianceRating, body: Any, around: Around) -> None:
    """A person corrects their own rating; an integration any, for it carries what others said."""
    caller = around.caller
    if caller.role is Role.INTEGRATION:
        return
    if state.rater not in RATES_AS[caller.role] or state.rater_id != caller.id:
        raise Refused("A rating is corrected by whoever gave it.")


def can_be_corrected(state: AllianceRating, body: Correction, around: Around) -> Iterator[Advisory]:
    """Whoever rated it says how it should read; instrument and version stay."""
    is_their_own(state, body, around)
    fits(named(state, around), state.rater, body)
    yield from told_well(state, body, around)
    yield from kept_to_themselves(body, around)


def corrected(state: AllianceRating, body: Correction, around: Around) -> Mapping[str, Any]:
    """What was rated, scored anew. The log keeps what it was."""
    return {**as_said(state, body, around), **tally(named(state, around), body)}


P = RatingPhase

ALLIANCE_RATING = Machine(
    "alliance_rating", "alliance-ratings", AllianceRating, RatingPhase,
    Move("record", (NEW,), (P.RECORDED,), "recorded", EVERYONE, Recording, can_be_rated, recorded,
         "Somebody rated the alliance in a session.", knows="forms"),
    Move("correct", (P.RECORDED,), (), "revised", EVERYONE, Correction, can_be_corrected, corrected,
         "What was rated, or whether the therapist is shown it, was corrected; the log keeps what it was.",
         verb="PATCH", knows="forms"),
    Move("mark_in_error", (P.RECORDED,), (P.ENTERED_IN_ERROR,), "entered_in_error", EVERYONE, guard=is_their_own,
         says="Recorded by mistake; kept and out of count.", verb="DELETE"),
)  # fmt: skip
