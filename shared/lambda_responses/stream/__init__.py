"""What a model says (deltas), what the API makes of it (events), and the order those may come in."""
