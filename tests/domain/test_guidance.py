"""Prompts: a few words to borrow, for every step and every way a person may meet it, and never a gate."""

import re
from itertools import product

import pytest

from domain.attachment import AttachmentPattern
from domain.guidance import PROMPTS, guidance
from domain.repair import Step
from domain.rupture import RuptureType
from domain.skills import Skill, Strategy

CELLS = list(product(Step, AttachmentPattern))
W, CF = RuptureType.WITHDRAWAL, RuptureType.CONFRONTATION
each_prompt = pytest.mark.parametrize(
    "prompt", PROMPTS, ids=[f"{p.step}-{p.pattern}-{p.rupture_type or 'any'}" for p in PROMPTS]
)


@pytest.mark.parametrize(("step", "pattern"), CELLS)
def test_there_is_something_to_say_at_every_step_to_everybody(step, pattern):
    (general,) = guidance(step=step, pattern=pattern)
    assert (general.step, general.pattern, general.rupture_type) == (step, pattern, None)


def test_there_is_one_prompt_for_each_case_and_no_second():
    assert len(CELLS) == 25
    assert len({(p.step, p.pattern, p.rupture_type) for p in PROMPTS}) == len(PROMPTS)
    assert len({p.say for p in PROMPTS}) == len(PROMPTS)


@pytest.mark.parametrize(("step", "pattern"), CELLS)
@pytest.mark.parametrize("kind", [W, CF])
def test_what_is_said_of_one_kind_of_rupture_only_adds(step, pattern, kind):
    general, found = guidance(step=step, pattern=pattern), guidance(step=step, pattern=pattern, rupture_type=kind)
    assert found[-1:] == general
    assert all(p.rupture_type is kind for p in found[:-1]) and len(found) <= 2


@pytest.mark.parametrize(("step", "pattern"), CELLS)
def test_a_mixed_rupture_brings_both_and_an_unspecified_one_neither(step, pattern):
    of = {kind: guidance(step=step, pattern=pattern, rupture_type=kind) for kind in RuptureType}
    assert of[RuptureType.MIXED] == of[W][:-1] + of[CF]
    assert of[RuptureType.UNSPECIFIED] == guidance(step=step, pattern=pattern)


def test_left_out_means_all_of_them_in_the_order_of_the_steps():
    every = guidance()
    assert len(every) == 25 and [p.step for p in every] == [step for step in Step for _ in AttachmentPattern]
    assert set(guidance(rupture_type=RuptureType.MIXED)) == set(PROMPTS)
    assert {p.pattern for p in guidance(step=Step.RECOGNIZE)} == set(AttachmentPattern)


def test_somebody_withdraws_and_somebody_confronts_at_every_step():
    assert {p.step for p in PROMPTS if p.rupture_type is W} == set(Step)
    assert {p.step for p in PROMPTS if p.rupture_type is CF} == set(Step)
    assert {p.rupture_type for p in PROMPTS} == {None, W, CF}


@each_prompt
def test_a_prompt_is_short_enough_to_glance_at(prompt):
    assert 20 <= len(prompt.say) <= 240
    assert 40 <= len(prompt.notice) <= 280
    assert prompt.source and len(prompt.source) <= 120
    assert isinstance(prompt.skill, Skill) and all(isinstance(s, Strategy) for s in prompt.strategies)


@each_prompt
def test_a_prompt_neither_shouts_nor_scores_nor_claims_proof(prompt):
    words = f"{prompt.say} {prompt.notice}"
    assert "!" not in words and words == words.strip() and "  " not in words
    assert not re.search(r"\d|threshold|cut-?off|\bscore of\b|per cent|%", words, re.IGNORECASE)
    assert not re.search(r"(?<!no )\bproof\b|\bprov(en|es|ed)\b|guarantee|evidence shows|research shows", words, re.I)
    assert not re.search(r"\b(must|always works|never fails|the client will)\b", words, re.IGNORECASE)


@each_prompt
def test_a_prompt_asks_nobody_to_blame_or_to_label(prompt):
    assert not re.search(
        r"\b(your attachment|avoidant|anxious|disorganized|fearful|resistan\w+|fault)\b", prompt.say, re.I
    )
    assert Strategy.REDIRECT not in prompt.strategies
    assert Strategy.LINK_TO_OTHER_RELATIONSHIPS not in prompt.strategies


def test_every_skill_of_the_founding_text_is_leaned_on():
    assert {p.skill for p in PROMPTS} == set(Skill)
