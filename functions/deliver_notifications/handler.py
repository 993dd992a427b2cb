"""The table's stream, and each minute: whoever wants to know is told that background responses have ended"""

from lambda_responses.endpoints.deliver_notifications import deliver_new, deliver_overdue
from lambda_responses.runtime.stream_door import stream_door

lambda_handler = stream_door(deliver_new, rounds=deliver_overdue)
