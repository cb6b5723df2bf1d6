"""Runs the study and prints its tables: `uv run python -m tests.study`. Seeded; it takes a minute or two.

--write   also writes openapi/detection.md
"""

from pathlib import Path
from time import process_time
from typing import Annotated

import typer
from rich.console import Console

from tests.study.figures import ran
from tests.study.report import page, show

PAGE = Path(__file__).parents[2] / "openapi" / "detection.md"


def main(write: Annotated[bool, typer.Option("--write", help="Also write openapi/detection.md.")] = False) -> None:
    """What the detectors see, what they miss, and how often they are wrong."""
    console = Console()
    if not console.is_terminal:
        console.width = 150
    started = process_time()
    study = ran()
    show(console, study)
    if write:
        PAGE.write_text(page(study))
    console.print(f"{process_time() - started:.0f} s of CPU.", style="dim")


if __name__ == "__main__":
    typer.run(main)
