"""A client's letter as a page."""

from collections.abc import Iterator

from api.page import Block, Page
from domain.access import Role
from domain.letter import Letter, LetterSection, Quote
from domain.telling import day

NOTE = (
    "Put together from what was recorded up to {on}; nothing was added. It is yours: keep it, share it, or let it go."
)


def letter_page(letter: Letter) -> Page:
    """The letter to read and to print."""
    blocks = [block for section in letter.sections for block in blocks_of(section)]
    if letter.signed_by:
        blocks.append(("text", f"\n{', '.join(letter.signed_by)}"))
    return Page(letter.title, "A letter to keep", tuple(blocks), NOTE.format(on=day(letter.as_of)), serif=True)


def blocks_of(section: LetterSection) -> Iterator[Block]:
    """A section."""
    yield "heading", section.heading
    for text in section.paragraphs:
        yield "text", text
    for listed in section.lists:
        yield "list", listed.title, list(listed.lines)
    for quote in section.quotes:
        yield "quote", quote.words, whose(quote)


def whose(quote: Quote) -> str:
    """Whose words they are, and when they were said."""
    by = "Your words" if quote.by is Role.CLIENT else "Your therapist's words"
    return f"{by}, {day(quote.said_on)}" if quote.said_on else by
