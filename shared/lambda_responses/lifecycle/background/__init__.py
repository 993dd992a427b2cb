"""Background responses: queued, worked at, watched over, told and found again."""
