"""The tools that this server runs for models: what is offered, what becomes of calls, what came of them."""
