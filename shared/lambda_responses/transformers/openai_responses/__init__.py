"""The Responses API itself, spoken by an upstream."""
