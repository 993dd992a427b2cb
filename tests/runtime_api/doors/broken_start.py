"""A door that breaks while it is imported."""

raise RuntimeError("with a secret")
