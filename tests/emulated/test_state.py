"""What is kept beside a response's rows: conversations, what was compacted, pictures in S3, first answers."""

from __future__ import annotations

import base64
import secrets
from typing import TYPE_CHECKING, Any

import openai as sdk
import pytest

if TYPE_CHECKING:
    from openai import OpenAI

    from infra.emulator.stack import Stack

pytestmark = pytest.mark.slow

MODEL = "scripted/echo"
SHOWN: Any = ["message.input_image.image_url"]


def with_picture(url: str) -> Any:
    parts = [{"type": "input_text", "text": "Look"}, {"type": "input_image", "image_url": url}]
    return [{"role": "user", "content": parts}]


def data_url(size: int) -> str:
    return f"data:image/png;base64,{base64.b64encode(secrets.token_bytes(size)).decode()}"


@pytest.fixture
def kept(stack: Stack) -> Any:
    """The objects of the bucket, by name."""
    s3, bucket = stack.client("s3"), stack.outputs["BucketName"]

    def listed() -> dict[str, int]:
        return {each["Key"]: each["Size"] for each in s3.list_objects_v2(Bucket=bucket).get("Contents", ())}

    return listed


def test_a_picture_of_four_megabytes_lies_in_the_bucket_once_for_its_whole_chain(openai: OpenAI, kept: Any):
    before, url = kept(), data_url(4_000_000)
    first = openai.responses.create(model=MODEL, input=with_picture(url))
    second = openai.responses.create(model=MODEL, input="And?", previous_response_id=first.id)
    added = {name: size for name, size in kept().items() if name not in before}
    assert list(added.values()) == [4_000_000]
    assert all(name.startswith("threads/default/") for name in added)
    items: Any = openai.responses.input_items.list(second.id, order="asc", limit=1, include=SHOWN)
    assert next(iter(items)).content[1].image_url == url
    for each in (first, second):
        openai.responses.delete(each.id)
    assert kept() == before


def test_text_that_no_row_holds_lies_in_the_bucket(openai: OpenAI, kept: Any):
    before, said = kept(), secrets.token_hex(750_000)
    made = openai.responses.create(model=MODEL, input=f"[[words:1]] {said}")
    assert len(kept()) == len(before) + 1
    items: Any = openai.responses.input_items.list(made.id)
    assert said in items.data[0].content[0].text
    openai.responses.delete(made.id)
    assert kept() == before


def test_a_conversation_lives_with_its_pictures(openai: OpenAI, kept: Any):
    before, url = kept(), data_url(100_000)
    made = openai.conversations.create(items=with_picture(url), metadata={"a": "b"})
    said = openai.responses.create(model=MODEL, input="And?", conversation=made.id)
    assert openai.responses.retrieve(said.id) == said
    items: Any = list(openai.conversations.items.list(made.id, order="asc", limit=2, include=SHOWN))
    assert [item.role for item in items] == ["user", "user", "assistant"]
    assert items[0].content[1].image_url == url
    found: Any = openai.conversations.items.retrieve(items[0].id, conversation_id=made.id, include=SHOWN)
    assert found.content[1].image_url == url
    more: Any = [{"role": "user", "content": f"Line {line}"} for line in range(20)]
    assert len(openai.conversations.items.create(made.id, items=more).data) == 20
    openai.conversations.items.delete(items[2].id, conversation_id=made.id)
    assert openai.conversations.update(made.id, metadata={"c": "d"}).metadata == {"c": "d"}
    openai.responses.delete(said.id)
    assert openai.conversations.delete(made.id).deleted
    with pytest.raises(sdk.NotFoundError):
        openai.conversations.items.list(made.id)
    # Responses may stand on its items: their pictures go where whatever is kept for those expires.
    assert all(name.startswith("threads/default/") for name in kept().keys() - before.keys())


def test_a_context_is_counted_compacted_and_gone_on_with(openai: OpenAI):
    first = openai.responses.create(model=MODEL, input="Good morning")
    tokens = openai.responses.input_tokens.count(model=MODEL, input="So?", previous_response_id=first.id)
    assert tokens.input_tokens > openai.responses.input_tokens.count(model=MODEL, input="So?").input_tokens
    short = openai.responses.compact(model=MODEL, previous_response_id=first.id)
    brought: Any = [
        item.to_dict(warnings=False) for item in short.output
    ]  # the SDK expects assistants' alone
    assert brought[-1]["type"] == "compaction"
    after = openai.responses.create(model=MODEL, input=[*brought, {"role": "user", "content": "On"}])
    assert after.output_text == "On"


def test_what_is_asked_again_under_its_key_is_answered_as_before(openai: OpenAI):
    named: Any = {"extra_headers": {"Idempotency-Key": secrets.token_hex()}}
    first = openai.responses.create(model=MODEL, input="Once", **named)
    assert openai.responses.create(model=MODEL, input="Once", **named) == first
    with pytest.raises(sdk.BadRequestError) as reused:
        openai.responses.create(model=MODEL, input="Twice", **named)
    assert reused.value.code == "idempotency_key_reused"
