"""Attachment, as the founding text speaks of it: how a person may meet a rupture. Dimensions, in words."""

from enum import StrEnum


class AttachmentPattern(StrEnum):
    """A pattern derived from two dimensions, anxiety and avoidance; a way to attune, never a type of person.

    Attachment is dimensional (Fraley et al. 2015), so a pattern is a manner of speaking with its rule named, and
    `indeterminate` is an answer in its own right.
    """

    SECURE = "secure"
    """Low anxiety, low avoidance: likely to voice concerns directly and engage in repair (founding text)."""
    ANXIOUS = "anxious"
    """High anxiety, low avoidance (the field: preoccupied): may feel abandoned or rejected (founding text)."""
    AVOIDANT = "avoidant"
    """Low anxiety, high avoidance (the field: dismissing): may withdraw rather than address it (founding text)."""
    DISORGANIZED = "disorganized"
    """High anxiety, high avoidance: may crave closeness and fear it (founding text); the field's word is fearful, for
    disorganization proper is not measured by two self-report dimensions."""
    INDETERMINATE = "indeterminate"
    """Nothing is known, or the scores lie too near the cut to say."""
