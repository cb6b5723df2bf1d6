"""What must never happen (DESIGN 2.6), as far as names and types can hold it."""

import ast
import re
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pytest

import domain
from domain.access import Role
from domain.catalog import EVENT_TYPES, MACHINES
from domain.repair import REPAIR, Conclusion, ScoreRule
from domain.termination import TERMINATION_PLAN
from domain.values import Between, markers, records, texts, type_hints

MODULES = [m.name for m in iter_modules(domain.__path__)]
AUTHORS = {
    "barkham", "bartholomew", "brown", "chen", "derubeis", "dozier", "duncan", "eubanks", "fraley", "gillaspy",
    "gumz", "hatcher", "haugen", "horowitz", "horvath", "jacobson", "kiresuk", "larsson", "linehan", "lipner", "lutz",
    "martinovich", "miller", "munder", "muran", "norcross", "rubel", "safran", "stanley", "stiles",
    "strauss", "swift", "tang", "tracey", "truax", "zilcha",
}  # fmt: skip
RATERS = ("client_", "therapist_", "observer_", "supervisor_")


def source(name: str) -> ast.Module:
    return ast.parse(Path(import_module(f"domain.{name}").__file__).read_text())


def words_of(name: str) -> set[str]:
    return set(re.split(r"[^a-z]+", name.lower()))


@pytest.mark.parametrize("module", MODULES)
def test_no_threshold_value_or_function_is_named_after_an_author(module):
    names = {node.id for node in ast.walk(source(module)) if isinstance(node, ast.Name)}
    names |= {node.name for node in ast.walk(source(module)) if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    loaded = vars(import_module(f"domain.{module}")).values()
    enums = [v for v in loaded if isinstance(v, type) and issubclass(v, StrEnum)]
    names |= {value.value for enum in enums for value in enum} | {value.name for enum in enums for value in enum}
    assert {name for name in names if words_of(name) & AUTHORS} == set()


def test_the_rules_by_which_scores_return_say_what_they_do():
    assert {rule.value for rule in ScoreRule} == {"full_return", "within_sdiff", "half_recovery", "in_control"}


def told() -> dict[type, str]:
    """Every aggregate and every record within one."""
    found, ways = {}, [(machine.cls, machine.subject) for machine in MACHINES]
    while ways:
        cls, path = ways.pop()
        found[cls] = path
        ways += [(record, f"{path}.{name}") for name, record in records(cls).items() if record not in found]
    return found


@pytest.mark.parametrize(("cls", "path"), told().items(), ids=lambda v: v if isinstance(v, str) else "")
def test_every_rating_names_its_rater_and_none_is_a_blend(cls, path):
    measured = {
        "repair": {"score_rule"}, "alliance_rating": {"scores", "total"}, "outcome_score": {"score", "total"},
        "attachment_profile": {"anxiety_score", "avoidance_score"}, "instrument.norms": {"mean"},
        "alliance_rating.other_subscales": {"score"}, "alliance_rating.scores": {"score"},
        "outcome_score.subscales": {"score"}, "signal": {"outcome_score_id"},
        "goal_attainment": {"baseline_t_score"}, "goal_attainment.client_ratings": {"t_score"},
        "goal_attainment.client_attained": {"t_score"},
    }  # fmt: skip
    blends = {
        "score",
        "scores",
        "average",
        "mean",
        "total",
        "overall",
        "combined",
        "composite",
        "readiness",
        "alliance",
    }
    found = {name for name in type_hints(cls) if words_of(name) & blends and not name.startswith("_")}
    assert found == measured.get(path, set())
    if "total" in found or "anxiety_score" in found:
        assert {"instrument", "instrument_version"} <= set(type_hints(cls)), "a number is of one form"
    ratings = {
        name for name, hint in type_hints(cls).items()
        if any(isinstance(m, Between) and (m.low, m.high) == (1, 5) for m in markers(hint))
    }  # fmt: skip
    one_persons_own = {"rupture.markers": {"salience"}, "policy": {"outreach_channels"},
                       "alliance_rating.direct_report": {"intensity", "resolved"},
                       "alliance_rating.observer_codes": {"salience"}}  # fmt: skip
    assert {r for r in ratings if not r.startswith(RATERS)} == one_persons_own.get(path, set())


def test_a_blank_is_nobody_saying_anything_and_never_a_zero():
    for cls in told():
        for name, hint in type_hints(cls).items():
            field = cls.__dataclass_fields__.get(name)
            if field and name.startswith(RATERS) and any(isinstance(m, Between) for m in markers(hint)):
                assert field.default is None, f"{cls.__name__}.{name}"


def test_nothing_a_therapist_alone_can_say_makes_it_repaired():
    carried = {n for n in type_hints(Conclusion) if not n.startswith("_")}
    assert carried == {"outcome", "client_resolution", "therapist_resolution", "score_rule", "within_session"}
    assert Role.THERAPIST not in REPAIR.by_name["record_view"].by


def test_there_is_no_event_that_says_a_rupture_was_detected():
    assert not [event for event in EVENT_TYPES if "detect" in event or "alert" in event]


def test_an_ending_is_no_delete_button():
    assert TERMINATION_PLAN.remove is None
    assert not [
        m.name for machine in MACHINES for m in machine.moves if words_of(m.name) & {"delete", "erase", "purge"}
    ]


def test_there_is_no_place_for_process_notes_or_transcripts():
    names = {name for cls in told() for name in type_hints(cls)}
    assert not [n for n in names if words_of(n) & {"transcript", "verbatim", "process", "recording", "audio"}]


LONGER = {
    ("policy", "wording"): 20_000,
    ("instrument.item_texts", "text"): 500,
    ("webhook_endpoint", "url"): 2048,
    ("termination_plan.reflections", "words"): 1_000,
}


def test_every_clinical_text_is_short():
    for cls, path in told().items():
        for name in texts(cls):
            limits = [
                m.limit for m in markers(type_hints(cls)[name]) if hasattr(m, "limit") and type(m).__name__ == "Words"
            ]
            assert max(limits) <= LONGER.get((path, name), 280), f"{path}.{name}"
