"""Envelopes under the installation's own keys: what leaves this server and comes back as it left, unread."""
