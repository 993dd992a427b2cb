"""One ASGI endpoint for each operation: parse, call one use case, render."""
