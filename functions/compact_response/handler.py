"""POST /v1/responses/compact"""

from lambda_responses.endpoints.compact_response import compact_response
from lambda_responses.runtime.door import door

lambda_handler = door(compact_response)
