"""What is kept beside an item, by the item's id, and never shown: above all what its maker wants back."""

from __future__ import annotations

FUNCTION = "function"
"""In the origin of a call that was run here: the function that was called, where the item does not tell its
name. It is nobody's secret: every model that is shown the call knows it by that name."""
SUPERSEDED = "superseded"
"""In an item's origin: it was cut when its run was interrupted, and the next run said it anew behind it."""
