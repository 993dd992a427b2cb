"""One use case for each operation, and the loop of upstream steps."""
