"""What a caller is told who is not known. One status and one code; whoever shows a key that does not open
anything does not learn whether it was ever one.

No key is ever quoted, not even in part: answers end in logs and screenshots.
"""

from __future__ import annotations

from lambda_responses.wire.errors import AuthenticationError

CHALLENGE = {"www-authenticate": "Bearer"}
"""What RFC 9110 §11.6.1 has a 401 say."""


def key_missing() -> AuthenticationError:
    """No `Authorization` header, or nothing in it that could be a key."""
    return AuthenticationError(
        "No API key was given. Send yours in the header 'Authorization: Bearer <API key>'.", headers=CHALLENGE
    )


def key_ambiguous() -> AuthenticationError:
    """Several `Authorization` headers."""
    return AuthenticationError("Send one 'Authorization' header, with one API key in it.", headers=CHALLENGE)


def key_refused() -> AuthenticationError:
    """A key that is mistyped, unknown, revoked or expired."""
    return AuthenticationError(
        "This API key is not valid. Check it, or ask whoever runs this server for another.", headers=CHALLENGE
    )


def signature_missing() -> AuthenticationError:
    """A request that AWS has not vouched for, where callers sign."""
    return AuthenticationError("This request was not signed with AWS credentials.")
