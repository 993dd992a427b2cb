"""POST /v1/responses"""

from lambda_responses.endpoints.create_response import create_response
from lambda_responses.runtime.door import door

lambda_handler = door(create_response)
