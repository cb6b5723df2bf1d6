"""The norms of the built-in PHQ-9 and GAD-7, held against the published figures they are taken from."""

import csv
from pathlib import Path

import pytest
from pytest import approx

from domain.form import NormGroup
from domain.instruments import GAD_7, PHQ_9
from domain.thresholds import reliable_change

FILE = Path(__file__).parents[2] / "api" / "data" / "nhs-talking-therapies-proms-england.csv"
CBT, YEARS = "Cognitive Behaviour Therapy (CBT)", ("2023-24", "2024-25")
FORMS = {"phq": PHQ_9, "gad": GAD_7}


def figures():
    """Every figure, by year, therapy, measure and statistic."""
    with FILE.open(encoding="utf-8") as file:
        return {
            (r["reporting_period"], r["therapy"], r["measure_name"], r["measure_statistic"]): float(r["value"])
            for r in csv.DictReader(file)
        }


@pytest.mark.parametrize("measure", FORMS)
def test_the_built_in_norms_are_those_of_cbt_at_its_start_in_2024_25(measure):
    known, form = figures(), FORMS[measure]
    norm = form.sample("mean", "sd")
    assert (norm.mean, norm.sd) == tuple(known["2024-25", CBT, measure, name] for name in ("mean", "sd"))
    assert f"{known['2024-25', CBT, 'courses_of_therapy', 'count']:,.0f}" in norm.population
    assert norm.verified and "2024-25" in norm.source


@pytest.mark.parametrize("year", YEARS)
def test_the_sds_of_cbt_reproduce_six_points_and_four(year):
    """Of CBT, the largest group, and not of every therapy: see below."""
    known = figures()
    found = {
        measure: reliable_change(known[year, CBT, measure, "sd"], form.norm("reliability"), whole=True)
        for measure, form in FORMS.items()
    }
    assert {measure: needed.points for measure, needed in found.items()} == {"phq": 6, "gad": 4}
    assert (found["phq"].unrounded, found["gad"].unrounded) == (approx(5.608, abs=5e-4), approx(3.998, abs=5e-4))


def test_other_therapies_with_other_sds_would_take_other_points():
    """GAD-7: 3.998 is a close thing. This is why a norm names its sample, and why a practice may give its own."""
    known = figures()
    points = {
        therapy: reliable_change(sd, GAD_7.norm("reliability"), whole=True).points
        for (year, therapy, measure, name), sd in known.items()
        if (year, measure, name) == ("2024-25", "gad", "sd")
    }
    assert len(points) == 15
    assert points["Eye Movement Desensitisation Reprocessing"] == 5
    assert points["Structured Physical Activity"] == 3


def test_the_figures_are_of_people_in_treatment_and_hold_no_functional_norms():
    assert {measure for _, _, measure, _ in figures()} == {"courses_of_therapy", "phq", "gad"}
    for form in FORMS.values():
        assert form.sample("mean", group=NormGroup.FUNCTIONAL) is None
        assert "no functional norms" in form.sample("mean").source
