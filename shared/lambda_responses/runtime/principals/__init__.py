"""Who asks, by the operator's choice of how that is known: a module for each way."""
