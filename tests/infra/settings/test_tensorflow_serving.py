from typing import Any

import pytest
from pydantic import ValidationError

from infra.settings import rules, tensorflow_serving_rules
from infra.settings.messages import line
from infra.settings.tensorflow_serving import TensorFlowServingSettings
from tests.infra.samples import REMOVED, settings

IMAGE = "tensorflow/serving:2.20.0@sha256:" + "2" * 64
WHERE = "where serving.runtime is tensorflow-serving"
PULLED = {"url": "s3://models/saved"}
CLAIMED = {"claim": "models"}
CHOSEN: dict[str, Any] = {
    "serving.runtime": "tensorflow-serving",
    "serving.tensorFlowServing": {"image": IMAGE},
    "model.source": PULLED,
}


@pytest.fixture(autouse=True)
def these_rules_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "RULES", ())


def broken(changes: dict[str, Any]) -> list[str]:
    stack = settings(changes)
    return [told for rule in tensorflow_serving_rules.RULES if (told := rule(stack))]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        CHOSEN,
        {**CHOSEN, "model.version": "3", "model.extra": ["words"]},
        {**CHOSEN, "model.source": CLAIMED, "model.version": "3"},
        {**CHOSEN, "serving.secrets": {"AWS_ACCESS_KEY_ID": "key"}},
        {**CHOSEN, "model.batching": {"maxSize": 8, "maxDelayMs": 2, "maxQueue": 64}},
        {**CHOSEN, "serving.autoscaling": {"requestsPerSecond": {"capacity": 90}}},
        {"serving": REMOVED, "model": REMOVED},
    ],
)
def test_what_the_runtime_has_is_taken(changes: dict[str, Any]) -> None:
    assert broken(changes) == []


ABSENT: list[tuple[dict[str, Any], str]] = [
    ({"serving.grpc": True}, f"serving.grpc must be absent {WHERE}, got true: it always serves gRPC; remove it"),
    ({"serving.gpus": 0, "serving.workers": 2}, f"serving.workers must be absent {WHERE}, got 2: its one process"),
    ({"serving.cudaGraphs": True}, f"serving.cudaGraphs must be absent {WHERE}, got true: it has none; remove it"),
    ({"serving.gpuMemoryLimitMib": 900}, f"serving.gpuMemoryLimitMib must be absent {WHERE}, got 900: the stack "),
    ({"serving.tracing": {"endpoint": "http://otel.tracing.svc:4318"}},
     f"serving.tracing must be absent {WHERE}, got http://otel.tracing.svc:4318: it sends no traces; remove it"),
    ({"serving.rollout": {"traffic": "istio", "tracks": {"stable": {"weight": 100}}}},
     f"serving.rollout must be absent {WHERE}, got stable: it has no tracks; remove it"),
    ({"serving.autoscaling": {"queueTimeMs": 50}},
     f"serving.autoscaling.queueTimeMs must be absent {WHERE}, got 50.0: it measures no wait; remove it"),
    ({"model.maxBodyMib": 4}, f"model.maxBodyMib must be absent {WHERE}, got 4: it takes bodies of any size; "),
    ({"serving.secrets": {"ADMIN_TOKEN": "a"}}, f"serving.secrets must be absent {WHERE}, got ADMIN_TOKEN: it asks "),
    ({"serving.secrets": {"MINE": "a"}, "model.source": CLAIMED, "model.version": "3"},
     f"serving.secrets must be absent {WHERE}, got MINE: only the pull of a model.source.url reads any; remove it"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "told"), ABSENT)
def test_what_it_has_not_is_refused_and_not_ignored(changes: dict[str, Any], told: str) -> None:
    (found,) = broken({**CHOSEN, **changes})

    assert found.startswith(told)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"serving.tensorFlowServing": REMOVED},
     f"serving.tensorFlowServing must be given {WHERE}; add it with an image by digest"),
    ({"serving.runtime": "model-server"},
     "serving.tensorFlowServing must be absent where serving.runtime is model-server; remove it, or set "
     "serving.runtime to tensorflow-serving"),
    ({"model.source": REMOVED},
     f"model.source must be given {WHERE}: the image's models are ONNX; add one that holds SavedModels"),
    ({"model.source": {"mlflow": "models:/digits@champion"}, "mlflow": {"artifacts": {"size": "1Gi"}}},
     f"model.source.mlflow must be absent {WHERE}: what is registered is ONNX; name another source"),
    ({"model.source": CLAIMED},
     f"model.version must be given {WHERE} and model.source has no url: it would load the highest version, active or "
     "not; add it"),
    ({"model.source": CLAIMED, "model.version": "3", "model.extra": ["words"]},
     f"model.extra must be absent {WHERE} and model.source has no url, got words: it would load their highest "
     "versions, active or not; remove it"),
    ({"serving.tensorFlowServing": {"image": IMAGE, "modelPath": "a/b"}},
     "serving.tensorFlowServing.modelPath must be absent where model.source.url is given, got a/b; put it into the "
     "URL"),
    ({"model.batching": {"maxDelayMs": 2}},
     f"model.batching.maxDelayMs needs model.batching.maxSize {WHERE}, which batches only with it; add it or remove "
     "model.batching.maxDelayMs"),
    ({"serving.tensorFlowServing": {"image": IMAGE, "batchThreads": 2}},
     f"serving.tensorFlowServing.batchThreads needs model.batching.maxSize {WHERE}, which batches only with it; add it "
     "or remove serving.tensorFlowServing.batchThreads"),
    ({"model.batching": {"maxSize": 64, "maxQueue": 32}},
     f"model.batching.maxQueue must be at least maxSize, 64, {WHERE}, which counts batches, got 32; raise it"),
    ({"model.batching": {"maxSize": 64}, "serving.tensorFlowServing": {"image": IMAGE, "allowedBatchSizes": [8, 32]}},
     "serving.tensorFlowServing.allowedBatchSizes must end with model.batching.maxSize, 64, got 32; add it or change "
     "maxSize"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "told"), WRONG)
def test_blocks_that_do_not_fit_are_told_with_what_to_do(changes: dict[str, Any], told: str) -> None:
    base = {key: value for key, value in CHOSEN.items() if changes.get(key) is not REMOVED}

    assert broken({**base, **{key: value for key, value in changes.items() if value is not REMOVED}}) == [told]


@pytest.mark.parametrize(
    ("block", "told"),
    [
        ({}, "image is required"),
        ({"image": "tensorflow/serving:latest"}, "image must match "),
        ({"image": IMAGE, "allowedBatchSizes": [8, 8]}, "allowedBatchSizes must be in ascending order, got [8, 8]"),
        ({"image": IMAGE, "modelPath": "../secrets"}, "modelPath must match "),
        ({"image": IMAGE, "modelPath": "a/../b"}, "modelPath must match "),
        ({"image": IMAGE, "batchThreads": 0}, "batchThreads must be at least 1, got 0"),
    ],
)
def test_a_mistake_is_told_with_its_key_and_rule(block: dict[str, object], told: str) -> None:
    with pytest.raises(ValidationError) as raised:
        TensorFlowServingSettings.model_validate(block, strict=False)

    (mistake,) = [line(error, TensorFlowServingSettings) for error in raised.value.errors()]
    assert told in mistake
