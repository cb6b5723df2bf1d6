"""What a therapist can lean on in a repair: the four interpersonal-effectiveness skills and the ten 3RS strategies."""

from enum import StrEnum


class Skill(StrEnum):
    """Interpersonal-effectiveness skills of DBT, as the founding text names them (DEAR of Linehan's DEAR MAN)."""

    DESCRIBE = "describe"
    """Naming the experience without judgment (founding text)."""
    EXPRESS = "express"
    """Sharing feelings and observations openly (founding text)."""
    ASSERT = "assert"
    """Keeping clear yet flexible boundaries (founding text; Linehan's Assert is to ask or say no clearly)."""
    REINFORCE = "reinforce"
    """Highlighting why working through difficulties matters (founding text)."""


class Strategy(StrEnum):
    """Resolution strategies of the Rupture Resolution Rating System (Eubanks, Muran & Safran 2015)."""

    CLARIFY_MISUNDERSTANDING = "clarify_misunderstanding"
    """3RS 1: clarifies a misunderstanding."""
    CHANGE_TASKS_OR_GOALS = "change_tasks_or_goals"
    """3RS 2: changes tasks or goals."""
    GIVE_RATIONALE = "give_rationale"
    """3RS 3: illustrates tasks or gives a rationale."""
    INVITE_THOUGHTS_AND_FEELINGS = "invite_thoughts_and_feelings"
    """3RS 4: invites thoughts or feelings about the therapist or the therapy."""
    ACKNOWLEDGE_CONTRIBUTION = "acknowledge_contribution"
    """3RS 5: acknowledges the therapist's own contribution."""
    DISCLOSE_EXPERIENCE = "disclose_experience"
    """3RS 6: discloses the internal experience of the interaction."""
    LINK_TO_PATTERN_BETWEEN_US = "link_to_pattern_between_us"
    """3RS 7: links the rupture to patterns between client and therapist."""
    LINK_TO_OTHER_RELATIONSHIPS = "link_to_other_relationships"
    """3RS 8: links the rupture to patterns in the client's other relationships."""
    VALIDATE_DEFENSIVE_POSTURE = "validate_defensive_posture"
    """3RS 9: validates the client's defensive posture."""
    REDIRECT = "redirect"
    """3RS 10: redirects or refocuses the client."""


PATTERN_LINKING = frozenset({Strategy.LINK_TO_PATTERN_BETWEEN_US, Strategy.LINK_TO_OTHER_RELATIONSHIPS})
