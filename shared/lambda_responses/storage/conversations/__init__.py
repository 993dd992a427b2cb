"""Conversations: their items, and who may add to them."""
