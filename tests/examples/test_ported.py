"""Programs as they are written for LiteLLM, of which nothing but the imports is changed.

They name `openai/…` and `anthropic/…` models; the two base URLs lead to fakes that speak those formats.
"""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fakes.server import Server
    from tests.fakes.upstream import Upstream

IMPORTS = {
    "import litellm": "import lambda_responses as litellm",
    "from litellm import": "from lambda_responses import",
    "from litellm.exceptions import": "from lambda_responses import",
    "from litellm.responses.main import": "from lambda_responses import",
}
"""What a line of a program begins with, and becomes."""

PLAIN = """
    import litellm

    response = litellm.responses(
        model="{model}",
        input="Tell me a three sentence bedtime story about a unicorn.",
        max_output_tokens=100,
        temperature=0.5,
        litellm_metadata={{"user": "me"}},
        num_retries=1,
        drop_params=True,
    )
    assert response.output[-1].content[0].text == response["output"][-1]["content"][0]["text"]
    assert response.get("status") == "completed"
    assert response.usage.total_tokens == response.usage.input_tokens + response.usage.output_tokens
    assert "id" in response and response.model_dump()["id"] == response.id
    print(response.output_text)
"""

STREAMED = """
    from litellm import responses

    completed = None
    for event in responses(input="one two three", model="{model}", stream=True):
        if hasattr(event, "delta"):
            print(event.delta, end="")
        if event.type == "response.completed":
            completed = event.response
    assert completed is not None and completed.usage.output_tokens > 0
"""

ASYNC = """
    import asyncio
    from litellm.responses.main import adelete_responses, aget_responses, alist_input_items, aresponses

    async def main():
        first = await aresponses(model="{model}", input="Hello from me.", store=True)
        stream = await aresponses(
            model="{model}", input="And again.", previous_response_id=first.id, stream=True
        )
        async for event in stream:
            last = event
        second = await aget_responses(response_id=last.response.id)
        items = await alist_input_items(response_id=second.id, limit=20, order="desc")
        print([item["role"] for item in items["data"] if item["type"] == "message"])
        result = await adelete_responses(response_id=second.id)
        assert result.deleted is True and result.object == "response"

    asyncio.run(main())
"""

STORED = """
    import json
    import litellm
    from litellm import cancel_responses, compact_responses, delete_responses, get_responses, list_input_items

    response = litellm.responses("Hello from me.", "{model}")
    again = get_responses(response_id=response.id, custom_llm_provider="openai")
    assert again.output_text == response.output_text
    print(json.dumps(list_input_items(response.id))[:14])
    short = compact_responses(model="{model}", input=[{{"role": "user", "content": "Hi."}}, *response.output])
    assert short.object == "response.compaction"
    try:
        cancel_responses(response_id=response.id)
    except litellm.BadRequestError as e:
        print(e.status_code)
    delete_responses(response_id=response.id)
    try:
        get_responses(response_id=response.id)
    except litellm.NotFoundError as e:
        print(e.status_code, type(e).__name__)
"""

TOOLS = """
    import json
    import litellm

    tools = [{{
        "type": "function",
        "name": "get_weather",
        "parameters": {{"type": "object", "properties": {{"city": {{"type": "string"}}}}}},
    }}]
    response = litellm.responses(model="{model}", input="What is the weather?", tools=tools)
    call = next(item for item in response.output if item.type == "function_call")
    arguments = json.loads(call.arguments)
    messages = [{{"role": "user", "content": "What is the weather?"}}]
    messages += [item for item in response.output if item.type == "function_call"]
    messages.append({{"type": "function_call_output", "call_id": call.call_id, "output": "sunny"}})
    print(litellm.responses(model="{model}", input=messages, tools=tools).output_text)
"""

STRUCTURED = """
    from pydantic import BaseModel
    from litellm import responses

    class Person(BaseModel):
        name: str
        age: int = 3

    response = responses(model="{model}", input="Ada is 36.", text_format=Person)
    person = Person.model_validate_json(response.output[-1].content[0].text)
    print(person == response.output_parsed)
"""

FAULTS = """
    import litellm
    from litellm.exceptions import BadRequestError

    try:
        litellm.responses(model="{model}", input="Hello.", temperature=9)
    except BadRequestError as e:
        print(isinstance(e, litellm.APIError), e.message != "", e.status_code)
    print(litellm.responses(model="{model}", input="Hello.", mock_response="mocked").output_text)
"""

PROGRAMS = {
    "plain": (PLAIN, "Tell me a three sentence bedtime story about a unicorn.\n"),
    "streamed": (STREAMED, "one two three"),
    "async": (ASYNC, "['user', 'assistant', 'user']\n"),
    "stored": (STORED, '{"object": "li\n400\n404 NotFoundError\n'),
    "tools": (TOOLS, "The tool says: sunny\n"),
    "structured": (STRUCTURED, "True\n"),
    "faults": (FAULTS, "True True 400\nmocked\n"),
}
"""Each with what it prints."""

MODELS = ["openai/scripted/echo", "anthropic/claude-sonnet-4-5-demo"]


def ported(program: str) -> str:
    """The program, with other imports."""
    lines = program.splitlines()
    for at, line in enumerate(lines):
        for before in sorted(IMPORTS, key=len, reverse=True):
            if line.strip().startswith(before):
                lines[at] = line.replace(before, IMPORTS[before])
                break
    return "\n".join(lines)


def test_porting_changes_nothing_but_imports():
    for program, _ in PROGRAMS.values():
        pairs = zip(program.splitlines(), ported(program).splitlines(), strict=True)
        changed = [before.strip() for before, after in pairs if before != after]
        assert changed
        assert all(line.startswith(("import ", "from ")) for line in changed)
        assert "litellm" in program


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_for_litellm_runs_with_other_imports(
    name: str, model: str, native_server: Server, upstream: Upstream, tmp_path: Path
):
    program, prints = PROGRAMS[name]
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(ported(program)).format(model=model)],
        cwd=tmp_path,
        env=os.environ
        | {
            "DATA_DIR": str(tmp_path),
            "OPENAI_API_KEY": "sk-test",
            "OPENAI_BASE_URL": native_server.base_url,
            "ANTHROPIC_API_KEY": "sk-test",
            "ANTHROPIC_BASE_URL": upstream.base_url,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout == prints
