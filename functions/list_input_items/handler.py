"""GET /v1/responses/{response_id}/input_items"""

from lambda_responses.endpoints.list_input_items import list_input_items
from lambda_responses.runtime.door import door

lambda_handler = door(list_input_items)
