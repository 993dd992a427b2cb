"""Each minute, and for the dead letters of that queue"""

from lambda_responses.endpoints.sweep_background_responses import (
    bury_background_response,
    sweep_background_responses,
)
from lambda_responses.runtime.queue_door import queue_door

lambda_handler = queue_door(bury_background_response, rounds=sweep_background_responses)
