import pytest

from inference_app import settings
from inference_app.contract import Env
from inference_app.errors import ConfigurationError


def test_every_variable_of_the_contract_is_a_setting_and_the_other_way_round() -> None:
    assert {name.upper() for name in settings.Settings.model_fields} == set(Env)


def test_every_setting_says_what_it_means() -> None:
    assert [name for name, field in settings.Settings.model_fields.items() if not field.description] == []


def test_every_number_but_the_port_has_a_unit() -> None:
    schema = settings.Settings.model_json_schema()["properties"]
    numbers = {name for name, field in schema.items() if field.get("type") in {"integer", "number"}}
    assert {name for name in numbers if "unit" not in schema[name]} == {"port"}


def test_by_default_the_server_listens_on_this_machine_only() -> None:
    assert settings.Settings().host == "127.0.0.1"


@pytest.mark.parametrize(
    ("variable", "value", "line"),
    [
        ("MAX_BATCH_SIZE", "0", "MAX_BATCH_SIZE must be at least 1, got 0"),
        ("MAX_BATCH_SIZE", "many", "MAX_BATCH_SIZE must be a whole number, got many"),
        ("PORT", "70000", "PORT must be at most 65535, got 70000"),
        ("REQUEST_TIMEOUT_SECONDS", "0", "REQUEST_TIMEOUT_SECONDS must be more than 0, got 0"),
        ("LATENCY_TARGET_MS", "0", "LATENCY_TARGET_MS must be more than 0, got 0"),
        ("DRAIN_SECONDS", "soon", "DRAIN_SECONDS must be a number, got soon"),
        (
            "EXECUTION_PROVIDER",
            "GPU",
            "EXECUTION_PROVIDER must be 'CPUExecutionProvider' or 'CUDAExecutionProvider', got GPU",
        ),
        ("GRACE_SECONDS", "3", "GRACE_SECONDS must exceed DRAIN_SECONDS by at least 1 (5 + 1), got 3"),
    ],
)
def test_a_wrong_value_gives_one_line_with_name_rule_and_value(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, line: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigurationError) as raised:
        settings.load()
    assert str(raised.value) == line


@pytest.mark.parametrize(
    ("variable", "value", "is_set"),
    [("SAGEMAKER_MULTI_MODEL", "true", "is true"), ("REPOSITORY_POLL_SECONDS", "5", "is not 0")],
)
def test_models_that_come_and_go_need_one_worker(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, is_set: str
) -> None:
    monkeypatch.setenv(variable, value)
    monkeypatch.setenv("WORKERS", "2")
    with pytest.raises(ConfigurationError, match=f"WORKERS must be 1 where {variable} {is_set}, got 2"):
        settings.load()


def test_every_wrong_value_gets_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAX_BATCH_SIZE", "0")
    monkeypatch.setenv("MAX_QUEUE_SIZE", "0")
    with pytest.raises(ConfigurationError) as raised:
        settings.load()
    assert len(str(raised.value).splitlines()) == 2


def test_an_empty_variable_means_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_VERSION", "")
    assert settings.load().model_version is None
