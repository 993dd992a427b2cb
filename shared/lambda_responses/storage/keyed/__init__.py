"""Rows under keys, changed only under conditions: the port, and the two stores that keep its promise."""
