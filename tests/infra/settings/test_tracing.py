from typing import Any

import pytest

from infra.settings import rules, tensorflow_serving_rules, tracing_rules
from infra.settings.serving import ServingSettings
from tests.infra.samples import settings

ELSEWHERE = "http://otel.other.svc:4318"
OWN = "http://collector.tracing.svc:4318"


@pytest.fixture(autouse=True)
def these_rules_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "RULES", ())


def broken(changes: dict[str, Any]) -> list[str]:
    stack = settings(changes)
    return [told for rule in tracing_rules.RULES if (told := rule(stack))]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"monitoring.tracing": {}},
        {"monitoring.tracing": {}, "serving.tracing": {"sampleRatio": 0.5}},
        {"serving.tracing": {"endpoint": ELSEWHERE, "sampleRatio": 0.5}},
    ],
)
def test_traces_may_go_to_the_stacks_collector_or_to_another_one(changes: dict[str, Any]) -> None:
    assert broken(changes) == []


def test_traces_never_go_to_two_collectors() -> None:
    assert broken({"monitoring.tracing": {}, "serving.tracing": {"endpoint": ELSEWHERE}}) == [
        f"serving.tracing.endpoint must be absent where monitoring.tracing is given, got {ELSEWHERE}: traces go to one "
        "collector; remove it, or monitoring.tracing"
    ]


def test_tracing_without_a_collector_is_told_what_is_missing() -> None:
    assert broken({"serving.tracing": {}}) == [
        "serving.tracing.endpoint must be given where monitoring.tracing is absent: nobody would take the traces; add "
        "it, or monitoring.tracing"
    ]


def test_the_stacks_collector_takes_the_place_of_none_and_the_ratio_stays() -> None:
    bare, chosen = ServingSettings.model_validate({}), settings({"serving.tracing": {"sampleRatio": 0.5}}).serving
    assert chosen
    made = [each.traced_to(OWN).tracing for each in (bare, chosen)]

    assert [(each.endpoint, each.sample_ratio) for each in made if each] == [(OWN, 0.01), (OWN, 0.5)]


def test_tensorflow_serving_which_sends_no_traces_is_not_told_of_a_collector() -> None:
    serving = ServingSettings.model_validate({"runtime": "tensorflow-serving"}, strict=False)

    assert serving.traced_to(OWN).tracing is None


def test_a_ratio_without_an_endpoint_is_refused_for_tensorflow_serving_too() -> None:
    stack = settings({"serving.runtime": "tensorflow-serving", "serving.tracing": {"sampleRatio": 0.5}})

    assert tensorflow_serving_rules.settings_have_an_effect(stack) == (
        "serving.tracing must be absent where serving.runtime is tensorflow-serving, got a block: it sends no traces; "
        "remove it"
    )
