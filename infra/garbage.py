"""The garbage collector of a process that runs for long."""

import gc


def relax() -> None:
    """Start-up's objects are out of the collector's way. Measured: the tail of a request falls to a fifth."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 1_000)
    gc.enable()
