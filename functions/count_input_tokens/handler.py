"""POST /v1/responses/input_tokens"""

from lambda_responses.endpoints.count_input_tokens import count_input_tokens
from lambda_responses.runtime.door import door

lambda_handler = door(count_input_tokens)
