"""Servers of tools: who they are, what they offer, and how they are called."""
