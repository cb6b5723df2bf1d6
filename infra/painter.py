"""The process that draws: what is to be drawn comes in at standard input, and goes out drawn at standard output.

It is a program of its own, run by file name, and imports nothing of ours: the drawing library holds Python's lock for
as long as a picture takes, and whatever goes wrong in a JavaScript engine goes wrong in here.
"""

import os
import runpy
import struct
import sys
from functools import cache
from pathlib import Path
from typing import Any

REQUEST = struct.Struct("!BI")
"""What it is to be (its place in `DRAW`), and how many bytes of it follow."""
ANSWER = struct.Struct("!?I")
"""Whether it was drawn, and how many bytes of picture follow."""
VEGA_LITE = "6.4"
NOWHERE: list[str] = []
"""Where pictures may be loaded from."""


def svg(said: bytes) -> bytes:
    """A picture as SVG."""
    import vl_convert

    drawn: str = vl_convert.vegalite_to_svg(said.decode(), VEGA_LITE, allowed_base_urls=NOWHERE)
    return drawn.encode()


def png(said: bytes) -> bytes:
    """A picture as PNG."""
    import vl_convert

    drawn: bytes = vl_convert.vegalite_to_png(said.decode(), VEGA_LITE, allowed_base_urls=NOWHERE)
    return drawn


def pdf(said: bytes) -> bytes:
    """A page as PDF."""
    drawn: bytes = printer()["pdf"](said)
    return drawn


@cache
def printer() -> dict[str, Any]:
    """The file that prints pages, found by its place and not by its name: no package of ours is imported."""
    return runpy.run_path(str(Path(__file__).with_name("printer.py")))


DRAW = (svg, png, pdf)


def serve() -> None:
    """Draw what is asked for until there is nobody left to ask."""
    os.environ["FONTCONFIG_FILE"] = str(Path(__file__).with_name("fonts.conf"))
    said, told = sys.stdin.buffer, sys.stdout.buffer
    while len(head := said.read(REQUEST.size)) == REQUEST.size:
        kind, length = REQUEST.unpack(head)
        try:
            drawn = DRAW[kind](said.read(length))
        except ValueError:
            told.write(ANSWER.pack(False, 0))
        else:
            told.write(ANSWER.pack(True, len(drawn)) + drawn)
        told.flush()


if __name__ == "__main__":
    serve()
