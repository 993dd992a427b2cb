"""GET /v1/responses/{response_id}"""

from lambda_responses.endpoints.get_response import get_response
from lambda_responses.runtime.door import door

lambda_handler = door(get_response)
