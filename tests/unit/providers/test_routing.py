"""Which targets a model name stands for."""

from __future__ import annotations

from typing import Any

import pytest

from lambda_responses.providers.base import ProviderSettingsError
from lambda_responses.providers.catalog import CATALOG
from lambda_responses.providers.local_model import MODEL, LocalModel
from lambda_responses.providers.models_file import read_models_file
from lambda_responses.providers.routing import ProviderRouter
from lambda_responses.transformers.anthropic_messages import ANTHROPIC_MESSAGES
from lambda_responses.transformers.anthropic_messages import profiles as anthropic
from lambda_responses.transformers.bedrock_converse import BEDROCK_CONVERSE
from lambda_responses.transformers.bedrock_converse import profiles as converse
from lambda_responses.transformers.chat_completions import CHAT_COMPLETIONS, profiles
from lambda_responses.transformers.cohere_chat import COHERE, COHERE_CHAT
from lambda_responses.transformers.gemini_generate_content import GEMINI_GENERATE_CONTENT
from lambda_responses.transformers.gemini_generate_content import profiles as gemini
from lambda_responses.transformers.openai_responses import OPENAI_RESPONSES
from lambda_responses.transformers.openai_responses import profile as responses
from lambda_responses.transformers.scripted import SCRIPTED
from lambda_responses.wire.errors import InvalidRequestError, RateLimitError, UpstreamFaultError

KEYS = {
    "OPENAI_API_KEY": "sk-o",
    "GROQ_API_KEY": "gsk-g",
    "OPENROUTER_API_KEY": "sk-or",
    "XAI_API_KEY": "xai-x",
}
FILE = {
    "aliases": {
        "fast": "groq/llama",
        "best": ["mistral/large", "openai/gpt-5", "groq/llama"],
        "poor": ["mistral/large", "deepseek/chat"],
        "bare": "gpt-5",
    },
    "providers": {
        "acme": {
            "base_url": "http://llm.acme.example/v1",
            "models": ["big"],
            "formats": {"r-*": "openai_responses"},
        },
        "groq": {"models": ["llama"]},
        "mistral": {"models": ["large"]},
    },
}


def router(environment: dict[str, str] | None = None, *, file: Any = FILE, **options: Any) -> ProviderRouter:
    environment = KEYS if environment is None else environment
    return ProviderRouter(environment, models_file=read_models_file(file), **options)


def names(routed: ProviderRouter, model: str, provider: str | None = None) -> list[str]:
    return [target.name for target in routed.resolve(model, provider=provider)]


@pytest.mark.parametrize(
    ("model", "provider", "targets"),
    [
        # an explicit provider wins over everything
        ("llama", "groq", ["groq/llama"]),
        ("openai/gpt-oss-120b", "groq", ["groq/openai/gpt-oss-120b"]),
        ("groq/llama", "groq", ["groq/llama"]),
        ("fast", "openai", ["openai/fast"]),
        ("x", "together_ai", None),
        # then a prefix
        ("groq/llama", None, ["groq/llama"]),
        ("groq/openai/gpt-oss-120b", None, ["groq/openai/gpt-oss-120b"]),
        ("openrouter/anthropic/claude", None, ["openrouter/anthropic/claude"]),
        ("openai/gpt-5", None, ["openai/gpt-5"]),
        ("acme/anything", None, ["acme/anything"]),
        ("scripted/echo", None, ["scripted/echo"]),
        ("scripted/a/b", None, ["scripted/a/b"]),
        # then an alias
        ("fast", None, ["groq/llama"]),
        ("best", None, ["openai/gpt-5", "groq/llama"]),
        ("bare", None, ["openai/gpt-5"]),
        # then the default provider
        ("gpt-5", None, ["openai/gpt-5"]),
        # and nothing else
        ("", None, None),
        ("groq/", None, None),
        ("", "groq", None),
        ("antropic/claude", None, None),
        ("x", "nobody", None),
        ("poor", None, None),
        ("mistral/large", None, None),
    ],
)
def test_names_are_looked_up_in_order(model: str, provider: str | None, targets: list[str] | None):
    routed = router()
    if targets is not None:
        assert names(routed, model, provider) == targets
        return
    with pytest.raises(InvalidRequestError) as raised:
        routed.resolve(model, provider=provider)
    assert (raised.value.status, raised.value.code, raised.value.param) == (400, "model_not_found", "model")


def test_what_does_not_exist_is_told_as_the_live_api_does():
    with pytest.raises(InvalidRequestError) as raised:
        router().resolve("antropic/claude")
    assert raised.value.message == "The requested model 'antropic/claude' does not exist."


@pytest.mark.parametrize(
    ("model", "missing"),
    [
        ("mistral/large", "MISTRAL_API_KEY"),
        ("azure/my-deployment", "AZURE_OPENAI_BASE_URL"),
        ("poor", "MISTRAL_API_KEY"),
    ],
)
def test_what_is_not_set_up_names_the_variable(model: str, missing: str):
    with pytest.raises(InvalidRequestError) as raised:
        router().resolve(model)
    assert raised.value.message == (
        f"The requested model '{model}' does not exist. {missing} is not set on this server."
    )


def test_another_default_provider_takes_the_bare_names():
    assert names(router(default_provider="groq"), "llama-3") == ["groq/llama-3"]


def test_ids_with_a_slash_go_to_a_default_provider_that_has_such_ids():
    assert names(router(default_provider="openrouter"), "meta-llama/llama-4") == [
        "openrouter/meta-llama/llama-4"
    ]


def test_an_unknown_default_provider_stops_the_start():
    with pytest.raises(ProviderSettingsError):
        router(default_provider="nobody")


EVERYTHING = {
    **{f"{row.env_prefix}_API_KEY": "k" for row in CATALOG.values()},
    **{f"{row.env_prefix}_BASE_URL": "http://h/v1" for row in CATALOG.values() if not row.base_url},
    "AWS_REGION": "us-east-1",
}


@pytest.mark.parametrize(
    ("spelling", "name"),
    [(alias, row.name) for row in CATALOG.values() for alias in (row.name, *row.aliases, *row.spellings)],
)
def test_every_spelling_of_a_provider_is_known(spelling: str, name: str):
    routed = router(EVERYTHING, file={})
    assert names(routed, f"{spelling}/m") == [f"{name}/m"]
    assert names(routed, "m", spelling) == [f"{name}/m"]
    assert names(routed, f"{spelling}/m", spelling) == [f"{name}/m"]


LITELLM = (
    "openai azure azure_ai anthropic gemini vertex_ai vertex_ai_beta bedrock bedrock_converse bedrock_mantle"
    " cohere cohere_chat openrouter groq mistral deepseek xai together_ai fireworks_ai cerebras perplexity"
    " huggingface nvidia_nim moonshot dashscope zai minimax deepinfra sambanova baseten vercel_ai_gateway"
    " databricks ollama ollama_chat hosted_vllm lm_studio"
)


def test_litellms_spellings_are_among_them():
    known = {alias for row in CATALOG.values() for alias in (row.name, *row.aliases, *row.spellings)}
    assert known.issuperset(LITELLM.split())


@pytest.mark.parametrize(
    ("model", "provider", "transformer"),
    [
        ("bedrock/m", None, BEDROCK_CONVERSE),
        ("bedrock/invoke/m", None, ANTHROPIC_MESSAGES),
        ("invoke/m", "bedrock", ANTHROPIC_MESSAGES),
        ("bedrock/converse/openai.gpt-5.5", None, BEDROCK_CONVERSE),
        ("bedrock/openai.gpt-5.5", None, OPENAI_RESPONSES),
        ("bedrock_converse/openai.gpt-5.5", None, BEDROCK_CONVERSE),
        ("bedrock_mantle/m", None, OPENAI_RESPONSES),
        ("m", "bedrock_mantle", OPENAI_RESPONSES),
        ("bedrock_mantle/m", "bedrock", BEDROCK_CONVERSE),
    ],
)
def test_a_word_before_the_model_chooses_its_format(model: str, provider: str | None, transformer: Any):
    [target] = router({"AWS_REGION": "us-east-1"}, file={}).resolve(model, provider=provider)
    assert target.transformer is transformer
    assert target.name == f"bedrock/{model.rpartition('/')[2]}" or provider == "bedrock"


def test_a_word_without_a_model_is_a_model():
    assert names(router({"AWS_REGION": "us-east-1"}, file={}), "bedrock/converse") == ["bedrock/converse"]


# Formats and dialects.


def spoken(routed: ProviderRouter, model: str) -> tuple[Any, Any]:
    target = routed.resolve(model)[0]
    return target.transformer, target.profile


def test_a_provider_speaks_its_format_and_its_dialect():
    assert spoken(router(), "groq/llama") == (CHAT_COMPLETIONS, profiles.GROQ)
    assert spoken(router(), "xai/grok-4")[0] is OPENAI_RESPONSES
    assert router().resolve("openai/gpt-5")[0].native
    assert not router().resolve("groq/llama")[0].native


@pytest.mark.parametrize(
    ("wire_api", "transformer"),
    [
        ("chat", CHAT_COMPLETIONS),
        ("responses", OPENAI_RESPONSES),
        ("messages", ANTHROPIC_MESSAGES),
        ("generate_content", GEMINI_GENERATE_CONTENT),
        ("converse", BEDROCK_CONVERSE),
        ("cohere", COHERE_CHAT),
    ],
)
def test_an_operator_chooses_the_format_of_a_provider(wire_api: str, transformer: Any):
    for name in ("OPENAI", "GROQ", "XAI"):
        routed = router({**KEYS, f"{name}_WIRE_API": wire_api})
        assert spoken(routed, f"{name.lower()}/gpt-4o-search-preview")[0] is transformer


def test_an_operator_chooses_the_format_of_some_models():
    assert spoken(router(), "acme/r-1")[0] is OPENAI_RESPONSES
    assert spoken(router(), "acme/big") == (CHAT_COMPLETIONS, profiles.DEFAULT)


@pytest.mark.parametrize(
    ("model", "format", "profile"),
    [
        ("anthropic/claude-x", ANTHROPIC_MESSAGES, anthropic.ANTHROPIC),
        ("bedrock/invoke/anthropic.claude-x", ANTHROPIC_MESSAGES, anthropic.BEDROCK),
        ("vertex/claude-x", ANTHROPIC_MESSAGES, anthropic.VERTEX),
        ("acme/claude-x", ANTHROPIC_MESSAGES, anthropic.DEFAULT),
        ("gemini/gemini-3", GEMINI_GENERATE_CONTENT, gemini.GEMINI),
        ("vertex/gemini-3", GEMINI_GENERATE_CONTENT, gemini.VERTEX),
        ("bedrock/m", BEDROCK_CONVERSE, converse.BEDROCK),
        ("bedrock/openai.gpt-oss-20b", OPENAI_RESPONSES, responses.BEDROCK_MANTLE),
        ("cohere/command-r", COHERE_CHAT, COHERE),
    ],
)
def test_a_vendor_of_many_formats_has_a_dialect_of_each(model: str, format: Any, profile: Any):
    file = {"providers": {"acme": {"base_url": "http://h", "format": "anthropic_messages"}}}
    assert spoken(router(EVERYTHING, file=file), model) == (format, profile)


def test_a_seal_belongs_to_a_provider_and_a_family_of_its_models():
    routed = router(EVERYTHING, file={})
    makers = {
        routed.resolve(model)[0].maker
        for model in ("bedrock/anthropic.claude-x", "bedrock/invoke/anthropic.claude-y")
    }
    assert makers == {"bedrock/anthropic"}
    assert routed.resolve("groq/m")[0].maker == "groq"


def test_a_scripted_target_is_a_translated_one():
    target = router({}).resolve("scripted/echo")[0]
    assert (target.transformer, target.native) == (SCRIPTED, False)


# What the environment says.


def test_an_address_of_ones_own_needs_no_key():
    routed = router({"GROQ_BASE_URL": "http://127.0.0.1:9300/v1/"}, file={})
    provider: Any = routed.resolve("groq/x")[0].provider
    assert provider.base_url == "http://127.0.0.1:9300/v1"


def test_servers_of_ones_own_need_nothing():
    routed = router({}, file={})
    assert names(routed, "ollama/llama3") == ["ollama/llama3"]
    assert names(routed, "vllm/m") == ["vllm/m"]
    assert list(routed.ready()) == []


def test_one_provider_serves_all_of_its_models():
    routed = router()
    assert routed.resolve("groq/a")[0].provider is routed.resolve("groq/b")[0].provider


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"GROQ_BASE_URL": "groq.example/v1"}, "GROQ_BASE_URL is not an http or https address."),
        ({"GROQ_BASE_URL": "ftp://groq.example"}, "GROQ_BASE_URL is not an http or https address."),
        ({"GROQ_BASE_URL": "http://:80"}, "GROQ_BASE_URL is not an http or https address."),
        ({"GROQ_BASE_URL": "http://h:99999"}, "GROQ_BASE_URL is not an http or https address."),
        ({"GROQ_BASE_URL": "http://[::1"}, "GROQ_BASE_URL is not an http or https address."),
        (
            {"GROQ_WIRE_API": "soap"},
            "GROQ_WIRE_API is not one of chat, responses, messages, generate_content, converse, cohere.",
        ),
        ({"GROQ_API_KEY": "gsk-1\ngsk-2"}, "GROQ_API_KEY holds characters that no header may hold."),
        ({"GROQ_API_KEY": "gsk-é"}, "GROQ_API_KEY holds characters that no header may hold."),
    ],
)
def test_what_cannot_be_used_stops_the_start(environment: dict[str, str], sentence: str):
    with pytest.raises(ProviderSettingsError) as raised:
        router(environment)
    assert str(raised.value) == sentence


def test_an_alias_of_nothing_stops_the_start():
    with pytest.raises(ProviderSettingsError, match=r"aliases\.a: the provider of target 2 is not known"):
        router(file={"aliases": {"a": ["groq/x", "nobody/x"]}})


def test_an_alias_of_an_alias_stops_the_start():
    with pytest.raises(ProviderSettingsError) as raised:
        router(file={"aliases": {"a": "scripted/echo", "b": ["a"]}})
    assert str(raised.value) == "aliases.b: 'a' is an alias too; name its targets."
    assert names(router(file={"aliases": {"gpt-5": ["gpt-5", "groq/llama"]}}), "gpt-5")


@pytest.mark.parametrize("model", ["bedrock/.", "bedrock/..", "groq/.."])
def test_an_id_that_a_path_takes_for_itself_is_none(model: str):
    with pytest.raises(InvalidRequestError):
        router({**KEYS, "AWS_REGION": "us-east-1"}).resolve(model)


def test_each_service_at_one_address_has_its_own_signature():
    aws = {"AWS_REGION": "us-east-1", "BEDROCK_BASE_URL": "https://proxy.example/openai/v1"}
    routed = router({**KEYS, **aws})
    one, other = (routed.resolve(f"bedrock/{word}/x")[0].provider for word in ("mantle", "converse"))
    assert one is not other


def test_an_alias_that_a_prefix_hides_stops_the_start():
    with pytest.raises(ProviderSettingsError, match=r"aliases\.openai/x cannot be reached"):
        router(file={"aliases": {"openai/x": "groq/x"}})


def test_space_around_a_key_is_no_part_of_it():
    assert names(router({"GROQ_API_KEY": " gsk-g\n"}), "groq/x") == ["groq/x"]


def test_headers_of_a_row_take_secrets_from_the_environment():
    row = {"base_url": "http://h/v1", "headers": {"x-pass": "${ACME_PASS}"}}
    routed = router({"ACME_PASS": "secret"}, file={"providers": {"acme": row}})
    assert "secret" not in repr(routed.resolve("acme/m")[0])


@pytest.mark.parametrize(
    ("header", "environment", "why"),
    [
        ("${ACME_PASS}", {}, "names a variable that is not set."),
        ("Basic ${ACME_PASS}", {"ACME_PASS": " "}, "names a variable that is not set."),
        ("${ACME_PASS}", {"ACME_PASS": "two\nlines"}, "holds characters that no header may hold."),
        ("5 $", {}, "has a $ that begins no ${NAME}; $$ stands for a single one."),
    ],
)
def test_a_header_that_cannot_be_filled_in_stops_the_start(
    header: str, environment: dict[str, str], why: str
):
    row = {"base_url": "http://h/v1", "headers": {"x-pass": header}}
    with pytest.raises(ProviderSettingsError) as raised:
        router(environment, file={"providers": {"acme": row}})
    assert str(raised.value) == f"providers.acme.headers.x-pass {why}"


# What fails is tried last.


def test_a_target_that_keeps_failing_is_tried_last():
    now = 1_700_000_000.0
    routed = router(clock=lambda: now)
    openai, _ = routed.resolve("best")
    for _ in range(3):
        routed.note(openai, UpstreamFaultError("It failed."))
    assert names(routed, "best") == ["groq/llama", "openai/gpt-5"]
    assert names(routed, "openai/gpt-5") == ["openai/gpt-5"]
    routed.note(openai, None)
    assert names(routed, "best") == ["openai/gpt-5", "groq/llama"]


def test_to_list_models_puts_none_on_trial():
    now = 1_700_000_000.0
    routed = router(clock=lambda: now)
    openai, _ = routed.resolve("best")
    routed.note(openai, RateLimitError("Slow down.", headers={"retry-after": "5"}))
    now += 5
    routed.models()
    assert names(routed, "best") == ["openai/gpt-5", "groq/llama"]
    assert names(routed, "best") == ["groq/llama", "openai/gpt-5"]


# What is listed.


def test_models_that_can_be_called_are_listed():
    listed = router(as_of=1_700_000_000, local=LocalModel()).models()
    assert [model["id"] for model in listed] == [
        "scripted/echo",
        f"local/{MODEL}",
        "groq/llama",
        "acme/big",
        "fast",
        "best",
        "bare",
    ]
    assert listed[2] == {"id": "groq/llama", "object": "model", "created": 1_700_000_000, "owned_by": "groq"}


def test_without_any_setting_the_scripted_model_is_there():
    assert [model["id"] for model in router({}, file={}).models()] == ["scripted/echo"]


def test_everything_that_is_listed_can_be_called():
    routed = router(local=LocalModel())
    assert all(routed.resolve(model["id"]) for model in routed.models())


def test_providers_that_are_set_up_are_ready():
    assert set(router().ready()) == {"openai", "groq", "openrouter", "xai", "acme"}


def test_the_embedded_model_is_a_small_chat_model():
    target = router(local=LocalModel()).resolve(f"local/{MODEL}")[0]
    assert (target.transformer, target.profile) == (CHAT_COMPLETIONS, profiles.DEMO)


@pytest.mark.parametrize(
    ("local", "model", "why"),
    [
        (None, MODEL, " The embedded model is not installed on this server."),
        (LocalModel(), "gpt-5", ""),
    ],
)
def test_where_there_is_no_such_embedded_model_it_says_so(local: LocalModel | None, model: str, why: str):
    with pytest.raises(InvalidRequestError) as raised:
        router(local=local).resolve(f"local/{model}")
    assert raised.value.message == f"The requested model 'local/{model}' does not exist.{why}"


@pytest.mark.anyio
async def test_a_router_that_opened_nothing_has_nothing_to_close():
    routed = router(local=LocalModel())
    await routed.aclose()
    await routed.aclose()
