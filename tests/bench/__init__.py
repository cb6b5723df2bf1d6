"""The bench: what the service costs beside the floor of its stack and beside the usual way, in one run."""
