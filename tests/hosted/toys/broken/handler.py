"""A function that cannot be loaded."""

raise RuntimeError("there is no way to begin")
