from dataclasses import replace
from typing import Any

import pulumi
import pulumi_random as random
import pytest

from infra.preview import Plan
from infra.preview.checks import check_plan, check_resource
from infra.serving.autoscaling import (
    AutoscalerArgs,
    autoscaler,
    autoscaler_spec,
    cron_metadata,
    needs_keda,
    scaled_object_spec,
)
from infra.settings.office_hours import OfficeHoursSettings
from infra.settings.serving import ServingSettings
from tests.infra.samples import on_cluster

HORIZONTAL = "kubernetes:autoscaling/v2:HorizontalPodAutoscaler"
SCALED_OBJECT = "kubernetes:keda.sh/v1alpha1:ScaledObject"
PROMETHEUS = "http://prometheus.example.svc:9090"
REQUESTS: dict[str, Any] = {"requestsPerSecond": {"capacity": 200, "utilisation": 70}}
HOURS = OfficeHoursSettings.model_validate(
    {"timeZone": "Europe/Berlin", "days": ["mon", "wed"], "start": "07:30", "end": "19:05"}, strict=False
)


def settings(autoscaling: dict[str, Any] | None = None, **replicas: int) -> ServingSettings:
    chosen = {"cpuUtilisation": 55, "scaleDownSeconds": 120} | (autoscaling or {})
    bounds = {"min": 2, "max": 9} | replicas
    return ServingSettings.model_validate({"namespace": "models", "replicas": bounds, "autoscaling": chosen})


def args(
    served: ServingSettings, hours: OfficeHoursSettings | None = HOURS, track: str | None = None
) -> AutoscalerArgs:
    return AutoscalerArgs(
        settings=served, deployment="server", track=track, metadata={}, office_hours=hours, prometheus=PROMETHEUS
    )


def scaled_object(outside: int | None = None, **autoscaling: Any) -> Any:
    bounds = {} if outside is None else {"minOutsideOfficeHours": outside}
    return scaled_object_spec(args(settings(autoscaling, **bounds)))


def triggers(spec: Any, kind: str) -> list[Any]:
    return [trigger for trigger in spec["triggers"] if trigger["type"] == kind]


def test_replicas_follow_cpu_use_within_their_bounds_and_go_down_slowly() -> None:
    assert autoscaler_spec(settings(), "server") == {
        "scale_target_ref": {"api_version": "apps/v1", "kind": "Deployment", "name": "server"},
        "min_replicas": 2,
        "max_replicas": 9,
        "metrics": [
            {
                "type": "Resource",
                "resource": {"name": "cpu", "target": {"type": "Utilization", "average_utilization": 55}},
            }
        ],
        "behavior": {
            "scale_up": {"stabilization_window_seconds": 0},
            "scale_down": {
                "stabilization_window_seconds": 120,
                "policies": [{"type": "Pods", "value": 1, "period_seconds": 60}],
            },
        },
    }


def test_replicas_follow_memory_too_where_that_is_asked_for() -> None:
    spec: Any = autoscaler_spec(settings({"memoryUtilisation": 80}), "server")

    assert [metric["resource"]["name"] for metric in spec["metrics"]] == ["cpu", "memory"]
    assert spec["metrics"][1]["resource"]["target"] == {"type": "Utilization", "average_utilization": 80}


def test_keda_follows_the_same_use_at_the_same_pace() -> None:
    spec = scaled_object(1, memoryUtilisation=80)

    assert spec["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "server"}
    assert spec["triggers"][:2] == [
        {"type": "cpu", "metricType": "Utilization", "metadata": {"value": "55"}},
        {"type": "memory", "metricType": "Utilization", "metadata": {"value": "80"}},
    ]
    assert spec["advanced"]["horizontalPodAutoscalerConfig"] == {
        "behavior": {
            "scaleUp": {"stabilizationWindowSeconds": 0},
            "scaleDown": {
                "stabilizationWindowSeconds": 120,
                "policies": [{"type": "Pods", "value": 1, "periodSeconds": 60}],
            },
        }
    }


def test_the_least_number_of_replicas_is_their_minimum_in_office_hours_and_the_other_one_outside() -> None:
    spec = scaled_object(1)

    assert (spec["minReplicaCount"], spec["maxReplicaCount"]) == (1, 9)
    assert triggers(spec, "cron") == [{"type": "cron", "metadata": cron_metadata(HOURS, 2)}]
    assert cron_metadata(HOURS, 2) == {
        "timezone": "Europe/Berlin",
        "start": "30 7 * * mon,wed",
        "end": "5 19 * * mon,wed",
        "desiredReplicas": "2",
    }


@pytest.mark.parametrize("hours", [HOURS, None])
def test_without_another_minimum_at_night_the_replicas_never_fall_below_theirs(
    hours: OfficeHoursSettings | None,
) -> None:
    spec = scaled_object_spec(args(settings(REQUESTS), hours))

    assert spec["minReplicaCount"] == 2
    assert triggers(spec, "cron") == []


def test_the_last_pod_goes_as_slowly_as_the_others_and_comes_back_with_the_pods_own_autoscaler() -> None:
    spec = scaled_object(0)

    assert spec["minReplicaCount"] == 0
    assert spec["cooldownPeriod"] == 120
    assert spec["advanced"]["restoreToOriginalReplicaCount"] is True


@pytest.mark.parametrize("metrics", [{}, REQUESTS])
def test_a_server_that_always_runs_keeps_its_replicas_when_its_autoscaler_changes(metrics: dict[str, Any]) -> None:
    spec = scaled_object(1, **metrics)

    assert spec["advanced"]["restoreToOriginalReplicaCount"] is False
    assert not {"cooldownPeriod", "pollingInterval"} & set(spec), "KEDA's webhook warns of what has no effect"


def test_the_clock_alone_needs_no_answer_of_prometheus() -> None:
    spec = scaled_object(0)

    assert "fallback" not in spec
    assert triggers(spec, "prometheus") == []


@pytest.mark.parametrize(
    ("hours", "outside", "metrics", "keda"),
    [
        (None, None, {}, False),
        (HOURS, None, {}, False),
        (None, 1, {}, False),
        (None, None, {"memoryUtilisation": 80}, False),
        (HOURS, 1, {}, True),
        (HOURS, 0, {}, True),
        (None, None, REQUESTS, True),
        (None, None, {"queueTimeMs": 20}, True),
        (HOURS, 0, REQUESTS, True),
    ],
)
def test_there_is_one_autoscaler_and_it_is_kedas_where_the_clock_or_prometheus_has_a_say(
    hours: OfficeHoursSettings | None, outside: int | None, metrics: dict[str, Any], keda: bool
) -> None:
    chosen = settings(metrics, **({} if outside is None else {"minOutsideOfficeHours": outside}))
    plan = made(chosen, hours)

    assert needs_keda(chosen, hours) is keda
    assert (len(plan.of_type(SCALED_OBJECT)), len(plan.of_type(HORIZONTAL))) == ((1, 0) if keda else (0, 1))


def made(chosen: ServingSettings, hours: OfficeHoursSettings | None = None) -> Plan:
    def build(cluster: Any, opts: pulumi.ResourceOptions) -> None:
        del cluster
        args = AutoscalerArgs(
            settings=chosen,
            deployment="server",
            metadata={"name": "server", "namespace": "models", "labels": {"app": "server"}},
            office_hours=hours,
            prometheus=PROMETHEUS,
        )
        deployment = random.RandomId("deployment", byte_length=1)
        provider = opts.providers[0] if isinstance(opts.providers, list) else None
        autoscaler("scaler", args, pulumi.ResourceOptions(provider=provider, depends_on=[deployment]))

    return on_cluster(build)


@pytest.mark.parametrize(("kind", "metrics"), [(HORIZONTAL, {"memoryUtilisation": 80}), (SCALED_OBJECT, REQUESTS)])
def test_the_autoscaler_has_the_deployments_name_and_labels_and_passes_every_check(
    kind: str, metrics: dict[str, Any]
) -> None:
    plan = made(settings(metrics))
    made_of = plan.one(kind)

    assert [str(failure) for failure in check_plan(plan).failures] == []
    assert made_of.inputs["metadata"]["name"] == "server"
    assert made_of.inputs["metadata"]["labels"] == {"app": "server"}
    assert [urn.rpartition("::")[2] for urn in made_of.dependencies] == ["deployment"]


@pytest.mark.parametrize(
    ("key", "wrong", "path"),
    [
        ("maxReplicas", "nine", "spec.maxReplicas"),
        ("minReplica", 2, "spec.minReplica"),
        ("metrics", [{"type": "Resource", "resource": {"name": "memory"}}], "spec.metrics[0].resource.target"),
        ("behavior", {"scaleDown": {"policies": [{"type": "Pods", "value": "1", "periodSeconds": 60}]}},
         "spec.behavior.scaleDown.policies[0].value"),
    ],
)  # fmt: skip
def test_a_planted_mistake_is_found_where_it_is(key: str, wrong: Any, path: str) -> None:
    scaler = made(settings({"memoryUtilisation": 80})).one(HORIZONTAL)
    planted = replace(scaler, inputs={**scaler.inputs, "spec": {**scaler.inputs["spec"], key: wrong}})

    assert list(check_resource(scaler)) == []
    assert path in {problem.path for problem in check_resource(planted)}


def test_keda_is_needed_where_one_track_rests() -> None:
    tracks = {"stable": {"weight": 100}, "canary": {"weight": 0, "replicas": {"minOutsideOfficeHours": 0}}}
    split = ServingSettings.model_validate({"rollout": {"traffic": "istio", "tracks": tracks}}, strict=False)

    assert needs_keda(split, HOURS)
    assert not needs_keda(split, None)


def test_a_track_is_scaled_by_its_own_load_under_its_own_name() -> None:
    spec = scaled_object_spec(args(settings(REQUESTS), track="canary"))

    assert 'track="canary"' in triggers(spec, "prometheus")[0]["metadata"]["query"]
