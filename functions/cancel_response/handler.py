"""POST /v1/responses/{response_id}/cancel"""

from lambda_responses.endpoints.cancel_response import cancel_response
from lambda_responses.runtime.door import door

lambda_handler = door(cancel_response)
