"""DELETE /v1/responses/{response_id}"""

from lambda_responses.endpoints.delete_response import delete_response
from lambda_responses.runtime.door import door

lambda_handler = door(delete_response)
