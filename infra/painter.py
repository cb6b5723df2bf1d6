"""The process that draws: Vega-Lite specifications in at standard input, pictures out at standard output.

It is a program of its own, run by file name, and imports nothing of ours: the drawing library holds Python's lock for
as long as a picture takes, and whatever goes wrong in a JavaScript engine goes wrong in here.
"""

import os
import struct
import sys
from pathlib import Path

REQUEST = struct.Struct("!BI")
"""1 for PNG and 0 for SVG, and how many bytes of specification follow."""
ANSWER = struct.Struct("!?I")
"""Whether it was drawn, and how many bytes of picture follow."""
VEGA_LITE = "6.4"


def serve() -> None:
    """Draw what is asked for until there is nobody left to ask."""
    os.environ["FONTCONFIG_FILE"] = str(Path(__file__).with_name("fonts.conf"))
    import vl_convert

    said, told = sys.stdin.buffer, sys.stdout.buffer
    while len(head := said.read(REQUEST.size)) == REQUEST.size:
        png, length = REQUEST.unpack(head)
        draw = vl_convert.vegalite_to_png if png else vl_convert.vegalite_to_svg
        try:
            # An empty list: nothing is ever loaded from anywhere.
            drawn = draw(said.read(length).decode(), VEGA_LITE, allowed_base_urls=[])
        except ValueError:
            told.write(ANSWER.pack(False, 0))
        else:
            picture = drawn if isinstance(drawn, bytes) else drawn.encode()
            told.write(ANSWER.pack(True, len(picture)) + picture)
        told.flush()


if __name__ == "__main__":
    serve()
