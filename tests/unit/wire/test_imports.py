"""What reading a request costs a cold start."""

from __future__ import annotations

import subprocess
import sys


def test_a_request_is_read_without_a_class_being_built():
    """Pydantic's models and the types of what goes out stay unloaded; its compiled validators suffice."""
    program = (
        "import sys\n"
        "from lambda_responses.wire import requests, responses, queries, lists\n"
        "requests.check_create_request({'model': 'm', 'input': [{'role': 'user', 'content': 'x'}]})\n"
        "print(*sorted(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "pydantic_core" in loaded
    assert not {"pydantic", "lambda_responses.wire.items", "lambda_responses.wire.events"} & loaded
