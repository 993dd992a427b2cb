from __future__ import annotations

import pytest

from lambda_responses.runtime.settings import Settings, SettingsError, local_environment, read_settings


def test_nothing_set_means_the_defaults() -> None:
    assert read_settings({"PATH": "/bin", "OPENAI_API_KEY": "k"}) == Settings()


def test_settings_come_from_their_variables() -> None:
    environment = {"RESPONSES_STORE": "dynamodb://responses", "RESPONSES_RETENTION_DAYS": "7"}
    settings = read_settings(environment)
    assert (settings.store, settings.retention_days) == ("dynamodb://responses", 7)


def test_a_sum_of_money_may_have_a_fraction() -> None:
    assert read_settings({"RESPONSES_MAX_COST": "0.25"}).max_cost == 0.25


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("RESPONSES_STOER", "sqlite:///x"),
        ("RESPONSES_STORE", "postgres://x"),
        ("RESPONSES_RETENTION_DAYS", "0"),
        ("RESPONSES_RETENTION_DAYS", "a month"),
        ("RESPONSES_AUTH", "trust"),
        ("RESPONSES_JWT_TENANT_CLAIM", ""),
        ("RESPONSES_DONE_MARKER", "perhaps"),
        ("RESPONSES_MAX_TOOL_CALLS", "0"),
        ("RESPONSES_MAX_COST", "-0.1"),
        ("RESPONSES_MAX_COST", "a lot"),
        ("RESPONSES_MCP_CALL_SECONDS", "301"),
        ("RESPONSES_MCP_LIST_FAILURE", "ignore"),
        ("RESPONSES_MCP_URLS", "some"),
    ],
)
def test_what_does_not_fit_stops_the_start_with_one_sentence(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings({name: value})
    sentence = str(caught.value)
    assert sentence.startswith(name)
    assert sentence.endswith(".")
    assert "\n" not in sentence


def test_on_this_machine_the_store_is_a_file_unless_another_is_named() -> None:
    assert local_environment({})["RESPONSES_STORE"] == "sqlite:///.data/responses.db"
    assert local_environment({"DATA_DIR": "/data"})["RESPONSES_STORE"] == "sqlite:////data/responses.db"
    named = {"DATA_DIR": "/data", "RESPONSES_STORE": "dynamodb://responses"}
    assert local_environment(named) == named
