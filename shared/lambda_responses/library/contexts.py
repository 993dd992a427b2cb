"""What is done with a context beside answering it, on the library's loop: counting and compacting."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambda_responses.library.hooks import CallRecord, observed, public_request
from lambda_responses.library.objects import Response, TokenCount
from lambda_responses.library.routes import services_for
from lambda_responses.library.waits import within
from lambda_responses.lifecycle import compact, token_counts
from lambda_responses.wire.requests import read_model

if TYPE_CHECKING:
    from lambda_responses.library.home import Home
    from lambda_responses.library.options import Call
    from lambda_responses.lifecycle.ports import Services


async def counted(home: Home, call: Call) -> TokenCount:
    """How many tokens the request would be. Raises `exceptions.APIError`."""
    record = CallRecord("count_input_tokens", public_request(call.body), metadata=call.metadata)
    async with observed(record), within(call.timeout):
        count = await token_counts.count_input_tokens(
            call.body,
            principal=home.principal,
            using=await _services(home, call),
            provider=call.route.provider,
        )
        data = {"object": "response.input_tokens", "input_tokens": count.tokens}
        record.target = count.target
        record.response = shown = TokenCount(data, counter=count.counter, target=count.target)
    return shown


async def compacted(home: Home, call: Call) -> Response:
    """The context made short, as input for later requests. Raises `exceptions.APIError`."""
    record = CallRecord("compact_responses", public_request(call.body), metadata=call.metadata)
    async with observed(record), within(call.timeout):
        made = await compact.compact_response(
            call.body,
            principal=home.principal,
            using=await _services(home, call),
            provider=call.route.provider,
        )
        record.target = made.target
        record.response = response = Response(made.response, target=made.target)
    return response


async def _services(home: Home, call: Call) -> Services:
    await home.live.renew()
    return services_for(home, call.route, read_model(call.body))
