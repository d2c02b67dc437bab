import json

import pytest

from infra.compatibility.pins import outside
from infra.preview import run
from infra.settings import SettingsError, load
from infra.settings.serving import RESERVED_NAMESPACES
from tests.infra.samples import REMOVED, blocks

OWN_ACCOUNT = "arn:aws:iam::111122223333:role"


def complaint(changes: dict[str, object]) -> str:
    with pytest.raises(SettingsError) as caught:
        run(lambda: void(load()), blocks(changes), stack="dev")
    return str(caught.value)


def void(_: object) -> None:
    return


@pytest.mark.parametrize(
    ("path", "value", "line"),
    [
        ("aws.network.cidr", REMOVED, "is required"),
        ("aws.accountId", REMOVED, "is required"),
        ("aws.accountId", 111122223333, "must be text (put it in quotes), got 111122223333"),
        ("aws.accountId", "1234", "must match ^[0-9]{12}$, got 1234"),
        ("aws.region", "", 'must match ^[a-z]{2}(-[a-z]+)+-[0-9]$, got ""'),
        ("eks.kubernetesVersion", 1.36, "must be text (put it in quotes), got 1.36"),
        ("eks.kubernetesVersion", "1.20", f"must be one of 1.36, which the checks know: {outside('1.20')}, got 1.20"),
        ("eks.gpuTimeSlices", 0, "must be at least 1, got 0"),
        ("eks.gpuTimeSlices", 17, "must be at most 16, got 17"),
        ("eks.systemPool.nodes", 1, "must be at least 2, got 1"),
        ("eks.systemPool.nodes", True, "must be a whole number, got true"),
        ("eks.systemPool.nodes", "2", "must be a whole number, got 2"),
        ("eks.systemPool.nodes", 2.5, "must be a whole number, got 2.5"),
        ("eks.systemPool.instanceTypes", [], "must have at least 1 items, got 0"),
        ("eks.systemPool.instanceTypes", "m7i.large", "must be a list, got m7i.large"),
        ("eks.deletionProtection", "yes", "must be true or false, got yes"),
        ("eks.logRetentionDays", 8, "must be one of 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, "
         "1096, 1827, 2192, 2557, 2922, 3288, 3653, got 8"),
        ("aws.network.zones", ["a", "b", "c", "d"], "must have at most 3 items, got 4"),
        ("aws.network.zones", ["a", "a"], 'must name each once, got ["a", "a"]'),
        ("aws.network.cidr", "10.0.0.0/24", "must be between /16 and /20 (a VPC's largest size is /16; smaller than "
         "/20 starves pods), got 10.0.0.0/24"),
        ("aws.network.cidr", "10.0.0.0/33", "must be valid ('33' is not a valid netmask), got 10.0.0.0/33"),
        ("aws.network.cidr", "10.0.0.5/16", "must be valid (10.0.0.5/16 has host bits set), got 10.0.0.5/16"),
        ("eks.publicAccessCidrs", ["0.0.0.0/0"], "must not open the API to the whole internet; name your office or VPN "
         'ranges, got ["0.0.0.0/0"]'),
        ("eks.gpuPools.spot.capacity", "sport", "must be one of spot or on-demand, got sport"),
        ("eks.gpuPools.spot.instanceTypes", ["m7i.large"], "must be known GPU instance types (families g4dn, g5, g6, "
         'g6e, p4d, p5), got ["m7i.large"]'),
        ("eks.gpuPools.Spot", {"instanceTypes": ["g6.xlarge"], "max": 1},
         "must match ^[a-z]([-a-z0-9]{0,38}[a-z0-9])?$, got Spot"),
        ("eks.deployers", [f"{OWN_ACCOUNT}/a"] * 2, f'must name each once, got ["{OWN_ACCOUNT}/a", "{OWN_ACCOUNT}/a"]'),
        ("serving.namespace", "monitoring",
         f"must be a namespace of its own, none of {', '.join(RESERVED_NAMESPACES)}, got monitoring"),
        ("model.batching.maxDelayMs", "fast", "must be a number, got fast"),
        ("model.batching.maxSize", 0, "must be at least 1, got 0"),
        ("model.batching.maxQueue", "many", "must be a whole number, got many"),
        ("model.maxBodyMib", 257, "must be at most 256, got 257"),
        ("model.requestTimeoutSeconds", 0, "must be more than 0, got 0"),
        ("serving.grpc", 8081, "must be true or false, got 8081"),
        ("model.extra", "faces", "must be a list, got faces"),
        ("model.name", "Digits", "must match ^[a-z]([-a-z0-9]{0,38}[a-z0-9])?$, got Digits"),
        ("serving.resources.memory", "4G", "must match ^[1-9][0-9]*(Mi|Gi|Ti)$, got 4G"),
        ("serving.replicas.min", 0, "must be at least 1, got 0"),
        ("monitoring.objectives.errorPercent", 100, "must be at most 5, got 100"),
        ("monitoring.objectives.p95LatencyMs", 0, "must be more than 0, got 0"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_told_by_key_rule_and_value(path: str, value: object, line: str) -> None:
    assert complaint({path: value}) == f"Pulumi.dev.yaml: inference-platform:{path} {line}"


@pytest.mark.parametrize(
    ("path", "value", "line"),
    [
        ("servng", {}, "servng is not a setting; did you mean serving?"),
        ("aws.network.natGateway", 1, "aws.network.natGateway is not a setting; did you mean natGateways?"),
        ("image.zones", 2, "image.zones is not a setting; known here: base, deleteImages, digest, keep, repository, "
         "variant"),
        ("eks.gpuPools.spot.maximum", 2, "eks.gpuPools.spot.maximum is not a setting; did you mean max?"),
        ("image.registry", 2, "image.registry is not a setting; did you mean repository?"),
        ("serving", "digits", "serving must be a block of settings, got digits"),
        ("monitoring", True, "monitoring must be a block of settings, got true"),
        ("eks.gpuPools", [], "eks.gpuPools must be a block of settings, got []"),
    ],
)  # fmt: skip
def test_a_wrong_name_or_shape_is_told_with_what_is_known(path: str, value: object, line: str) -> None:
    assert complaint({path: value}) == f"Pulumi.dev.yaml: inference-platform:{line}"


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"aws.network.zones": ["a", "b"], "aws.network.natGateways": 3},
         "aws.network.natGateways must be at most the number of zones, 2, got 3"),
        ({"aws.region": "eu-central-1"}, "aws.network.zones must lie in region eu-central-1, got eu-west-1a"),
        ({"eks.gpuPools.system": {"instanceTypes": ["g6.xlarge"], "max": 1}},
         "eks.gpuPools.system must have another name: systemPool has that one"),
        ({"serving.replicas": {"min": 3, "max": 2}}, "serving.replicas.max must be at least min, 3, got 2"),
        ({"eks.gpuPools.spot.min": 5}, "eks.gpuPools.spot.max must be at least min, 5, got 4"),
        ({"model.extra": ["faces", "digits"]},
         "model.extra must name each model once, name included, got digits twice"),
        ({"model.extra": ["faces", "faces"]},
         "model.extra must name each model once, name included, got faces twice"),
        ({"serving.gpus": 0, "serving.cudaGraphs": True},
         "serving.cudaGraphs must be absent where gpus is 0, got true; remove it or raise gpus"),
        ({"serving.gpus": 0, "serving.gpuMemoryLimitMib": 4096},
         "serving.gpuMemoryLimitMib must be absent where gpus is 0, got 4096; remove it or raise gpus"),
        ({"serving.workers": 2}, "serving.workers must be 1 where gpus is above 0, got 2; add replicas instead"),
    ],
)  # fmt: skip
def test_a_rule_over_several_keys_names_the_one_to_change(changes: dict[str, object], line: str) -> None:
    assert complaint(changes) == f"Pulumi.dev.yaml: inference-platform:{line}"


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://otel.tracing.svc:4318",
        "http://traces.example.com:4318",
        "http://otel.tracing:4318",
        "http://otel.tracing.svc",
        "http://otel.tracing.svc:0",
        "http://otel.tracing.svc:65536",
        "http://otel.tracing.svc:4318/v1/traces",
    ],
)
def test_a_collector_is_a_service_of_the_cluster_with_its_port(endpoint: str) -> None:
    assert complaint({"serving.tracing": {"endpoint": endpoint}}) == (
        "Pulumi.dev.yaml: inference-platform:serving.tracing.endpoint must be a Service of the cluster with its port, "
        f"as http://collector.tracing.svc:4318, got {endpoint}"
    )


def test_every_mistake_has_a_line() -> None:
    lines = complaint({"serving.replicas.min": 0, "image.kep": 3, "monitoring.retentionDays": "a"}).splitlines()

    assert lines == [
        "Pulumi.dev.yaml: inference-platform:image.kep is not a setting; did you mean keep?",
        "Pulumi.dev.yaml: inference-platform:serving.replicas.min must be at least 1, got 0",
        "Pulumi.dev.yaml: inference-platform:monitoring.retentionDays must be a whole number, got a",
    ]


@pytest.mark.parametrize("value", ["it's", "a{b}", "{got}", None, {"a": 1}])
def test_any_value_can_be_quoted_back(value: object) -> None:
    shown = value if isinstance(value, str) else json.dumps(value)

    assert complaint({"serving.replicas.min": value}).endswith(f"must be a whole number, got {shown}")
