"""Where requests go and what pays for them, for what an operator says in the environment."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx
import pytest

from lambda_responses.providers.accounts import Account, account_of
from lambda_responses.providers.addresses import filled, join
from lambda_responses.providers.aws import AwsSignature
from lambda_responses.providers.base import ProviderSettingsError
from lambda_responses.providers.catalog import CATALOG, WIRE_APIS, Row
from lambda_responses.providers.connections import Connections
from lambda_responses.providers.dialects import dialect
from lambda_responses.providers.google import GoogleToken
from lambda_responses.providers.places import place_of

if TYPE_CHECKING:
    from pathlib import Path

LOCAL = "http://127.0.0.1:9300"
LOGIN = {"type": "authorized_user", "client_id": "i", "client_secret": "s", "refresh_token": "r"}
GOOGLE = {"GOOGLE_APPLICATION_CREDENTIALS": json.dumps({**LOGIN, "quota_project_id": "paying"})}


def account(name: str, environment: dict[str, str]) -> Account:
    return account_of(CATALOG[name], environment, Connections())


def address(name: str, model: str, environment: dict[str, str]) -> str:
    """Where a request about that model goes, exactly as it is sent."""
    place = place_of(CATALOG[name], environment, Connections())
    assert place.missing is None, place.missing
    way, id = place.row.way_to(model)
    _, profile = dialect(way.format, way.profile or place.row.profile or name)
    door = place.account.door(way)
    path = profile.path.replace("{model}", quote(id, safe=""))
    return str(httpx.URL(join(filled(door.base_url, id), path, door.query)))


KEY = "sk-0123456789"


@pytest.mark.parametrize(
    ("name", "model", "environment", "url"),
    [
        # as recorded
        ("anthropic", "claude-x", {"ANTHROPIC_API_KEY": KEY}, "https://api.anthropic.com/v1/messages"),
        (
            "gemini",
            "gemini-3",
            {"GEMINI_API_KEY": KEY},
            "https://generativelanguage.googleapis.com/v1beta/models/gemini-3:streamGenerateContent?alt=sse",
        ),
        (
            "gemini",
            "gemini-3",
            {"GOOGLE_API_KEY": KEY, "GEMINI_WIRE_API": "chat"},
            "https://generativelanguage.googleapis.com/v1beta/openai/chat/completions",
        ),
        ("cohere", "command-r", {"CO_API_KEY": KEY}, "https://api.cohere.com/v2/chat"),
        (
            "anthropic",
            "claude-x",
            {"ANTHROPIC_API_KEY": KEY, "ANTHROPIC_WIRE_API": "chat"},
            "https://api.anthropic.com/v1/chat/completions",
        ),
        (
            "alibaba",
            "qwen",
            {"DASHSCOPE_API_KEY": KEY},
            "https://dashscope-intl.aliyuncs.com/compatible-mode/v1/chat/completions",
        ),
        ("zai", "glm-5", {"ZAI_API_KEY": KEY}, "https://api.z.ai/api/paas/v4/chat/completions"),
        ("lmstudio", "m", {"LMSTUDIO_WIRE_API": "responses"}, "http://localhost:1234/v1/responses"),
        # at an operator's own address
        ("anthropic", "claude-x", {"ANTHROPIC_BASE_URL": LOCAL}, f"{LOCAL}/v1/messages"),
        ("anthropic", "claude-x", {"ANTHROPIC_BASE_URL": f"{LOCAL}/v1"}, f"{LOCAL}/v1/messages"),
        ("cohere", "command-r", {"COHERE_BASE_URL": f"{LOCAL}/v1"}, f"{LOCAL}/v2/chat"),
        (
            "gemini",
            "m",
            {"GEMINI_BASE_URL": f"{LOCAL}/v1"},
            f"{LOCAL}/v1/models/m:streamGenerateContent?alt=sse",
        ),
    ],
)
def test_a_key_and_an_address(name: str, model: str, environment: dict[str, str], url: str):
    assert address(name, model, environment) == url


@pytest.mark.parametrize(
    ("name", "headers"),
    [
        ("openai", {"authorization": f"Bearer {KEY}"}),
        ("anthropic", {"x-api-key": KEY}),
        ("gemini", {"x-goog-api-key": KEY}),
        ("azure", {"api-key": KEY}),
        ("bedrock", {"authorization": f"Bearer {KEY}"}),
        ("vertex", {"x-goog-api-key": KEY}),
    ],
)
def test_a_key_goes_where_its_vendor_looks_for_it(name: str, headers: dict[str, str]):
    environment = {f"{CATALOG[name].env_prefix}_API_KEY": KEY, "AWS_REGION": "us-east-1"}
    place = place_of(CATALOG[name], environment, Connections())
    assert headers.items() <= place.headers.items()
    assert place.secrets == (KEY,)
    assert place.named


def test_its_own_name_of_a_key_wins_over_the_vendors_other_one():
    place = account("gemini", {"GEMINI_API_KEY": "ours", "GOOGLE_API_KEY": "theirs"})
    assert place.headers == {"x-goog-api-key": "ours"}


# Azure.


RESOURCE = "https://resource.openai.azure.com"
DATED = {"AZURE_OPENAI_API_VERSION": "2024-12-01-preview"}


@pytest.mark.parametrize(
    ("root", "more", "url"),
    [
        # as recorded
        (RESOURCE, {}, f"{RESOURCE}/openai/v1/responses"),
        (f"{RESOURCE}/openai/v1/", {}, f"{RESOURCE}/openai/v1/responses"),
        (
            f"{RESOURCE}/openai/v1",
            {"AZURE_OPENAI_WIRE_API": "chat"},
            f"{RESOURCE}/openai/v1/chat/completions",
        ),
        (
            RESOURCE,
            {**DATED, "AZURE_OPENAI_WIRE_API": "chat"},
            f"{RESOURCE}/openai/deployments/my%20gpt/chat/completions?api-version=2024-12-01-preview",
        ),
        (RESOURCE, DATED, f"{RESOURCE}/openai/responses?api-version=2024-12-01-preview"),
        (f"{RESOURCE}/openai/", DATED, f"{RESOURCE}/openai/responses?api-version=2024-12-01-preview"),
        # the API of today in another stage
        (
            RESOURCE,
            {"AZURE_OPENAI_API_VERSION": "preview"},
            f"{RESOURCE}/openai/v1/responses?api-version=preview",
        ),
        # an address that says more is taken as it is
        (f"{LOCAL}/v1", DATED, f"{LOCAL}/v1/responses?api-version=2024-12-01-preview"),
    ],
)
def test_azure_has_an_api_of_today_and_dated_ones(root: str, more: dict[str, str], url: str):
    assert address("azure", "my gpt", {"AZURE_OPENAI_BASE_URL": root, **more}) == url
    assert address("azure", "my gpt", {"AZURE_OPENAI_ENDPOINT": root, **more}) == url


def test_azures_model_inference_is_a_place_of_its_own():
    root = "https://resource.services.ai.azure.com/models"
    environment = {"AZURE_AI_BASE_URL": root, "AZURE_AI_API_VERSION": "2024-05-01-preview"}
    recorded = f"{root}/chat/completions?api-version=2024-05-01-preview"
    assert address("azure_ai", "grok-4", environment) == recorded


def test_a_token_of_entras_is_a_bearers():
    environment = {"AZURE_OPENAI_BASE_URL": RESOURCE, "AZURE_OPENAI_AD_TOKEN": "eyJ0.token"}
    place = place_of(CATALOG["azure"], environment, Connections())
    assert place.headers == {"authorization": "Bearer eyJ0.token"}
    assert place.secrets == ("eyJ0.token",)
    assert account("azure", {**environment, "AZURE_OPENAI_API_KEY": KEY}).headers == {"api-key": KEY}


# Bedrock.


REGION = {"AWS_REGION": "us-east-1"}
RUNTIME = "https://bedrock-runtime.us-east-1.amazonaws.com"
MANTLE = "https://bedrock-mantle.us-east-1.api.aws"
CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
ENCODED = quote(CLAUDE, safe="")


@pytest.mark.parametrize(
    ("model", "environment", "url", "service"),
    [
        (CLAUDE, {}, f"{RUNTIME}/model/{ENCODED}/converse-stream", "bedrock"),
        (f"converse/{CLAUDE}", {}, f"{RUNTIME}/model/{ENCODED}/converse-stream", "bedrock"),
        (f"invoke/{CLAUDE}", {}, f"{RUNTIME}/model/{ENCODED}/invoke-with-response-stream", "bedrock"),
        (
            "arn:aws:bedrock:us-east-1:1:inference-profile/a",
            {},
            f"{RUNTIME}/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fa/converse-stream",
            "bedrock",
        ),
        ("openai.gpt-5.5", {}, f"{MANTLE}/openai/v1/responses", "bedrock-mantle"),
        ("openai.gpt-oss-120b", {}, f"{MANTLE}/v1/responses", "bedrock-mantle"),
        ("mantle/openai.gpt-oss-20b", {}, f"{MANTLE}/v1/responses", "bedrock-mantle"),
        ("mantle/mistral.voxtral-mini-3b-2507", {}, f"{MANTLE}/v1/responses", "bedrock-mantle"),
        (
            "openai.gpt-oss-120b-1:0",
            {},
            f"{RUNTIME}/model/openai.gpt-oss-120b-1%3A0/converse-stream",
            "bedrock",
        ),
        (
            "converse/openai.gpt-5.5",
            {},
            f"{RUNTIME}/model/openai.gpt-5.5/converse-stream",
            "bedrock",
        ),
        (
            "openai.gpt-oss-20b-1:0",
            {"BEDROCK_WIRE_API": "chat"},
            f"{RUNTIME}/openai/v1/chat/completions",
            "bedrock",
        ),
        (
            CLAUDE,
            {"BEDROCK_WIRE_API": "messages"},
            f"{RUNTIME}/model/{ENCODED}/invoke-with-response-stream",
            "bedrock",
        ),
        # an operator's own addresses
        (CLAUDE, {"BEDROCK_BASE_URL": LOCAL}, f"{LOCAL}/model/{ENCODED}/converse-stream", "bedrock"),
        ("openai.gpt-5.5", {"BEDROCK_BASE_URL": LOCAL}, f"{LOCAL}/openai/v1/responses", "bedrock-mantle"),
        (
            CLAUDE,
            {"AWS_ENDPOINT_URL_BEDROCK_RUNTIME": f"{LOCAL}/"},
            f"{LOCAL}/model/{ENCODED}/converse-stream",
            "bedrock",
        ),
        (
            "openai.gpt-5.5",
            {"AWS_ENDPOINT_URL_BEDROCK_RUNTIME": LOCAL},
            f"{MANTLE}/openai/v1/responses",
            "bedrock-mantle",
        ),
        (
            "openai.gpt-5.5",
            {"AWS_ENDPOINT_URL_BEDROCK_MANTLE": LOCAL},
            f"{LOCAL}/openai/v1/responses",
            "bedrock-mantle",
        ),
    ],
)
def test_bedrock_has_several_doors(model: str, environment: dict[str, str], url: str, service: str):
    environment = {**REGION, **environment}
    assert address("bedrock", model, environment) == url
    place = place_of(CATALOG["bedrock"], environment, Connections())
    credential = place.account.door(place.row.way_to(model)[0]).credential
    assert isinstance(credential, AwsSignature)
    assert (credential.service, credential.region) == (service, "us-east-1")


@pytest.mark.parametrize("name", ["BEDROCK_API_KEY", "AWS_BEARER_TOKEN_BEDROCK"])
def test_a_key_of_bedrocks_is_not_signed_with(name: str):
    bearer = account("bedrock", {**REGION, name: KEY})
    assert bearer.headers == {"authorization": f"Bearer {KEY}"}
    assert bearer.door(CATALOG["bedrock"].way_to(CLAUDE)[0]).credential is None
    assert bearer.named


def test_the_region_may_stand_in_a_profile(tmp_path: Path):
    config = tmp_path / "config"
    config.write_text("[default]\nregion = eu-west-1\n[profile work]\nregion = eu-central-1\n")
    environment = {"AWS_CONFIG_FILE": str(config)}
    assert address("bedrock", "m", environment).startswith("https://bedrock-runtime.eu-west-1.")
    environment["AWS_PROFILE"] = "work"
    assert address("bedrock", "m", environment).startswith("https://bedrock-runtime.eu-central-1.")
    environment["AWS_DEFAULT_REGION"] = "us-west-2"
    assert address("bedrock", "m", environment).startswith("https://bedrock-runtime.us-west-2.")


@pytest.mark.parametrize("content", [b"", b"\xff", b"no section", b"[default]\nregion"])
def test_a_profile_that_names_no_region_is_none(tmp_path: Path, content: bytes):
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "config").write_bytes(content)
    assert account("bedrock", {"HOME": str(tmp_path)}).missing == "AWS_REGION"


def test_a_region_alone_does_not_mean_that_bedrock_is_wanted():
    assert not account("bedrock", REGION).named


# Vertex.


def vertex(publisher: str, *, location: str, host: str) -> str:
    return f"https://{host}/v1/projects/p-1/locations/{location}/{publisher}"


GEMINI_PATH = "publishers/google/models/gemini-3:streamGenerateContent?alt=sse"
PROJECT = {**GOOGLE, "VERTEX_PROJECT": "p-1"}


@pytest.mark.parametrize(
    ("model", "more", "url"),
    [
        (
            "gemini-3",
            {"VERTEX_LOCATION": "us-east5"},
            vertex(GEMINI_PATH, location="us-east5", host="us-east5-aiplatform.googleapis.com"),
        ),
        ("gemini-3", {}, vertex(GEMINI_PATH, location="global", host="aiplatform.googleapis.com")),
        (
            "gemini-3",
            {"VERTEX_LOCATION": "eu"},
            vertex(GEMINI_PATH, location="eu", host="aiplatform.eu.rep.googleapis.com"),
        ),
        (
            "claude-3-7-sonnet@20250219",
            {"GOOGLE_CLOUD_LOCATION": "us-east5"},
            vertex(
                "publishers/anthropic/models/claude-3-7-sonnet%4020250219:streamRawPredict",
                location="us-east5",
                host="us-east5-aiplatform.googleapis.com",
            ),
        ),
        (
            "meta/llama-4-maverick-17b-128e-instruct-maas",
            {"VERTEX_LOCATION": "us-east5"},
            vertex(
                "endpoints/openapi/chat/completions",
                location="us-east5",
                host="us-east5-aiplatform.googleapis.com",
            ),
        ),
        ("gemini-3", {"VERTEX_BASE_URL": LOCAL}, f"{LOCAL}/v1/projects/p-1/locations/global/{GEMINI_PATH}"),
        (
            "gemini-3",
            {"VERTEX_BASE_URL": f"{LOCAL}/v1"},
            f"{LOCAL}/v1/projects/p-1/locations/global/{GEMINI_PATH}",
        ),
        (
            "gemini-3",
            {"VERTEX_BASE_URL": f"{LOCAL}/v1beta1/projects/q/locations/l/publishers/"},
            f"{LOCAL}/v1beta1/projects/q/locations/l/{GEMINI_PATH}",
        ),
    ],
)
def test_vertex_is_a_project_in_a_location(model: str, more: dict[str, str], url: str):
    assert address("vertex", model, {**PROJECT, **more}) == url
    door = account("vertex", {**PROJECT, **more}).door(CATALOG["vertex"].way_to(model)[0])
    assert isinstance(door.credential, GoogleToken)


def test_with_a_key_google_knows_the_project():
    environment = {"VERTEX_API_KEY": KEY, **PROJECT, "VERTEX_LOCATION": "us-east5"}
    express = f"https://aiplatform.googleapis.com/v1/{GEMINI_PATH}"
    assert address("vertex", "gemini-3", environment) == express
    assert account("vertex", environment).door(CATALOG["vertex"].way_to("gemini-3")[0]).credential is None


def test_the_credentials_may_know_the_project():
    assert "/projects/paying/" in address("vertex", "gemini-3", GOOGLE)


def test_one_token_serves_all_requests():
    own = account("vertex", PROJECT)
    ways = [CATALOG["vertex"].way_to(model)[0] for model in ("gemini-3", "claude-x")]
    assert own.door(ways[0]).credential is own.door(ways[1]).credential


def test_at_an_address_of_ones_own_nobodys_login_counts_unasked(tmp_path: Path):
    (tmp_path / "application_default_credentials.json").write_text(json.dumps(LOGIN))
    login = {"CLOUDSDK_CONFIG": str(tmp_path), "VERTEX_PROJECT": "p-1"}
    way = CATALOG["vertex"].way_to("gemini-3")[0]
    assert account("vertex", login).door(way).credential is not None
    assert account("vertex", {**login, "VERTEX_BASE_URL": LOCAL}).door(way).credential is None
    url = address("vertex", "gemini-3", {"VERTEX_BASE_URL": LOCAL})
    assert url == f"{LOCAL}/v1/{GEMINI_PATH}"


# What is missing.


@pytest.mark.parametrize(
    ("name", "environment", "missing"),
    [
        ("anthropic", {}, "ANTHROPIC_API_KEY"),
        ("gemini", {}, "GEMINI_API_KEY"),
        ("cohere", {}, "COHERE_API_KEY"),
        ("azure", {"AZURE_OPENAI_API_KEY": KEY}, "AZURE_OPENAI_BASE_URL"),
        ("azure_ai", {}, "AZURE_AI_BASE_URL"),
        ("databricks", {}, "DATABRICKS_BASE_URL"),
        ("bedrock", {}, "AWS_REGION"),
        ("bedrock", {"AWS_BEARER_TOKEN_BEDROCK": KEY}, "AWS_REGION"),
        ("vertex", {}, "GOOGLE_APPLICATION_CREDENTIALS"),
        ("vertex", {"VERTEX_PROJECT": "p"}, "GOOGLE_APPLICATION_CREDENTIALS"),
        ("vertex", {"GOOGLE_APPLICATION_CREDENTIALS": json.dumps(LOGIN)}, "VERTEX_PROJECT"),
        ("vertex", {"GOOGLE_APPLICATION_CREDENTIALS": "/nowhere"}, "GOOGLE_APPLICATION_CREDENTIALS"),
    ],
)
def test_what_is_missing_is_the_name_of_a_variable(name: str, environment: dict[str, str], missing: str):
    assert account(name, environment).missing == missing


@pytest.mark.parametrize("name", [name for name, row in CATALOG.items() if row.account != "google"])
def test_at_an_address_of_ones_own_a_key_is_optional(name: str):
    own = account(name, {f"{CATALOG[name].env_prefix}_BASE_URL": LOCAL})
    assert (own.missing, own.named, own.headers) == (None, True, {})


@pytest.mark.parametrize("format", WIRE_APIS.values())
def test_a_row_that_an_operator_moves_has_moved_for_every_format(format: Any):
    moved = Row(**{**_members(CATALOG["gemini"]), "base_url": f"{LOCAL}/llm", "format": format})
    own = account_of(moved, {}, Connections())
    assert own.missing is None
    assert own.door(moved.way_to("m")[0]).base_url == f"{LOCAL}/llm"


def _members(row: Row) -> dict[str, Any]:
    return {name: getattr(row, name) for name in Row.__slots__}


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"GOOGLE_APPLICATION_CREDENTIALS": "/nowhere"}, "names a file that cannot be read."),
        ({"GOOGLE_APPLICATION_CREDENTIALS": "{broken"}, "is neither a JSON object nor the path of one."),
    ],
)
def test_credentials_that_cannot_be_used_stop_the_start_where_vertex_is_wanted(
    environment: dict[str, str], sentence: str
):
    with pytest.raises(ProviderSettingsError) as raised:
        account("vertex", {"VERTEX_PROJECT": "p", **environment})
    assert str(raised.value) == f"GOOGLE_APPLICATION_CREDENTIALS {sentence}"
    assert account("vertex", environment).missing == "GOOGLE_APPLICATION_CREDENTIALS"


@pytest.mark.parametrize(
    ("name", "variable"),
    [
        ("bedrock", "AWS_ENDPOINT_URL_BEDROCK_RUNTIME"),
        ("bedrock", "AWS_ENDPOINT_URL_BEDROCK_MANTLE"),
        ("bedrock", "BEDROCK_BASE_URL"),
        ("vertex", "VERTEX_BASE_URL"),
        ("azure", "AZURE_OPENAI_ENDPOINT"),
    ],
)
def test_an_address_that_is_none_stops_the_start(name: str, variable: str):
    with pytest.raises(ProviderSettingsError, match=f"^{variable} is not an http or https address.$"):
        account(name, {variable: "localhost"})
