"""Guarded HTTP to addresses that clients name: who may be called, for how long, and how much is read."""
