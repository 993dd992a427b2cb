"""GET /v1/models and GET /v1/models/{model}"""

from lambda_responses.endpoints.list_models import list_models
from lambda_responses.runtime.door import door

lambda_handler = door(list_models)
