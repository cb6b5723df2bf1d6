"""Everything that is made to fail, and that each of it has its test: `pytest.mark.row` names the row that a test holds."""

import ast
from collections import defaultdict
from pathlib import Path

ROWS = {
    1: "a dispatcher is killed at random under load: nothing lost, told of twice without need, or out of order",
    2: "killed between the receiver's disk and its answer: exactly one repeat, the same bytes, a new time",
    3: "killed before a commit: no event; after it: delivered once, and the same request again is answered the same",
    4: "Postgres crashes under load: nothing that was answered is lost, no lane stays stuck",
    5: "Postgres is out of reach: 503, no memory growth, and it goes on by itself",
    6: "connections that break, drip or never end, bodies without end: over by the deadline, little read, tried again",
    7: "one of fifty receivers hangs: the p99 of the others stays within a tenth",
    8: "an endpoint is down: probed, then told everything, in order and at its rate",
    9: "429 with Retry-After in seconds, as a date, absurd, garbage: honoured within bounds, whatever the resource",
    10: "410: disabled at once and told so, what was waiting is kept",
    11: "redirects to an inner address: failures, never followed",
    12: "hostile addresses and names, answers that change: no packet to an address that must not be sent to",
    13: "a secret is rotated under load: no failure for who knows either; then the old one signs no more",
    14: "a worker sleeps beyond its lease: what it did is fenced off, nothing older after something newer",
    15: "dispatchers whose clocks are ten minutes off: nothing early, nothing late",
    19: "an event nobody takes: its resource alone waits, it ends dead in plain sight, the resource goes on",
    20: "recovered twice, killed halfway: each event at most once more, under its id",
    21: "disabled or deleted with deliveries in flight: no send starts afterwards",
    22: "partitions turn over under load, or are missing: no failed write, and a drop that was killed is finished",
    23: "nobody wakes the dispatcher: late by a poll at most, nothing lost",
    26: "every failure at once: no word of what was said is in a log, a metric, an attempt or an address",
}
"""By number. What is not there was never delivery's: the feed, a standby, a soak of a day."""


def holders() -> dict[int, list[str]]:
    """The tests that are marked with each row."""
    found = defaultdict(list)
    for path in Path(__file__).parents[1].rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                for mark in node.decorator_list:
                    if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.row":
                        found[ast.literal_eval(mark.args[0])].append(f"{path.name}::{node.name}")
    return found


def test_every_row_of_the_table_is_held_by_a_test_and_every_mark_names_a_row():
    assert holders().keys() == ROWS.keys()
