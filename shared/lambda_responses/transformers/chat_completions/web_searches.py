"""How the vendors that search the web are asked to. Sources: recorded traffic and the vendors' references."""

from __future__ import annotations

from lambda_responses.transformers.chat_completions.web_search import WebSearch

_WHERE = ("type", "country", "region", "city", "timezone")
"""Members of a `user_location`."""

OPENAI = WebSearch(
    body={"web_search_options": {}},
    places={
        "search_context_size": "web_search_options.search_context_size",
        "user_location.type": "web_search_options.user_location.type",
        **{
            f"user_location.{member}": f"web_search_options.user_location.approximate.{member}"
            for member in _WHERE[1:]
        },
    },
    forced="always",
)
"""Search models, which search for every answer."""

GROQ = WebSearch(tool={"type": "browser_search"}, forced="required")
"""Models that are given a browser."""

GROQ_COMPOUND = WebSearch(
    places={
        "filters.allowed_domains": "search_settings.include_domains",
        "filters.blocked_domains": "search_settings.exclude_domains",
        "user_location.country": "search_settings.country",
    },
)
"""Systems that search when they see fit."""

OPENROUTER = WebSearch(
    tool={"type": "openrouter:web_search"},
    places={
        "search_context_size": "parameters.search_context_size",
        "filters.allowed_domains": "parameters.allowed_domains",
        "filters.blocked_domains": "parameters.excluded_domains",
        **{f"user_location.{member}": f"parameters.user_location.{member}" for member in _WHERE},
    },
)
"""A tool of the router, for all models."""

PERPLEXITY = WebSearch(
    off={"disable_search": True},
    places={
        "search_context_size": "web_search_options.search_context_size",
        "user_location.country": "web_search_options.user_location.country",
        "filters.allowed_domains": "search_domain_filter",
    },
    forced="always",
)
"""Models that search unless they are told not to."""

ZAI = WebSearch(
    tool={
        "type": "web_search",
        "web_search": {"enable": True, "search_engine": "search-prime", "search_result": True},
    },
)
"""Results come beside the answer."""
