"""A page to read and to print: what is on it, and the same as HTML. As PDF it is drawn in the process that draws.

It loads nothing and runs nothing, so it can be saved and opened anywhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

Block = tuple[str, *tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Page:
    """What is on a page, in order. A block is a tuple: its kind, and what it says.

    `("heading", text)`, `("text", text)`, `("list", title or None, lines)`, `("quote", words, whose)`, and
    `("table", rows)` where a row is a pair or more of texts.
    """

    title: str
    subtitle: str
    blocks: tuple[Block, ...]
    footer: str
    serif: bool = False
    """A letter, and not a form."""


STYLE = """
:root { color-scheme: light; }
body { margin: 0 auto; max-width: 40rem; padding: 3rem 1.5rem; background: #fff; color: #222;
  font: 1rem/1.55 Arial, "Liberation Sans", "DejaVu Sans", sans-serif; overflow-wrap: anywhere; }
body.letter { font: 1.1rem/1.65 Georgia, "Liberation Serif", "DejaVu Serif", serif; }
h1 { font-size: 1.6em; font-weight: normal; line-height: 1.25; margin: 0; }
h2 { font-size: 1.08em; margin: 2em 0 .4em; break-after: avoid; }
p, ul, blockquote { margin: .4em 0; white-space: pre-line; }
ul { padding-inline-start: 1.2em; }
.title { margin-top: .9em; }
blockquote { margin-inline: 0; padding-inline-start: 1em; border-inline-start: 3px solid #b9c7c0; break-inside: avoid; }
blockquote footer, .subtitle, body > footer { color: #595959; font-size: .85em; }
body > footer { margin-top: 3em; border-top: 1px solid #ddd; padding-top: .8em; }
table { border-collapse: collapse; width: 100%; margin: .4em 0; font-size: .93em; }
td { text-align: start; vertical-align: top; padding: .22em .8em .22em 0; border-bottom: 1px solid #e4e4e4; }
td:first-child { width: 30%; color: #444; }
td:nth-child(2):not(:last-child) { width: 20%; }
tr { break-inside: avoid; }
@media (max-width: 30rem) { body { padding: 1.2rem 1rem; } }
@page { size: A4; margin: 2.2cm; }
@media print { body { padding: 0; max-width: none; } }
"""


def html(page: Page) -> bytes:
    """The page as HTML."""
    body = "\n".join(markup(block) for block in page.blocks)
    return f"""<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(page.title)}</title><style>{STYLE}</style></head>
<body{' class="letter"' if page.serif else ""}>
<header><h1>{escape(page.title)}</h1>
<p class="subtitle">{escape(page.subtitle)}</p></header>
<main>
{body}
</main>
<footer>{escape(page.footer)}</footer>
</body>
</html>
""".encode()


def markup(block: Block) -> str:
    """A block as HTML."""
    match block:
        case ("heading", text):
            return f"<h2>{escape(text)}</h2>"
        case ("list", title, lines):
            above = f'<p class="title">{escape(title)}</p>' if title else ""
            return f"{above}<ul>{''.join(own('li', line) for line in lines)}</ul>"
        case ("quote", words, whose):
            return f"<blockquote>{own('p', words)}<footer>{escape(whose)}</footer></blockquote>"
        case ("table", rows):
            return f"<table>{''.join(map(row, rows))}</table>"
    return own("p", block[1])


def own(tag: str, text: str) -> str:
    """A text in an element. Whatever language it is in, it runs in its own direction."""
    return f'<{tag} dir="auto">{escape(text)}</{tag}>'


def row(cells: Sequence[str]) -> str:
    """A row of a table."""
    return f"<tr>{''.join(own('td', cell) for cell in cells)}</tr>"
