"""A page as PDF. This runs in the process that draws, which has nothing of ours around it but this file.

The fonts beside it hold Latin, Greek, Cyrillic, Hebrew, Arabic, Armenian and Georgian letters. For others the practice
names fonts of its own; a letter that none of them holds prints as a mark, and the page says so.
"""

import json
import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

FONTS = Path(__file__).with_name("fonts")
INK, FAINT, RULE = (34, 34, 34), (89, 89, 89), (185, 199, 192)
MARK = "\ufffd"
MARKED = "A letter printed as \ufffd is in none of the fonts at hand. The page on a screen shows it."
SELECTORS = frozenset(map(chr, range(0xFE00, 0xFE10)))
"""They choose between two looks of the letter before them, and are none themselves."""
MARGIN = 24.0
"""Around everything, in millimetres."""
SIZE, LINE = 11.0, 6.0
"""Of the text in points, and from line to line in millimetres."""


def pdf(said: bytes) -> bytes:
    """The PDF of a page as JSON: its title, subtitle, blocks and footer, its `day`, and more `fonts` by their paths.

    Raises ValueError for a font that cannot be read.
    """
    page = json.loads(said)
    # What it would warn of is told on the page; a warning would quote what is printed.
    logging.disable(logging.CRITICAL)
    sheet = blank(page)
    for block in [("title", page["title"]), ("faint", page["subtitle"]), *page["blocks"], ("rule",)]:
        draw: Any = DRAW[block[0]]
        draw(sheet, *block[1:])
    faint(sheet, page["footer"])
    if sheet.marked:
        faint(sheet, MARKED)
    return bytes(sheet.output())


def blank(page: dict[str, Any]) -> Any:
    """A sheet with its fonts and margins. The library is loaded when the first PDF is asked for."""
    from fpdf import FPDF

    sheet: Any = FPDF(format="A4")
    sheet.set_title(page["title"])
    sheet.set_lang("en")
    # The day it tells of, not the moment it is drawn: the same page is the same bytes.
    sheet.set_creation_date(datetime.fromisoformat(page["day"]).replace(tzinfo=UTC))
    sheet.set_margins(MARGIN, MARGIN)
    sheet.set_auto_page_break(True, MARGIN)
    main = "DejaVuSerif" if page["serif"] else "DejaVuSans"
    sheet.add_font("text", "", FONTS / f"{main}.ttf")
    sheet.add_font("text", "B", FONTS / f"{main}-Bold.ttf")
    fallbacks = [FONTS / "DejaVuSans.ttf", *map(Path, page["fonts"])]
    for number, path in enumerate(fallbacks):
        try:
            sheet.add_font(f"more{number}", "", path)
        except Exception as error:
            raise ValueError("A font cannot be read.") from error
    sheet.set_fallback_fonts([f"more{number}" for number in range(len(fallbacks))], exact_match=False)
    sheet.set_text_shaping(True)
    sheet.known = {letter for font in sheet.fonts.values() for letter in font.cmap}
    sheet.marked = False
    sheet.add_page()
    return sheet


def write(
    sheet: Any, text: str, *, bold: bool = False, size: float = SIZE, ink: tuple[int, int, int] = INK,
    indent: float = 0, above: float = 0,
) -> None:  # fmt: skip
    """A paragraph."""
    shown = "".join(letter_of(sheet, letter) for letter in text)
    sheet.marked = sheet.marked or MARK in shown
    sheet.set_font("text", "B" if bold else "", size)
    sheet.set_text_color(*ink)
    sheet.ln(above)
    sheet.set_x(sheet.l_margin + indent)
    sheet.multi_cell(0, LINE * size / SIZE, shown, align="L", new_x="LMARGIN", new_y="NEXT")


def letter_of(sheet: Any, letter: str) -> str:
    """The letter, where a font holds it; a mark in its place where none does; nothing for what has no shape."""
    if ord(letter) in sheet.known or letter == "\n":
        return letter
    return MARK if letter.isprintable() and letter not in SELECTORS else ""


def title(sheet: Any, text: str) -> None:
    """The title."""
    write(sheet, text, size=18)


def faint(sheet: Any, text: str) -> None:
    """What stands back."""
    write(sheet, text, size=8.5, ink=FAINT, above=1)


def heading(sheet: Any, text: str) -> None:
    """A heading, with room under it for what it is the heading of."""
    if sheet.will_page_break(LINE * 4):
        sheet.add_page()
    write(sheet, text, bold=True, size=12, above=6)
    sheet.ln(1)


def paragraph(sheet: Any, text: str) -> None:
    """A paragraph."""
    write(sheet, text, above=1)


def lines(sheet: Any, above: str | None, said: list[str]) -> None:
    """A list."""
    if above:
        if sheet.will_page_break(LINE * 3):
            sheet.add_page()
        write(sheet, above, above=2)
    for line in said:
        sheet.set_font("text", "", SIZE)
        sheet.set_text_color(*INK)
        if sheet.will_page_break(LINE):
            sheet.add_page()
        top = sheet.get_y()
        sheet.set_xy(sheet.l_margin + 1, top)
        sheet.cell(4, LINE, "•")
        sheet.set_y(top)
        write(sheet, line, indent=6)


def quote(sheet: Any, words: str, whose: str) -> None:
    """Somebody's own words, with a line beside them."""
    sheet.ln(2)
    page, top = sheet.page, sheet.get_y()
    write(sheet, words, indent=5)
    write(sheet, whose, size=8.5, ink=FAINT, indent=5)
    if sheet.page == page:
        sheet.set_draw_color(*RULE)
        sheet.set_line_width(0.9)
        sheet.line(sheet.l_margin + 1, top + 1, sheet.l_margin + 1, sheet.get_y() - 1)
    sheet.ln(1)


def table(sheet: Any, rows: list[list[str]]) -> None:
    """Rows of a name and what is said of it; the last cell takes the room that is left."""
    for row in rows:
        widths = [sheet.epw * share for share in ((0.3, 0.7) if len(row) == 2 else (0.3, 0.2, 0.5))]
        height = max(tall(sheet, cell, width) for cell, width in zip(row, widths, strict=True)) + 1
        if sheet.will_page_break(height):
            sheet.add_page()
        top, left = sheet.get_y(), sheet.l_margin
        for cell, width in zip(row, widths, strict=True):
            sheet.set_y(top)
            right = sheet.r_margin
            sheet.set_right_margin(sheet.w - left - width + 2)
            write(sheet, cell, size=9, indent=left - sheet.l_margin)
            sheet.set_right_margin(right)
            left += width
        sheet.set_y(top + height)
        sheet.set_draw_color(228, 228, 228)
        sheet.set_line_width(0.2)
        sheet.line(sheet.l_margin, top + height - 0.5, sheet.l_margin + sheet.epw, top + height - 0.5)


def tall(sheet: Any, text: str, width: float) -> float:
    """How tall a cell of a table is, in millimetres."""
    sheet.set_font("text", "", 9)
    shown = "".join(letter_of(sheet, letter) for letter in text)
    height: float = sheet.multi_cell(width - 2, LINE * 9 / SIZE, shown, align="L", dry_run=True, output="HEIGHT")
    return height


def rule(sheet: Any) -> None:
    """A line across."""
    sheet.ln(8)
    sheet.set_draw_color(221, 221, 221)
    sheet.set_line_width(0.2)
    sheet.line(sheet.l_margin, sheet.get_y(), sheet.l_margin + sheet.epw, sheet.get_y())
    sheet.ln(1)


DRAW = {
    "title": title, "faint": faint, "heading": heading, "text": paragraph, "list": lines, "quote": quote,
    "table": table, "rule": rule,
}  # fmt: skip
