"""/v1/webhook_endpoints and what lies under it, and /v1/webhook_event_types"""

from lambda_responses.endpoints.webhook_endpoints import webhook_endpoints
from lambda_responses.runtime.door import door

lambda_handler = door(webhook_endpoints)
