from typing import Any

import pytest
from pydantic import ValidationError

from infra.settings import kserve_rules, rules
from infra.settings.messages import line
from infra.settings.stack import StackSettings
from tests.infra.samples import settings

CHOSEN: dict[str, Any] = {"serving.runtime": "kserve"}
KNATIVE = {**CHOSEN, "serving.kserve": {"deploymentMode": "Knative"}}
STORE = {"url": "s3://models/all"}
TRITON: dict[str, Any] = {"builtInRuntime": "kserve-tritonserver", "transformer": {}}
BUILT_IN = {**CHOSEN, "serving.kserve": TRITON, "model.source": STORE}
IN_KNATIVE = "where serving.kserve.deploymentMode is Knative"


@pytest.fixture(autouse=True)
def these_rules_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "RULES", kserve_rules.RULES)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        CHOSEN,
        {**CHOSEN, "serving.kserve": {"install": False, "transformer": {"min": 2, "max": 4}}},
        {**CHOSEN, "serving.autoscaling": {"queueTimeMs": 5}, "serving.replicas": {"minOutsideOfficeHours": 0}},
        {**KNATIVE, "serving.kserve": {"deploymentMode": "Knative", "canaryTrafficPercent": 0}},
        {**KNATIVE, "serving.autoscaling": {"requestsPerSecond": {"capacity": 9}, "scaleDownSeconds": 200}},
        BUILT_IN,
        {**BUILT_IN, "serving.secrets": {"API_KEYS": "model-server-keys"}},
    ],
)
def test_what_kserve_can_do_is_taken(changes: dict[str, Any]) -> None:
    assert settings(changes).serving


CASES: list[tuple[dict[str, Any], str]] = [
    ({"serving.kserve": {}},
     "serving.kserve must be absent where serving.runtime is model-server; remove it, or set serving.runtime to "
     "kserve"),
    ({**CHOSEN, "serving.rollout": {"traffic": "istio", "tracks": {"stable": {"weight": 100}}}},
     "serving.rollout must be absent where serving.runtime is kserve, got stable: it has no tracks; "
     "serving.kserve.canaryTrafficPercent is its way; remove it"),
    ({**CHOSEN, "serving.kserve": {"canaryTrafficPercent": 10}},
     "serving.kserve.canaryTrafficPercent must be absent where deploymentMode is Standard, which shifts no traffic, "
     "got 10; remove it, or set deploymentMode to Knative"),
    ({**CHOSEN, "serving.kserve": {"deploymentMode": "Knative", "transformer": {}}},
     "serving.kserve.transformer must be absent where deploymentMode is Knative: two revisions that change one after "
     "the other would mix versions of the model; remove it, or set deploymentMode to Standard"),
    ({**CHOSEN, "serving.kserve": {"builtInRuntime": "kserve-tritonserver"}},
     "serving.kserve.transformer must be given where builtInRuntime is, got kserve-tritonserver, which knows nothing "
     "of the model's images, texts and labels; add it, as transformer: {}"),
    ({**CHOSEN, "serving.kserve": {"transformer": {"min": 3}}},
     "serving.kserve.transformer.max must be at least min, 3, got 2"),
    ({**KNATIVE, "serving.exposure": "network"},
     f"serving.exposure must be absent {IN_KNATIVE}, got network: Knative's ingress has the URL; remove it"),
    ({**KNATIVE, "serving.gateway": {"hostName": "a.example.com", "tls": {"clusterIssuer": "company"}}},
     f"serving.gateway must be absent {IN_KNATIVE}, got a block: Knative's ingress has the URL; remove it"),
    ({**KNATIVE, "serving.grpc": True},
     f"serving.grpc must be absent {IN_KNATIVE}, got true: it gives a service one port; remove it"),
    ({**KNATIVE, "serving.autoscaling": {"queueTimeMs": 5}},
     f"serving.autoscaling.queueTimeMs must be absent {IN_KNATIVE}, got 5.0: its autoscaler counts requests or CPU; "
     "remove it"),
    ({**KNATIVE, "serving.autoscaling": {"memoryUtilisation": 50}},
     f"serving.autoscaling.memoryUtilisation must be absent {IN_KNATIVE}, got 50: it follows one metric; remove it"),
    ({**KNATIVE, "serving.autoscaling": {"scaleDownSeconds": 200}},
     f"serving.autoscaling.scaleDownSeconds must be absent {IN_KNATIVE}, got 200: only its count of requests, "
     "serving.autoscaling.requestsPerSecond, waits before replicas go; remove it"),
    ({**KNATIVE, "serving.replicas": {"minOutsideOfficeHours": 0}},
     f"serving.replicas.minOutsideOfficeHours must be absent {IN_KNATIVE}, got 0: its autoscaler knows no time of day; "
     "remove it"),
    ({**BUILT_IN, "model.source": {"claim": "models"}},
     "model.source.url must be given where serving.kserve.builtInRuntime is kserve-tritonserver: KServe pulls the "
     "models for it; add it, or remove builtInRuntime"),
    ({**BUILT_IN, "serving.cudaGraphs": True},
     "serving.cudaGraphs must be absent where serving.kserve.builtInRuntime is given, got true: the stack's image "
     "alone has them; remove it"),
    ({**BUILT_IN, "serving.gpuMemoryLimitMib": 900},
     "serving.gpuMemoryLimitMib must be absent where serving.kserve.builtInRuntime is given, got 900: the stack's "
     "image alone knows it; remove it"),
    ({**BUILT_IN, "model.version": "1", "model.source": {**STORE, "sha256": "0" * 64}},
     f"model.source.sha256 must be absent where serving.kserve.builtInRuntime is given, got {'0' * 64}: KServe's pull "
     "checks no sums; remove it"),
    ({**BUILT_IN, "model.source": {**STORE, "endpoint": "https://minio.example.com"}},
     "model.source.endpoint must be absent where serving.kserve.builtInRuntime is given, got "
     "https://minio.example.com: KServe's pull knows its own stores only; remove it"),
    ({**BUILT_IN, "serving.secrets": {"AWS_ACCESS_KEY_ID": "key"}},
     "serving.secrets must be absent where serving.kserve.builtInRuntime is given, got AWS_ACCESS_KEY_ID: KServe's "
     "pull takes no keys from there; remove it"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "told"), CASES)
def test_what_kserve_cannot_do_is_refused_and_not_ignored(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError) as caught:
        settings(changes)

    assert [line(error, StackSettings) for error in caught.value.errors()] == [told]
