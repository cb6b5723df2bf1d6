"""What the documents say is what the service does."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import jsonschema_rs
import pytest
import schemathesis
from schemathesis.core.result import Ok

from api import changes, document, examples, webhooks
from api.house import document as served_document
from api.operations import roles
from api.problems import problems
from api.representation import derived
from domain import default_set
from domain.access import Role
from domain.attachment import AttachmentPattern
from domain.catalog import EVENT_TYPES, MACHINES
from domain.default_set import DEFAULT_SET
from domain.detection import Detector, RepairRule
from domain.detectors import DETECTORS
from domain.diagram import mermaid
from domain.endings import EndingKind
from domain.episodes import REPAIR_RULES
from domain.values import Between, markers, type_hints

HERE = served_document().parent
DOCUMENTS = ("openapi.json", "machines.md", "events.md", "roles.md", "problems.md", "detectors.md")


@pytest.fixture(scope="module")
def routes() -> Any:
    return document.routes()


@pytest.fixture(scope="module")
def said() -> dict[str, Any]:
    return document.openapi()


@pytest.fixture(scope="module")
def operations(said: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {(m.upper(), path): o for path, item in said["paths"].items() for m, o in item.items()}


def every(part: Any, key: str) -> Iterator[Any]:
    """Whatever stands under `key`, anywhere in the document."""
    for name, inner in part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ():
        if name == key:
            yield inner
        yield from every(inner, key)


def fits(said: dict[str, Any], schema: Any, value: Any) -> None:
    """Fails with what is wrong with a value."""
    whole = {**schema, "components": said["components"], "$schema": "https://json-schema.org/draft/2020-12/schema"}
    validator = jsonschema_rs.Draft202012Validator(whole, validate_formats=True)
    assert not (wrong := [f"{e.instance_path}: {e.message}" for e in validator.iter_errors(value)]), (wrong, value)


def test_the_committed_documents_are_what_the_code_says(tmp_path: Path) -> None:
    written = document.write(tmp_path)
    assert sorted(path.name for path in written) == sorted(DOCUMENTS)
    for path in written:
        old = f"{path.name} is out of date: run `bravespace document`"
        assert path.read_bytes() == (HERE / path.name).read_bytes(), old


def test_nothing_else_lies_beside_them_but_what_the_study_writes() -> None:
    assert sorted(path.name for path in HERE.iterdir()) == sorted((*DOCUMENTS, "detection.md"))


def test_the_document_is_openapi_3_1(said: dict[str, Any]) -> None:
    assert said["openapi"].startswith("3.1.")
    assert set(said) >= {"info", "servers", "tags", "security", "paths", "webhooks", "components"}
    tags = {tag["name"] for tag in said["tags"]}
    for operation in (o for i in [*said["paths"].values(), *said["webhooks"].values()] for o in i.values()):
        assert operation["summary"] and operation["responses"] and set(operation["tags"]) <= tags


def test_every_schema_is_a_schema(said: dict[str, Any]) -> None:
    for name, schema in said["components"]["schemas"].items():
        assert jsonschema_rs.meta.is_valid({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}), name


def test_a_tool_that_reads_openapi_can_load_it(said: dict[str, Any], operations: Any) -> None:
    loaded = list(schemathesis.openapi.from_dict(said).get_all_operations())
    assert len(loaded) == len(operations)
    for result in loaded:
        assert isinstance(result, Ok), result


def test_every_reference_leads_somewhere(said: dict[str, Any]) -> None:
    for link in every(said, "$ref"):
        found: Any = said
        for step in link.removeprefix("#/").split("/"):
            found = found[step]
        assert found


def test_no_schema_or_parameter_is_left_over(said: dict[str, Any]) -> None:
    used = set(every(said, "$ref"))
    for kind in ("schemas", "parameters", "headers", "responses"):
        unused = {name for name in said["components"][kind] if f"#/components/{kind}/{name}" not in used}
        # A wrong method is answered outside every operation.
        assert unused <= {"Problem405"}, (kind, unused)


def test_every_route_of_the_service_is_in_the_document_and_the_reverse(routes: Any, operations: Any) -> None:
    assert {(r.method, r.path) for r in routes} == set(operations)


def test_no_operation_is_named_twice(said: dict[str, Any]) -> None:
    names = Counter(every(said, "operationId"))
    assert not [name for name, count in names.items() if count > 1]


def test_every_variable_part_of_an_address_is_a_parameter(said: dict[str, Any], operations: Any) -> None:
    for (_, path), operation in operations.items():
        wanted = [part[1:-1] for part in path.split("/") if part.startswith("{")]
        told = operation.get("parameters", [])
        whole = [said["components"]["parameters"][p["$ref"].rpartition("/")[2]] if "$ref" in p else p for p in told]
        assert [p["name"] for p in whole if p["in"] == "path"] == wanted, path


def test_every_move_says_who_may_make_it(routes: Any, operations: Any) -> None:
    told = {(r.about.machine.subject, r.about.move.name): operations[r.method, r.path] for r in routes if r.about.move}
    for machine in MACHINES:
        for move in machine.moves:
            if callers := move.by - {Role.POLICY}:
                assert f"By: {roles(callers)}." in told[machine.subject, move.name]["description"]


def test_what_needs_no_token_says_so_and_all_else_names_its_scope(routes: Any, operations: Any) -> None:
    for route in routes:
        scope = route.about.scope
        wanted = [] if route.open else [{"bearerAuth": [scope] if scope else []}]
        assert operations[route.method, route.path]["security"] == wanted


def test_a_correction_needs_the_version_that_was_read(operations: Any) -> None:
    for (method, _), operation in operations.items():
        links = {p.get("$ref", "").rpartition("/")[2] for p in operation.get("parameters", [])}
        assert ("IfMatchNeeded" in links) == (method in ("PATCH", "DELETE"))
        assert ("428" in operation["responses"]) == (method in ("PATCH", "DELETE", "PUT"))


def test_requests_refuse_what_they_do_not_know_and_answers_may_grow(said: dict[str, Any], operations: Any) -> None:
    def reached(part: Any, seen: set[str]) -> set[str]:
        for link in every(part, "$ref"):
            name = link.rpartition("/")[2]
            if "/schemas/" in link and name not in seen:
                seen.add(name)
                reached(said["components"]["schemas"][name], seen)
        return seen

    schemas = said["components"]["schemas"]
    asked = reached([o.get("requestBody", {}) for o in operations.values()], set())
    shown = reached([o["responses"] for o in operations.values()], set())
    assert all(schemas[n].get("additionalProperties") is False for n in asked if schemas[n].get("type") == "object")
    assert not [n for n in shown if schemas[n].get("additionalProperties") is False]


def test_only_the_envelope_of_an_object_is_always_there(said: dict[str, Any]) -> None:
    envelope = {"id", "phase", "version", "open_moves", "created_at", "updated_at"}
    for machine in MACHINES:
        assert set(said["components"]["schemas"][machine.cls.__name__]["required"]) == envelope


def test_every_field_of_an_object_is_explained(said: dict[str, Any]) -> None:
    for machine in MACHINES:
        properties = said["components"]["schemas"][machine.cls.__name__]["properties"]
        assert set(machine.field_names) <= set(properties)
        assert not [n for n, p in properties.items() if not p.get("description")], machine.subject


def test_every_body_comes_with_an_example_that_fits(said: dict[str, Any], operations: Any) -> None:
    for (method, path), operation in operations.items():
        for media in operation.get("requestBody", {}).get("content", {}).values():
            assert media["examples"], (method, path)
            for example in media["examples"].values():
                fits(said, media["schema"], example["value"])


def test_every_object_comes_with_an_example_that_fits(said: dict[str, Any]) -> None:
    for machine in MACHINES:
        schema = said["components"]["schemas"][machine.cls.__name__]
        assert schema["examples"]
        for example in schema["examples"]:
            fits(said, schema, example)


def test_what_became_of_somebody_comes_with_an_example_that_fits(said: dict[str, Any]) -> None:
    schema = said["components"]["schemas"]["OutcomeChange"]
    (example,) = schema["examples"]
    fits(said, schema, example)
    assert set(example) == set(schema["properties"])
    assert not [name for name, field in schema["properties"].items() if not field.get("description")]
    assert (example["outcome_class"], example["reliable_change"]["points"]) == ("recovered", 6)


def test_every_problem_comes_with_an_example_that_fits(said: dict[str, Any]) -> None:
    told = {code for r in said["components"]["responses"].values() for e in every(r, "examples") for code in e}
    assert told == {kind.code for kind in problems()}
    for response in said["components"]["responses"].values():
        media = response["content"]["application/problem+json"]
        for example in media["examples"].values():
            fits(said, media["schema"], example["value"])


def test_every_event_type_is_a_webhook_with_an_example_that_fits(said: dict[str, Any]) -> None:
    assert set(said["webhooks"]) == set(EVENT_TYPES)
    for kind, item in said["webhooks"].items():
        media = item["post"]["requestBody"]["content"]["application/json"]
        example = media["examples"]["example"]["value"]
        assert example["type"] == kind
        fits(said, media["schema"], example)


def test_an_event_is_told_with_the_fields_the_document_names(said: dict[str, Any]) -> None:
    schemas = said["components"]["schemas"]

    class Row(dict[str, Any]):
        def __missing__(self, key: str) -> str:
            return key

    assert set(changes.entry(Row())) == set(schemas["Event"]["properties"]) == set(schemas["Event"]["required"])
    unsaid: Any = None
    version = changes.version_of(
        MACHINES[0].cls, {"data": {}, "version": 1}, unsaid, examples.caller_of(Role.THERAPIST)
    )
    assert set(version) == set(schemas["Version"]["allOf"][1]["properties"])
    row = Row(seq=1)
    told = webhooks.delivery(SimpleNamespace(practice_id=UUID(int=1)), row)  # type: ignore[arg-type]
    assert set(told) == set(schemas["Delivery"]["properties"]) == set(schemas["Delivery"]["required"])


def test_what_follows_from_the_fields_is_in_the_document(said: dict[str, Any]) -> None:
    row: dict[str, Any] = {"kind": EndingKind.PLANNED_MUTUAL, "timing": None, "reasons": [], "ordinal": 1,
                           "pattern": AttachmentPattern.SECURE, "outcome": None, "client_resolution": None,
                               "client_recorded_view": False}  # fmt: skip
    for machine in MACHINES:
        schema = said["components"]["schemas"][machine.cls.__name__]
        assert set(derived(machine.subject, row)) <= set(schema["properties"])


def test_the_pages_for_people_name_every_move_event_and_problem() -> None:
    pages = {name: (HERE / name).read_text() for name in DOCUMENTS}
    for machine in MACHINES:
        assert mermaid(machine) in pages["machines.md"]
        for move in machine.moves:
            assert f"| `{move.name}` |" in pages["machines.md"] and f"| `{move.name}` |" in pages["roles.md"]
            assert f"| `{machine.type_of(move)}` |" in pages["events.md"]
    assert all(f"`{kind.code}`" in pages["problems.md"] for kind in problems())


def test_the_page_about_detectors_lists_every_setting_with_its_range_and_default() -> None:
    said = (HERE / "detectors.md").read_text()
    for name, known in DETECTORS.items():
        _, _, part = said.partition(f"\n### {name}\n")
        part = part.partition("\n##")[0]
        defaults = known.parameters().plain()
        for field, hint in ((f.name, type_hints(known.parameters)[f.name]) for f in fields(known.parameters)):
            (row,) = [line for line in part.splitlines() if line.startswith(f"| `{field}` |")]
            assert f"| `{json.dumps(defaults[field])}` |" in row
            for limits in markers(hint):
                assert not isinstance(limits, Between) or f", {limits.low:g} to {limits.high:g}" in row
    for rule in RepairRule:
        assert f"| `{rule}` | {'on' if rule in REPAIR_RULES else ''} |" in said


def test_the_default_set_gives_a_reason_for_every_detector_that_is_on_or_off() -> None:
    on, _, off = (default_set.__doc__ or "").partition("\nOff, ")
    for name in Detector:
        here, there = (on, off) if name in DEFAULT_SET else (off, on)
        assert f"`{name}`" in here and f"- `{name}`" not in there, name


def test_no_document_names_a_machine_or_a_person(said: dict[str, Any]) -> None:
    written = json.dumps(said)
    assert str(HERE.parent) not in written and "localhost" not in written
