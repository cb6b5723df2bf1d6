"""The instruments that are built in, as data, and how a rating names one.

Numbers and keys only: no item text is here, of any instrument. `verified` says whether the numbers were read at a
source for this project; what was not is common knowledge of the field, to be checked before anything rests on it.
A practice adds what it knows better, norms above all, or instruments of its own (see `measure`).
"""

from collections.abc import Sequence

from domain.detection import Rater
from domain.errors import Refused
from domain.form import Caseness, Form, InstrumentKind, Norm, NormGroup, Rights, Scoring, Subscale

BOTH = (Rater.CLIENT, Rater.THERAPIST)
ONE_TO_TWELVE = tuple(range(1, 13))
ALPHA = "Commonly reported internal consistency."
ECR_R_NORM = "Online sample of the author's site, commonly quoted."
NHS = "NHS England, Talking Therapies 2024-25, all courses of CBT. The figures hold no functional norms."
CONVENTION = "The caseness line that NHS Talking Therapies are commonly said to use. A convention, no diagnosis."
ECR_R_PEOPLE = "Adults who took it online."


def dimension(name: str, *items: int) -> Subscale:
    """Attachment anxiety or avoidance."""
    return Subscale(name=name, items=items)


def alliance(bond: tuple[int, ...], goal: tuple[int, ...], task: tuple[int, ...]) -> tuple[Subscale, ...]:
    """The three components of the alliance."""
    parts = {"bond": bond, "goal": goal, "task": task}
    return tuple(Subscale(name=name, items=items) for name, items in parts.items())


WAI_SR = Form(
    code="wai-sr", edition="2006", title="Working Alliance Inventory – Short Revised", kind=InstrumentKind.ALLIANCE,
    items=ONE_TO_TWELVE, low=1, high=5, subscales=alliance((3, 5, 7, 9), (4, 6, 8, 11), (1, 2, 10, 12)),
    rated_by=(Rater.CLIENT, Rater.THERAPIST, Rater.OBSERVER), verified=True,
    source="Hatcher & Gillaspy 2006, Psychotherapy Research 16:12-25, doi 10.1080/10503300500352500. Rights: Society "
    "for Psychotherapy Research; permission is needed.",
    norms=(
        Norm(mean=3.36, sd=0.80, rater=Rater.CLIENT, verified=True, population="36,070 users of a digital agent.",
             source="Published abstract on the Woebot agent. No sample of a human therapist's clients was found with "
                    "an SD: give your own."),
        Norm(mean=3.64, sd=0.81, rater=Rater.CLIENT, verified=True, population="1,205 users of a digital agent.",
             source="Published abstract on the Wysa agent."),
        Norm(of="bond", mean=3.8, sd=1.0, rater=Rater.CLIENT, verified=True,
             population="36,070 users of a digital agent.", source="Published abstract on the Woebot agent."),
        Norm(reliability=0.91, population="Clients in several samples (.90 to .92).", source=ALPHA),
    ),
)  # fmt: skip

WAI_S = Form(
    code="wai-s", edition="1989", title="Working Alliance Inventory, short form", kind=InstrumentKind.ALLIANCE,
    items=ONE_TO_TWELVE, low=1, high=7, reversed_items=(4, 10),
    subscales=alliance((3, 5, 7, 9), (4, 6, 10, 11), (1, 2, 8, 12)),
    rated_by=(Rater.CLIENT, Rater.THERAPIST, Rater.OBSERVER),
    source="Tracey & Kokotovic 1989. Rights as for the WAI-SR.",
    norms=(Norm(reliability=0.98, population="The original sample.", source=ALPHA),),
)  # fmt: skip

SRS = Form(
    code="srs", edition="3", title="Session Rating Scale", kind=InstrumentKind.ALLIANCE, items=(1, 2, 3, 4),
    low=0, high=10, step=0.1, verified=True,
    subscales=tuple(Subscale(name=name, items=(item,)) for item, name in enumerate(
        ("relationship", "goals_and_topics", "approach", "overall"), 1)),
    source="Duncan et al. 2003, Journal of Brief Therapy 3:3-12. Four lines of 10 cm, read to the millimetre. Rights: "
    "Duncan and Miller; software needs a licence (not verified).",
    norms=(Norm(reliability=0.88, population="Clients.", source=ALPHA),),
)  # fmt: skip

ARM_5 = Form(
    code="arm-5", edition="2012", title="Agnew Relationship Measure, five items", kind=InstrumentKind.ALLIANCE,
    items=(1, 2, 3, 4, 5), low=1, high=7, reversed_items=(3,), rated_by=BOTH, verified=True,
    source="Cahill, Stiles, Barkham, Hardy, Stone, Agnew-Davies & Unsworth 2012; the key as a second source gives it. "
    "The authors' permission is not verified.",
)  # fmt: skip

SAI = Form(
    code="sai", edition="2015", title="Session Alliance Inventory", kind=InstrumentKind.ALLIANCE,
    items=(1, 2, 3, 4, 5, 6), low=0, high=5,
    source="Falkenstroem et al. 2015, Psychological Assessment 27:169-183. Its items are taken from the WAI.",
)  # fmt: skip

ECR_RS = Form(
    code="ecr-rs", edition="2011", title="Experiences in Close Relationships, relationship structures",
    kind=InstrumentKind.ATTACHMENT, items=(1, 2, 3, 4, 5, 6, 7, 8, 9), low=1, high=7, reversed_items=(1, 2, 3, 4),
    subscales=(dimension("anxiety", 7, 8, 9), dimension("avoidance", 1, 2, 3, 4, 5, 6)), higher_is_better=False,
    rights=Rights.OPEN, verified=True,
    source="Fraley, Heffernan, Vicary & Brumbaugh 2011, Psychological Assessment 23:615-625, doi 10.1037/a0022898.",
)  # fmt: skip

ECR_R = Form(
    code="ecr-r", edition="2000", title="Experiences in Close Relationships, revised",
    kind=InstrumentKind.ATTACHMENT, low=1, high=7, subscales=(dimension("anxiety"), dimension("avoidance")),
    higher_is_better=False, rights=Rights.OPEN,
    source="Fraley, Waller & Brennan 2000, Journal of Personality and Social Psychology 78:350-365. Taken as scores.",
    norms=(
        Norm(of="anxiety", group=NormGroup.FUNCTIONAL, mean=3.56, sd=1.12, population=ECR_R_PEOPLE, source=ECR_R_NORM),
        Norm(of="avoidance", group=NormGroup.FUNCTIONAL, mean=2.92, sd=1.19, population=ECR_R_PEOPLE,
             source=ECR_R_NORM),
    ),
)  # fmt: skip

ECR_S = Form(
    code="ecr-s", edition="2007", title="Experiences in Close Relationships, short form",
    kind=InstrumentKind.ATTACHMENT, low=1, high=7, subscales=(dimension("anxiety"), dimension("avoidance")),
    higher_is_better=False,
    source="Wei et al. 2007, Journal of Personality Assessment 88:187-204, doi 10.1080/00223890701268041. Taken as "
    "scores. Rights: the publisher.",
    norms=(
        Norm(of="anxiety", reliability=0.80, population="Students.", source=ALPHA),
        Norm(of="avoidance", reliability=0.85, population="Students.", source=ALPHA),
    ),
)  # fmt: skip

RQ = Form(
    code="rq", edition="1991", title="Relationship Questionnaire", kind=InstrumentKind.ATTACHMENT, low=-12, high=12,
    subscales=(dimension("anxiety"), dimension("avoidance")), higher_is_better=False,
    source="Bartholomew & Horowitz 1991. Taken as scores: anxiety is fearful plus preoccupied, less secure and "
    "dismissing; avoidance fearful plus dismissing, less secure and preoccupied.",
)  # fmt: skip

PHQ_9 = Form(
    code="phq-9", edition="2001", title="Patient Health Questionnaire, nine items", kind=InstrumentKind.OUTCOME,
    items=(1, 2, 3, 4, 5, 6, 7, 8, 9), low=0, high=3, scoring=Scoring.SUM, higher_is_better=False, risk_items=(9,),
    rights=Rights.OPEN, source="Pfizer; no permission is said to be required (not verified). LOINC total 44261-6.",
    norms=(
        Norm(mean=14.2, sd=6.1, population="233,776 at the start of CBT in NHS Talking Therapies.", verified=True,
             source=NHS),
        Norm(reliability=0.89, population="Clients in primary care.", source=ALPHA),
    ),
    caseness=Caseness(line=10, source=CONVENTION),
)  # fmt: skip

GAD_7 = Form(
    code="gad-7", edition="2006", title="Generalised Anxiety Disorder, seven items", kind=InstrumentKind.OUTCOME,
    items=(1, 2, 3, 4, 5, 6, 7), low=0, high=3, scoring=Scoring.SUM, higher_is_better=False, rights=Rights.OPEN,
    source="Pfizer; no permission is said to be required (not verified). LOINC total 70274-6.",
    norms=(
        Norm(mean=13.3, sd=5.1, population="233,776 at the start of CBT in NHS Talking Therapies.", verified=True,
             source=NHS),
        Norm(reliability=0.92, population="Clients in primary care.", source=ALPHA),
    ),
    caseness=Caseness(line=8, source=CONVENTION),
)  # fmt: skip

RISK_WORDS = {(PHQ_9.code, PHQ_9.edition, 9): (" (thoughts of death or self-harm)", "'not at all'")}
"""What a risk item is about, and its lowest answer, by code, edition and item: where we know."""

BUILT_IN = (WAI_SR, WAI_S, SRS, ARM_5, SAI, ECR_RS, ECR_R, ECR_S, RQ, PHQ_9, GAD_7)


def coded(name: str) -> str:
    """An instrument's code as it is kept: `WAI-SR` and `wai_sr` are `wai-sr`."""
    return "-".join(name.casefold().replace("_", " ").replace("-", " ").split())


def built_in(code: str, edition: str) -> Form | None:
    """The built-in form of this code and edition."""
    return next((f for f in BUILT_IN if (f.code, f.edition) == (coded(code), edition)), None)


def form_of(code: str, version: str | None, own: Sequence[Form], kind: InstrumentKind) -> Form:
    """The form that a code and a version name; the version may be left out where there is only one.

    `own` are the practice's forms of this code: they stand in for built-in ones. Raises Refused.
    """
    code = coded(code)
    forms = [*own, *(f for f in BUILT_IN if f.code == code and f.edition not in {o.edition for o in own})]
    if not forms:
        known = ", ".join(f.code for f in BUILT_IN if f.kind is kind)
        raise Refused(f"No instrument is called that. Built in: {known}; define others first.", at="instrument")
    alike = [f for f in forms if f.kind is kind]
    if not alike:
        raise Refused(f"{code} is an instrument of another kind: {forms[0].kind}.", at="instrument")
    found = [f for f in alike if version in (None, f.edition)]
    if len(found) != 1:
        known = ", ".join(f.edition for f in alike)
        raise Refused(f"Say which version of {code} it is: {known}.", at="instrument_version")
    return found[0]
