"""What a cold start pays for the storage room."""

from __future__ import annotations

import subprocess
import sys


def test_a_room_without_a_store_imports_no_database() -> None:
    program = (
        "import sys, lambda_responses.storage.responses, lambda_responses.storage.keyed.dynamodb;"
        "print(sorted({'boto3', 'botocore', 'sqlite3', 'pydantic', 'httpx'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
