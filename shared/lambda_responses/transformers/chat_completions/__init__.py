"""OpenAI-style chat completions, with a profile for each vendor's dialect."""
