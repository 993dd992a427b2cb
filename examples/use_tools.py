"""Let the model call a function, and tell it what came of that."""

import json
import os

from lambda_responses import responses

MODEL = os.environ.get("MODEL", "scripted/echo")
TOOLS = [
    {
        "type": "function",
        "name": "get_weather",
        "description": "The weather in a city, now.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
            "additionalProperties": False,
        },
        "strict": True,
    }
]


def get_weather(city: str) -> dict[str, object]:
    return {"city": city, "sky": "clear", "celsius": 21}


answer = responses(model=MODEL, input="What is the weather in Paris? [[call:get_weather]]", tools=TOOLS)
results: list[dict[str, object]] = []
for item in answer.output:
    if item.type == "function_call":
        result = get_weather(**json.loads(item.arguments))
        print(f"{item.name}({item.arguments}) = {result}")
        results.append(
            {
                "type": "function_call_output",
                "call_id": item.call_id,
                "output": json.dumps(result),
            }
        )

answer = responses(model=MODEL, input=results, tools=TOOLS, previous_response_id=answer.id)
print(answer.output_text)
