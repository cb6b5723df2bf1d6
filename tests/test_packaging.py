"""What is installed is what was tried: every dependency, to the version, in a file that names no registry."""

import re
import tomllib
from fnmatch import fnmatch
from importlib.metadata import distributions
from pathlib import Path

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


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


def test_public_data_travels_in_the_wheel_with_its_licence_and_where_it_is_from():
    """Hatch takes all of a package but what git ignores."""
    wheel, data = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"], ROOT / "api" / "data"
    assert "api" in wheel["packages"] and not {"exclude", "only-include"} & set(wheel)
    ignored = [pattern.rstrip("/") for pattern in (ROOT / ".gitignore").read_text().split()]
    told = (data / "README.md").read_text()
    files = {
        "session-scores-wide.csv": "LICENSE-suddengains",
        "nhs-talking-therapies-proms-england.csv": "LICENSE-nhstt",
    }
    assert {path.name for path in data.glob("*.csv")} == set(files)
    for name, licence in files.items():
        assert f"# {name}" in told and f"`{licence}`" in told
        for part in ("api", "data", name, licence):
            assert not [pattern for pattern in ignored if fnmatch(part, pattern)], part
    assert "Open Government Licence v3.0" in (data / "LICENSE-nhstt").read_text()


def test_a_wheel_carries_what_the_service_shows():
    assert PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"] == {
        "openapi/openapi.json": "api/openapi.json"
    }
