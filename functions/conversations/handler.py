"""/v1/conversations and what lies under it"""

from lambda_responses.endpoints.conversations import conversations
from lambda_responses.runtime.door import door

lambda_handler = door(conversations)
