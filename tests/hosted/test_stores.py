"""Functions share nothing but a store: SQLite on this machine's disk, or DynamoDB somewhere else."""

from __future__ import annotations

import asyncio
import base64
import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import boto3
import openai
import pytest
from openai import OpenAI

from lambda_responses.storage.keyed.dynamodb import table_definition
from tests.contracts.stores.emulator import emulator
from tests.hosted.hosting import Hosted, eventually, plain_environment

if TYPE_CHECKING:
    from pathlib import Path

TABLE, BUCKET = "responses", "responses-media"
ACCOUNT = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1"}


def test_functions_keep_everything_in_dynamodb_and_s3(tmp_path: Path):
    with emulator(tmp_path) as address:
        dynamodb, s3 = (_client(service, address) for service in ("dynamodb", "s3"))
        dynamodb.create_table(**table_definition(TABLE))
        s3.create_bucket(Bucket=BUCKET)
        stores = {"RESPONSES_STORE": f"dynamodb://{TABLE}", "RESPONSES_BUCKET": BUCKET}
        hosted = Hosted(tmp_path, **stores, AWS_ENDPOINT_URL=address, **ACCOUNT).started()
        try:
            with OpenAI(base_url=hosted.base_url, api_key=hosted.key, max_retries=0) as api:
                made = api.responses.create(model="scripted/echo", input=[_message("Remember me", PICTURE)])
                assert api.responses.retrieve(made.id) == made
                [kept] = s3.list_objects_v2(Bucket=BUCKET)["Contents"]
                assert kept["Size"] == len(PICTURE)
                [shown] = api.responses.input_items.list(made.id, include=["message.input_image.image_url"])
                assert shown.to_dict()["content"][1]["image_url"] == _data_url(PICTURE)
                api.responses.delete(made.id)
                with pytest.raises(openai.NotFoundError):
                    api.responses.retrieve(made.id)
        finally:
            assert hosted.stop() == 0
        assert dynamodb.scan(TableName=TABLE)["Count"] > 0  # the key
        assert "Contents" not in s3.list_objects_v2(Bucket=BUCKET)
        dynamodb.close()
        s3.close()
    assert not (tmp_path / "responses.db").exists()


PICTURE = bytes(3_000_000)


def _data_url(picture: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(picture).decode()}"


def _message(text: str, picture: bytes) -> Any:
    image = {"type": "input_image", "image_url": _data_url(picture), "detail": "auto"}
    return {"role": "user", "content": [{"type": "input_text", "text": text}, image]}


def _client(service: Any, address: str) -> Any:
    return boto3.client(
        service,
        endpoint_url=address,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


@pytest.mark.slow
@pytest.mark.anyio
async def test_a_revoked_key_opens_nothing_after_a_minute(tmp_path: Path):
    """Thirty seconds in API Gateway, and thirty in whoever it asked last."""
    hosted = await asyncio.to_thread(Hosted(tmp_path).started)
    fronts = (hosted.base_url, hosted.url_base_url)
    try:
        assert all(_opens(front, hosted.key) for front in fronts)
        [key] = json.loads(_keys(tmp_path, "list", "--json"))
        _keys(tmp_path, "revoke", key["key_id"])
        assert await eventually(lambda: not any(_opens(front, hosted.key) for front in fronts), within=62)
    finally:
        hosted.stop()


def _keys(data_dir: Path, *arguments: str) -> str:
    """What the operator's command for keys says."""
    command = [sys.executable, "-m", "lambda_responses", "keys", *arguments]
    environment = {**plain_environment(), "DATA_DIR": str(data_dir)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


def _opens(base_url: str, key: str) -> bool:
    with OpenAI(base_url=base_url, api_key=key, max_retries=0) as api:
        try:
            api.models.list()
        except openai.AuthenticationError:
            return False
    return True
