"""What is installed is what was tried: every dependency, to the version, in a file that names no registry."""

import re
import tomllib
from importlib.metadata import distributions
from pathlib import Path

PROJECT = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text())


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_dependency_is_pinned_to_the_version_that_is_here():
    pins = dict(pin.split("==") for pin in PROJECT["tool"]["uv"]["constraint-dependencies"])
    pinned = {plain(name): version for name, version in pins.items()}
    tools = {"bravespace", "pip", "setuptools", "wheel", "uv"}
    here = {plain(d.metadata["Name"]): d.version for d in distributions()}
    assert {name: version for name, version in here.items() if name not in tools} == {
        name: version for name, version in pinned.items() if name in here
    }


def test_a_wheel_carries_what_the_service_shows():
    assert PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"] == {
        "openapi/openapi.json": "api/openapi.json"
    }
