"""The Responses API as data: requests, items, events, errors and ids."""
