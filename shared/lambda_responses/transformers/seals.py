"""Whose seal it is: what a maker sealed, as clients see it and bring it back.

A seal (`encrypted_content`) says nothing to anyone but its maker, and another provider refuses the request
that holds it. So clients see `lr1.<maker>.<seal>`: the version of this form, the provider's name with its
dots and the like escaped, and the seal as the maker gave it. That is a label and no protection: it is neither
signed nor encrypted, and a client may write any.
"""

from __future__ import annotations

import re

VERSION = "lr1"

_ESCAPED = re.compile(r"[^A-Za-z0-9_-]")
_LABELLED = re.compile(r"lr\d+\.")


def label(seal: str, maker: str) -> str:
    """The seal as clients see it; as it is where its maker has no name."""
    return f"{_label_of(maker)}{seal}" if maker else seal


def unlabel(shown: str, maker: str) -> str | None:
    """The seal as this maker gave it; None for another's, or in a form of another version.

    What bears no label is taken for the maker's own: a client may bring it from there.
    """
    if not _LABELLED.match(shown):
        return shown
    own = _label_of(maker)
    return shown[len(own) :] if maker and shown.startswith(own) else None


def _label_of(maker: str) -> str:
    return f"{VERSION}.{_ESCAPED.sub(lambda character: f'%{ord(character[0]):x};', maker)}."
