"""Background responses: their jobs, their events, and who is told that they ended."""
