"""Never loaded: the layer's runtime of this function has no use for a handler."""
