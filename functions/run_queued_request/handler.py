"""The queue of jobs: whatever users drop there becomes background responses"""

from lambda_responses.endpoints.run_queued_request import run_queued_request
from lambda_responses.runtime.queue_door import queue_door

lambda_handler = queue_door(run_queued_request)
