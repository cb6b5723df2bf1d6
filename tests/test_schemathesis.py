"""The document against the service: what is promised of every operation is what comes back, whatever is sent."""

import asyncio
import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import SkipTest

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, Verbosity, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import not_a_server_error
from schemathesis.config import GenerationConfig, ProjectConfig, ProjectsConfig, SchemathesisConfig
from schemathesis.core.failures import FailureGroup
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from domain.catalog import MACHINES
from tests.api.test_isolation import World, founded, seeded
from tests.conftest import Running

POSITIVE, NEGATIVE = GenerationMode.POSITIVE, GenerationMode.NEGATIVE
CHECKS = [
    not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance,
    response_headers_conformance,
]  # fmt: skip
SUBJECTS = {machine.collection: machine.subject for machine in MACHINES}
FEW = settings(
    derandomize=True, database=None, deadline=None, phases=[Phase.generate], verbosity=Verbosity.quiet,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip


@dataclass
class Served:
    """The service under test, and what is in it."""

    address: str
    world: World


@pytest.fixture(scope="module")
async def served(running: Running, address: str) -> Served:
    return Served(address, await seeded(await founded(running)))


@pytest.fixture(scope="module")
def cases() -> list[Any]:
    """A few requests for every operation: some that it takes, and some that it does not. The same ones on every run."""
    said = json.loads((Path(__file__).parent.parent / "openapi" / "openapi.json").read_text())
    project = ProjectConfig(
        generation=GenerationConfig(deterministic=True, database="none", with_security_parameters=False)
    )
    config = SchemathesisConfig(seed=20, projects=ProjectsConfig(default=project))
    document, found = schemathesis.openapi.from_dict(said, config=config), []
    for place, operation in enumerate(document.get_all_operations()):
        # What is not taken is costly to think up and refused in one place, so every fifth operation has to do.
        for mode, most in ((POSITIVE, 2), (NEGATIVE, 1))[: 1 if place % 5 else 2]:
            strategy = operation.ok().as_strategy(generation_mode=mode)
            with suppress(Unsatisfiable, SkipTest):  # there may be nothing it does not take
                settings(FEW, max_examples=most)(given(case=strategy)(lambda case: found.append(case)))()
    for case in found:
        if "If-Match" in (case.headers or {}) and case.meta.generation.mode is POSITIVE:
            case.headers["If-Match"] = "*"  # whatever version it is at
    return found


def existing(value: Any, ids: dict[str, str]) -> Any:
    """A body whose ids name what there is."""
    if isinstance(value, dict):
        known = {f"{subject}_id": id for subject, id in ids.items()}
        return {
            name: known.get(name) if name in known and isinstance(v, str)
            else [ids["therapist"]] if name == "therapist_ids" else existing(v, ids)
            for name, v in value.items()
        }  # fmt: skip
    return [existing(v, ids) for v in value] if isinstance(value, list) else value


def tell(case: Any, served: Served, token: str, session: requests.Session) -> str | None:
    """Make one request about what exists, and say what was not as promised."""
    if "id" in (case.path_parameters or {}) and case.method != "PUT":
        collection = case.operation.path.split("/")[2]
        case.path_parameters = {**case.path_parameters, "id": served.world.ids[SUBJECTS[collection]]}
    case.body = existing(case.body, served.world.ids)
    if case.query:
        case.query.pop("wait", None)  # nobody has the time
    headers = {"Authorization": f"Bearer {token}"}
    response = case.call(base_url=served.address, session=session, headers=headers)
    try:
        case.validate_response(response, checks=CHECKS, headers=headers)
    except FailureGroup as group:
        return "\n".join(f"{case.method} {case.operation.path} {response.status_code}: {e}" for e in group.exceptions)
    return None


def walk(cases: list[Any], served: Served, token: str) -> list[str]:
    """What was not as promised."""
    with requests.Session() as session:
        session.trust_env = False
        return [said for case in cases if (said := tell(case, served, token, session))]


CALLERS = ["integration", "therapist"]


@pytest.mark.parametrize("role", CALLERS)
async def test_the_service_keeps_what_its_document_promises(served: Served, cases: list[Any], role: str):
    subject = served.world.ids["therapist"] if role == "therapist" else None
    token = served.world.case.house.token(role, subject)
    assert not await asyncio.to_thread(walk, cases, served, token)
