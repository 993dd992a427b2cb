"""What can be done with a response that was stored."""

import os

from lambda_responses import (
    BadRequestError,
    NotFoundError,
    cancel_responses,
    delete_responses,
    get_responses,
    list_input_items,
    responses,
)

MODEL = os.environ.get("MODEL", "scripted/echo")

made = responses(model=MODEL, input="Remember this.")

again = get_responses(made.id)
print("stored as told:", again.model_dump() == made.model_dump())

events = get_responses(made.id, stream=True, starting_after=1)
print("told again as:", [event.type for event in events])

page = list_input_items(made.id, limit=10, order="asc")
print("the model saw:", [item.content[0].text for item in page.data], "and more:", page["has_more"])

try:
    cancel_responses(made.id)
except BadRequestError as error:
    print("too late to cancel:", error.message)

print("deleted:", delete_responses(made.id).deleted)
try:
    get_responses(made.id)
except NotFoundError as error:
    print(error.status_code, error.message.replace(made.id, "…"))
