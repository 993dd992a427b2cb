"""The queue of background responses"""

from lambda_responses.endpoints.run_background_response import run_background_response
from lambda_responses.runtime.queue_door import queue_door

lambda_handler = queue_door(run_background_response, asks_models=True)
