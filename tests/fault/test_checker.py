"""The checker finds each thing it is there for, in records made by hand."""

from dataclasses import replace

import pytest

from tests.fault.checker import Committed, Expected, Request, faults, stale

LOG = [
    Committed("e1", 1, "webhook_endpoint.registered", "hook", 1),
    Committed("e2", 2, "repair.begun", "repair-a", 1),
    Committed("e3", 3, "repair.recognized", "repair-a", 2),
    Committed("e4", 4, "client.registered", "client-b", 1),
]
HERE = Expected("/here", after=1)


def request(event: Committed, **more) -> Request:
    plain = {
        "at": 0, "path": "/here", "id": event.webhook_id, "type": event.type, "resource": event.resource,
        "version": event.version, "timestamp": 0, "verified": True, "keys": [0], "signatures": 1, "status": 200,
        "body": event.webhook_id, "head": "",
    }  # fmt: skip
    return Request(**plain | more)


ALL_CAME = [request(e) for e in LOG[1:]]


def kinds(*requests: Request, endpoint: Expected = HERE, repeats: int | None = 0) -> list[str]:
    return [said[0] for said in faults(LOG, [endpoint], requests, repeats)]


def test_what_came_once_whole_and_in_order_is_without_fault():
    assert faults(LOG, [HERE], ALL_CAME) == []


def test_what_never_came_is_lost():
    assert kinds(*ALL_CAME[:2]) == ["L"]


@pytest.mark.parametrize("status", [0, 302, 410, 429, 500])
def test_what_was_refused_is_lost_although_it_came(status):
    assert kinds(*ALL_CAME[:2], request(LOG[3], status=status)) == ["L"]


def test_what_the_service_says_is_waiting_or_given_up_is_not_lost():
    assert kinds(*ALL_CAME[:2], endpoint=replace(HERE, excused={4})) == []
    assert kinds(*ALL_CAME[:2], endpoint=replace(HERE, excused={3})) == ["L"]


@pytest.mark.parametrize(
    ("filters", "missing"),
    [(["*"], 3), (["repair.*"], 2), (["repair.begun", "client.*"], 2), (["rupture.*"], 0), (["webhook_endpoint.*"], 0)],
)
def test_an_endpoint_is_owed_what_it_asked_for(filters, missing):
    assert kinds(endpoint=replace(HERE, filters=filters)) == ["L"] * missing


def test_an_endpoint_is_owed_nothing_from_before_or_after_its_time():
    assert kinds(endpoint=replace(HERE, after=2, until=3)) == ["L"]
    assert kinds(ALL_CAME[1], endpoint=replace(HERE, after=2, until=3)) == []


def test_what_came_elsewhere_is_lost_here():
    assert kinds(*ALL_CAME[:2], replace(ALL_CAME[2], path="/there")) == ["L"]


@pytest.mark.parametrize("wrong", [{"id": "e9"}, {"type": "repair.concluded"}, {"version": 7}, {"resource": "x"}])
def test_what_was_never_committed_is_a_phantom(wrong):
    assert "P" in kinds(*ALL_CAME, replace(ALL_CAME[2], **wrong), repeats=None)


def test_the_same_id_with_other_bytes_is_found():
    refused = replace(ALL_CAME[2], status=500, body="e4 ")
    assert kinds(*ALL_CAME[:2], refused, ALL_CAME[2]) == ["D"]


def test_what_comes_again_after_it_was_taken_is_found_and_what_was_refused_may_come_again():
    assert kinds(*ALL_CAME, ALL_CAME[0]) == ["D"]
    assert kinds(*ALL_CAME, replace(ALL_CAME[0], status=500)) == ["D"]
    assert kinds(replace(ALL_CAME[0], status=500), *ALL_CAME) == []


def test_so_many_repeats_are_allowed_as_were_injected_and_no_more():
    assert kinds(*ALL_CAME, ALL_CAME[0], repeats=1) == []
    assert kinds(*ALL_CAME, ALL_CAME[0], ALL_CAME[0], repeats=1) == ["D"]
    assert kinds(*ALL_CAME, *ALL_CAME, repeats=None) == []


def test_a_newer_version_first_is_out_of_order():
    assert kinds(ALL_CAME[1], ALL_CAME[0], ALL_CAME[2]) == ["O"]


def test_order_is_that_of_what_was_taken_and_each_thing_has_its_own():
    assert kinds(ALL_CAME[2], replace(ALL_CAME[0], status=500), *ALL_CAME[:2]) == []
    assert kinds(replace(ALL_CAME[0], status=500), ALL_CAME[1], ALL_CAME[0], ALL_CAME[2]) == ["O"]


def test_an_older_version_after_a_newer_is_stale_unless_it_was_taken_before():
    again = [*ALL_CAME, ALL_CAME[0]]
    assert kinds(*again, repeats=1) == []
    assert stale(again) == stale(ALL_CAME) == []
    assert len(stale([*ALL_CAME[1:], ALL_CAME[0]])) == 1


def test_a_signature_that_does_not_hold_is_found():
    assert kinds(*ALL_CAME[:2], replace(ALL_CAME[2], verified=False)) == ["S"]
