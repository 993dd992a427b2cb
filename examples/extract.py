"""Get an answer as a pydantic object, plain and streamed."""

import os

from pydantic import BaseModel

from lambda_responses import responses

MODEL = os.environ.get("MODEL", "scripted/echo")
PROMPT = "ACME bills 12.50 for bolts and 3.00 for nuts."


class Line(BaseModel):
    article: str
    price: float


class Invoice(BaseModel):
    seller: str
    lines: list[Line]


answer = responses(model=MODEL, input=PROMPT, text_format=Invoice)
invoice = answer.output_parsed
assert isinstance(invoice, Invoice)
print(invoice)

for event in responses(model=MODEL, input=PROMPT, text_format=Invoice, stream=True):
    if event.type == "response.completed":
        print(event.response.output_parsed)

# A JSON Schema does as well; the answer is then a dict.
schema = {"type": "object", "properties": {"total": {"type": "number"}}, "required": ["total"]}
print(responses(model=MODEL, input=PROMPT, text_format=schema).output_parsed)
