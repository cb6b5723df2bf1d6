"""Closure rituals: examples to choose from, or to make one's own from. None is a standard, and none is owed.

That an ending has a ritual is the founding text's; the examples are common clinical practice, in our own words. Which
one fits is for the two to say: culture, faith and what the person has lived through come before any list.
"""

from dataclasses import dataclass
from enum import StrEnum


class RitualModality(StrEnum):
    """Where and with whom the goodbye is."""

    IN_PERSON = "in_person"
    """The two, in one room."""
    VIDEO = "video"
    """The two, each in front of a screen."""
    PHONE = "phone"
    """The two, by voice alone."""
    GROUP = "group"
    """A therapy group, one member leaving or all."""
    COUPLE_OR_FAMILY = "couple_or_family"
    """A couple or a family."""


class RitualAge(StrEnum):
    """About how old the client is."""

    CHILD = "child"
    """Up to about twelve."""
    ADOLESCENT = "adolescent"
    """About twelve to eighteen."""
    ADULT = "adult"
    """Grown up."""
    OLDER = "older"
    """In later life."""


class RitualCode(StrEnum):
    """The rituals of the library."""

    LETTER_READ_ALOUD = "letter_read_aloud"
    """Each writes the other a letter and reads it aloud."""
    POSTCARD_TO_LATER = "postcard_to_later"
    """A card to oneself, opened on a chosen day."""
    STONE = "stone"
    """A small object that is kept."""
    TIMELINE = "timeline"
    """The way walked together, drawn."""
    LAST_WALK = "last_walk"
    """A last session on foot."""
    UNSAID_WORDS = "unsaid_words"
    """A place for what was not said."""
    GOODBYE_BOOK = "goodbye_book"
    """A book of drawings and sentences, made together."""
    LAST_GAME = "last_game"
    """The favourite game, once more, knowing it is the last."""
    COUNTDOWN_CALENDAR = "countdown_calendar"
    """The sessions that are left, made visible."""
    PLAYLIST = "playlist"
    """A few songs for what was and what comes."""
    TOOLBOX = "toolbox"
    """What helps, put where it can be found."""
    GIFT_OF_WORDS = "gift_of_words"
    """Each says one thing to the one who leaves."""
    CANDLE_ROUND = "candle_round"
    """A light is handed on."""
    TURNED_TOWARDS = "turned_towards"
    """Two people thank each other, not the therapist."""
    LIFE_THREAD = "life_thread"
    """This chapter, set among the others of a life."""
    SHARED_SILENCE = "shared_silence"
    """A minute of quiet, agreed and ended together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ritual:
    """An example of a closure ritual."""

    code: RitualCode
    """What a closing task names it by."""
    title: str
    """Its name."""
    how: str
    """How it is done."""
    needs: str
    """What it takes to prepare."""
    mind: str
    """When it may be the wrong one."""
    modalities: tuple[RitualModality, ...]
    """Where it can be done."""
    ages: tuple[RitualAge, ...]
    """For whom it tends to fit."""


M, Y = RitualModality, RitualAge
APART = (M.IN_PERSON, M.VIDEO, M.PHONE)
SEEN = (M.IN_PERSON, M.VIDEO)
GROWN = (Y.ADULT, Y.OLDER)
YOUNG = (Y.CHILD, Y.ADOLESCENT)
TEENS_ON = (Y.ADOLESCENT, *GROWN)
R = RitualCode


def example(
    code: RitualCode, title: str, how: str, needs: str, mind: str,
    modalities: tuple[RitualModality, ...], ages: tuple[RitualAge, ...],
) -> Ritual:  # fmt: skip
    """One line of the library."""
    return Ritual(code=code, title=title, how=how, needs=needs, mind=mind, modalities=modalities, ages=ages)


RITUALS: tuple[Ritual, ...] = (
    example(R.LETTER_READ_ALOUD, "Letters, read aloud",
            "Each writes the other a letter: what was hard, what changed, what they will keep. In the last session "
            "each reads theirs aloud, and both are given away.",
            "A week's notice, so that nobody writes in the waiting room.",
            "If writing is hard or embarrassing. A voice message, or three sentences spoken freely, does as well.",
            APART, TEENS_ON),
    example(R.POSTCARD_TO_LATER, "A postcard to later",
            "The client writes a card to themselves, to be read in a year or on a hard day, and decides who keeps "
            "it and who posts it.",
            "A card and an address that will still be right.",
            "Where a letter in the post could be read by somebody it is not meant for.",
            (*APART, M.GROUP), TEENS_ON),
    example(R.STONE, "A stone to keep",
            "Both choose a small object that stands for the work, say what it stands for, and the client takes it "
            "along. By video each brings one of their own and shows it.",
            "A few small objects that cost nothing, to choose from.",
            "Where gifts are restricted, or could be taken to bind. The object costs nothing and asks for nothing.",
            (*SEEN, M.GROUP), tuple(RitualAge)),
    example(R.TIMELINE, "How we got here",
            "The two draw the therapy as a path, from the first session on: turns, storms, resting places, mended "
            "breaks. The client adds where the path goes on.",
            "Large paper, or a shared whiteboard; half a session.",
            "If there was more hardship than progress: fewer stops, and time for each.",
            (*SEEN, M.COUPLE_OR_FAMILY), tuple(RitualAge)),
    example(R.LAST_WALK, "A last walk",
            "The last session, or its last part, is a walk of a known length that both end at the same door.",
            "A quiet route, good shoes, and a talk beforehand about who might be met.",
            "Where being seen together is a risk, or walking is hard.",
            (M.IN_PERSON,), TEENS_ON),
    example(R.UNSAID_WORDS, "What was not said",
            "Each finishes two sentences: what I did not say until now; what I should have liked to hear. The other "
            "listens, and answers only if asked.",
            "Time afterwards. This is not for the last five minutes.",
            "Where a rupture is still open: repair comes first, or at least its naming.",
            (*APART, M.GROUP, M.COUPLE_OR_FAMILY), TEENS_ON),
    example(R.GOODBYE_BOOK, "A goodbye book",
            "Over the last sessions child and therapist fill a small book: drawings, what we played, what I can do "
            "now, whom I can ask. The child takes it home.",
            "An empty booklet, three or four sessions, and a word with whoever looks after the child.",
            "Where the book would be read at home against the child's wish. Then a page stays in the room.",
            SEEN, (Y.CHILD,)),
    example(R.LAST_GAME, "The favourite game, once more",
            "The child chooses what to play, as often before. Both say beforehand that it is the last time, and "
            "afterwards how it was.",
            "The game; and the last ten minutes free of it.",
            "Where play is used not to feel the goodbye. It may be both.",
            SEEN, (Y.CHILD,)),
    example(R.COUNTDOWN_CALENDAR, "The sessions that are left",
            "The sessions that are left hang on the wall or are sent as a picture, and one is crossed out each "
            "time. An ending that can be seen is no ambush.",
            "A sheet with as many boxes as there are sessions, from some weeks ahead.",
            "Where counting frightens more than it holds. Ask.",
            (*SEEN, M.COUPLE_OR_FAMILY), YOUNG),
    example(R.PLAYLIST, "A playlist",
            "Each brings two or three songs: one for how it began, one for now, one for what comes. They are "
            "listened to, and the list is the client's.",
            "Something to play music on; songs that both can bear.",
            "Where a song leads straight back to what was barely mended.",
            (*APART, M.GROUP), (Y.ADOLESCENT, Y.ADULT)),
    example(R.TOOLBOX, "A box of what helps",
            "What has helped goes into a box, a folder on the phone or a list on the fridge: sentences, skills, "
            "numbers to call, a picture. The two try out how quickly it is found.",
            "A box or a phone; the plan for slips, if there is one.",
            "Where it would look like homework. One thing that is used is worth ten that are filed.",
            APART, tuple(RitualAge)),
    example(R.GIFT_OF_WORDS, "A gift of words",
            "Each member says one thing to the one who leaves: what I saw you do, what I take from you. The one who "
            "leaves answers last, or not at all.",
            "A round that everybody knows of a week ahead; slips of paper for those who would rather write.",
            "Where somebody would be praised against their will. They may ask for less.",
            (M.GROUP, M.COUPLE_OR_FAMILY), tuple(RitualAge)),
    example(R.CANDLE_ROUND, "A light handed on",
            "A light goes round; who holds it says a sentence of goodbye and hands it on. With cameras, each "
            "switches a lamp on, and at the end off.",
            "Electric lights where flames are not allowed.",
            "Where fire, or anything that resembles worship, is not theirs.",
            (M.GROUP, M.VIDEO), (Y.ADOLESCENT, Y.ADULT, Y.OLDER)),
    example(R.TURNED_TOWARDS, "Turned towards each other",
            "Instead of thanking the therapist, the two thank each other for one thing each in these months, and "
            "agree on one evening a month to go on talking.",
            "Chairs that can be turned.",
            "Where one of them is not safe with the other. Then there is no shared ritual.",
            (M.COUPLE_OR_FAMILY,), GROWN),
    example(R.LIFE_THREAD, "This chapter among the others",
            "The client places this therapy among the chapters of their life, gives it a title, and says what the "
            "next one might be called. Earlier goodbyes may be named.",
            "Half a session; photographs, if they like.",
            "Where many goodbyes lie close together. Go slowly, and ask who is there afterwards.",
            APART, GROWN),
    example(R.SHARED_SILENCE, "A minute of quiet",
            "A minute without words that both have agreed on, begun and ended by the client.",
            "Nothing. On the telephone, say that you are still there.",
            "Where silence was used as a punishment.",
            (*APART, M.GROUP), TEENS_ON),
)  # fmt: skip
"""The library, in the order in which it is shown."""
TITLES = {ritual.code: ritual.title for ritual in RITUALS}


def rituals(modality: RitualModality | None = None, age: RitualAge | None = None) -> tuple[Ritual, ...]:
    """The examples that fit; all of them where nothing is said."""
    return tuple(
        ritual for ritual in RITUALS
        if (modality is None or modality in ritual.modalities) and (age is None or age in ritual.ages)
    )  # fmt: skip
