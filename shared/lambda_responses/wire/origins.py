"""What is kept beside an item, by the item's id, and never shown: above all what its maker wants back."""

from __future__ import annotations

SUPERSEDED = "superseded"
"""In an item's origin: it was cut when its run was interrupted, and the next run said it anew behind it."""
