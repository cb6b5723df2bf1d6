"""The shape of the whole: who imports whom, and what does not exist."""

import ast
import re
import sys
from functools import cache
from pathlib import Path

import pytest
from sqlmodel import SQLModel

import infra.tables

ROOT = Path(__file__).parent.parent
PACKAGES = ("api", "infra", "domain")
FILES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
WRITTEN = [path for path in FILES if "versions" not in path.parts]
"""All but the migrations, which are a record of what was."""
ALL = [*FILES, *sorted((ROOT / "tests").rglob("*.py"))]
MAY_IMPORT = {"api": {"api", "infra", "domain"}, "infra": {"infra", "domain"}, "domain": {"domain"}}
LONG = {}
"""Functions of more than 40 lines, each with its reason."""


def place(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def imports(path: Path) -> set[str]:
    """The packages a file imports, wherever in it."""
    found = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{place(path)} imports relatively"
            found.add((node.module or "").partition(".")[0])
    return found


@pytest.mark.parametrize("path", FILES, ids=place)
def test_imports_run_from_api_to_infra_to_domain_and_never_back(path):
    package = path.relative_to(ROOT).parts[0]
    assert imports(path) & {*PACKAGES, "tests"} <= MAY_IMPORT[package]


@pytest.mark.parametrize("path", sorted((ROOT / "domain").rglob("*.py")), ids=place)
def test_the_domain_needs_nothing_but_the_standard_library(path):
    assert imports(path) <= sys.stdlib_module_names | {"domain"}


WORLDLY = {"asyncio", "socket", "os", "subprocess", "urllib", "http", "random", "time", "secrets", "logging", "pathlib"}


@pytest.mark.parametrize("path", sorted((ROOT / "domain").rglob("*.py")), ids=place)
def test_the_domain_asks_nothing_of_the_world(path):
    assert not imports(path) & WORLDLY
    asked = {n.attr for n in ast.walk(tree(path)) if isinstance(n, ast.Attribute)} & {"now", "utcnow", "uuid4", "uuid7"}
    passed_in = {"now"} if re.search(r"\baround\.now\b|self\.now\b", path.read_text()) else set()
    assert asked <= passed_in and not re.search(r"(datetime|date)\.(now|utcnow|today)\(", path.read_text())


def test_no_file_is_named_after_nothing_in_particular():
    nothing = {
        "services",
        "service",
        "utils",
        "util",
        "base",
        "helpers",
        "helper",
        "common",
        "misc",
        "manager",
        "managers",
    }
    assert [place(path) for path in FILES if path.stem in nothing or path.parent.name in nothing] == []


def lengths() -> dict[str, int]:
    return {
        f"{place(path)}:{node.name}": (node.end_lineno or 0) - node.lineno + 1
        for path in WRITTEN
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def test_no_function_is_too_long_to_read_at_a_glance():
    assert {name: length for name, length in lengths().items() if length > 40 and name not in LONG} == {}


def test_the_list_of_long_functions_holds_only_what_is_long():
    assert {name for name in LONG if lengths().get(name, 0) <= 40} == set()


def test_there_is_no_middleware_that_costs_more_than_it_does():
    named = {
        place(p)
        for p in FILES
        for n in ast.walk(tree(p))
        if getattr(n, "id", getattr(n, "attr", "")) == "BaseHTTPMiddleware"
    }
    assert named == set()


@pytest.mark.parametrize("path", sorted((ROOT / "api").rglob("*.py")), ids=place)
def test_only_the_store_touches_the_pool(path):
    if place(path) == "api/app.py":
        return
    names = {getattr(n, "id", getattr(n, "attr", getattr(n, "arg", None))) for n in ast.walk(tree(path))}
    assert not names & {"pool", "fetchrow", "fetchval", "executemany", "acquire", "copy_records_to_table"}
    assert not imports(path) & {"asyncpg", "sqlmodel"}


@pytest.mark.parametrize("table", infra.tables.SQLModel.metadata.sorted_tables, ids=lambda t: t.name)
def test_every_primary_key_begins_with_the_practice(table):
    first = next(iter(table.primary_key.columns)).name
    # The volumes are everybody's: a log is opened and dropped for all practices at once.
    assert first == {"practice": "id", "volume": "log"}.get(table.name, "practice_id")


@pytest.mark.parametrize("table", SQLModel.metadata.sorted_tables, ids=lambda t: t.name)
def test_nothing_refers_to_another_practices_rows(table):
    for key in table.foreign_key_constraints:
        assert next(iter(key.columns)).name == "practice_id", key.name


@pytest.mark.parametrize("path", ALL, ids=place)
def test_nothing_is_left_for_later(path):
    assert not re.search(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b", path.read_text())


@pytest.mark.parametrize("path", FILES, ids=place)
def test_every_file_says_what_it_is_for(path):
    assert ast.get_docstring(tree(path))
