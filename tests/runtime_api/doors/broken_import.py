"""A door that needs a library which is not there."""

import a_library_that_nobody_has  # pyright: ignore  # noqa: F401
