"""JSON, deflated against a preset dictionary: small turns shrink to a third without any other library.

The first byte names the codec. A dictionary that was ever written with stays here for good, under its number.
"""

from __future__ import annotations

import json
import zlib
from typing import Any

from lambda_responses.storage.keyed.port import StoreUnavailable

DEFLATED_1 = 1

# Deflate finds matches nearest to the end cheapest, so the commonest phrases come last.
_DICTIONARY_1 = b"".join(
    (
        b'"file_search_call","web_search_call","code_interpreter_call","image_generation_call","computer_call',
        b'"mcp_approval_request","mcp_list_tools","mcp_call","server_label":"","custom_tool_call_output',
        b'{"type":"url_citation","start_index":0,"end_index":0,"url":"https://www.","title":"',
        b'{"type":"input_file","file_data":"data:application/pdf;base64,","filename":"',
        b'{"type":"input_image","detail":"auto","image_url":"data:image/png;base64,iVBORw0KGgo',
        b'"image_url":"data:image/jpeg;base64,/9j/4AAQSkZJRg',
        b'{"error":{"code":"server_error","message":""},"incomplete_details":{"reason":"max_output_tokens"}',
        b'"status":"incomplete","status":"failed","status":"in_progress","refusal":"I\'m sorry, but I can',
        b'{"type":"function","name":"","description":"","parameters":{"type":"object","properties":{"":{"type":',
        b'"string","description":""},"":{"type":"integer"},"":{"type":"number"},"":{"type":"boolean"},"":{"type":',
        b'"array","items":{"type":"string"}}},"required":[""],"additionalProperties":false},"strict":true},',
        b'{"id":"","object":"response","created_at":17,"status":"completed","background":false,',
        b'"completed_at":17,"conversation":null,"error":null,"frequency_penalty":0.0,"incomplete_details":null,',
        b'"instructions":null,"max_output_tokens":null,"max_tool_calls":null,"model":"","moderation":null,',
        b'"output":null,"parallel_tool_calls":true,"presence_penalty":0.0,"previous_response_id":null,',
        b'"prompt":null,"prompt_cache_key":null,"prompt_cache_retention":null,"reasoning":{"effort":null,',
        b'"summary":null},"safety_identifier":null,"service_tier":"default","store":true,"temperature":1.0,',
        b'"text":{"format":{"type":"text"},"verbosity":"medium"},"tool_choice":"auto","tools":[],',
        b'"top_logprobs":0,"top_p":1.0,"truncation":"disabled","usage":{"input_tokens":',
        b',"input_tokens_details":{"cache_write_tokens":0,"cached_tokens":0},"output_tokens":',
        b',"output_tokens_details":{"reasoning_tokens":0},"total_tokens":},"user":null,"metadata":{}}',
        b" The the and of to in a is that it for on with as you this be are or can your from by have not if",
        b" will we which more use has at there their what when how one all also but like ```python\\n\\n- **",
        b'[{"type":"reasoning","summary":[{"type":"summary_text","text":"**"}],"encrypted_content":"","id":"rs_',
        b'"content":[{"type":"reasoning_text","text":"","status":null},{"type":"custom_tool_call","input":"',
        b'{"type":"function_call_output","call_id":"call_","output":"{\\"","status":"completed","id":"fco_',
        b'{"type":"function_call","status":"completed","arguments":"{\\"\\":\\"\\"}","call_id":"call_","name":"',
        b'"id":"fc_"},{"type":"message","role":"developer","content":[{"type":"input_text","text":"You are a',
        b'[{"id":"msg_","type":"message","status":"completed","role":"user","content":[{"type":"input_text",',
        b'"text":"}]}]},[{"id":"msg_","type":"message","status":"completed","phase":"final_answer","content":[',
        b'{"type":"output_text","annotations":[],"logprobs":[],"text":""}],"role":"assistant"}]',
    )
)


class UnknownCodec(StoreUnavailable):
    """The bytes were written by a later version of this code, or are damaged."""


def pack(value: Any) -> bytes:
    """Any JSON value as bytes; lone surrogates and key order survive."""
    deflate = zlib.compressobj(level=6, zdict=_DICTIONARY_1)
    return bytes((DEFLATED_1,)) + deflate.compress(encoded(value)) + deflate.flush()


def unpack(data: bytes) -> Any:
    """The value again. Raises `UnknownCodec`."""
    if data[:1] != bytes((DEFLATED_1,)):
        raise UnknownCodec(f"codec {data[:1].hex() or 'missing'}")
    inflate = zlib.decompressobj(zdict=_DICTIONARY_1)
    try:
        text = inflate.decompress(data[1:])
    except zlib.error as fault:
        raise UnknownCodec("not what codec 1 writes") from fault
    if not inflate.eof:
        raise UnknownCodec("cut short")
    return json.loads(text.decode("utf-8", "surrogatepass"))


def encoded(value: Any) -> bytes:
    """A JSON value as UTF-8 without spaces."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "surrogatepass")
