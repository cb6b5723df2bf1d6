"""A labelled simulation study of the detectors: what they see, what they miss, and how often they are wrong.

    uv run python -m tests.study            # prints the tables
    uv run python -m tests.study --write    # and writes openapi/detection.md

`population` says whom the simulated clients stand for, `courses` what happens to them, `oracle` what could be seen at
best, `count` what counts as seen and as a false alarm, `report` shows it. Everything is seeded.
"""
