from typing import Any

import pytest
from pydantic import ValidationError

from infra.settings import compatibility_rules, kserve_rules, rules, tensorflow_serving_rules, tracing_rules
from infra.settings.messages import line
from infra.settings.stack import StackSettings
from tests.infra.samples import AKS as PLAIN_AKS
from tests.infra.samples import AZURE, REMOVED, T4, settings

ML_POOL = {**T4, "capacity": "on-demand", "azureMl": True}
AKS = PLAIN_AKS | {"gpuPools": {"t4": T4, "ml": ML_POOL}, "localAccounts": True}
LOKI = {"url": "https://logs.example.com", "basicAuth": {"userName": "stack", "password": "loki-password"}}
TOLD = {"warning": {"slack": {"webhook": "alerts-slack"}}}
ON_AKS: dict[str, Any] = {"compute": "aks", "instances": {"min": 1, "max": 4}}
BOTH = {"azure": AZURE, "aks": AKS, "azureMl": ON_AKS}
WITHOUT_EKS = {"aws": REMOVED, "eks": REMOVED}
EXISTING = {
    **WITHOUT_EKS,
    "existing": {"context": "lab", "networkCidr": "10.9.0.0/16", "storageClass": "encrypted"},
    "image.repository": "registry.example.com/team/model-server",
}
VAULT = {"server": "https://vault.example.com:8200", "role": "model-server"}
REAL_TIME = {"instanceType": "ml.g5.xlarge", "inNetwork": True}
GATEWAY: dict[str, Any] = {"hostName": "predict.example.com", "tls": {"clusterIssuer": "company"}}
KEYED = {**GATEWAY, "authentication": {"apiKeys": {"shop": "key-of-shop"}}}
ACME = {"email": "ml@example.com", "route53": {"zoneId": "Z0123456789ABCDEFGHIJ"}}
BLUE_GREEN: dict[str, Any] = {
    "blue": {"weight": 100, "modelVersion": "1"},
    "green": {"weight": 0, "modelVersion": "2"},
}
RESTING = {"weight": 0, "replicas": {"min": 1, "max": 2, "minOutsideOfficeHours": 0}}

CASES: list[tuple[str, dict[str, Any], str]] = [
    ("blocks_have_what_they_stand_on",
     {"aws": REMOVED, "image.repository": "registry.example.com/team/model-server"},
     "eks needs the block aws, which is absent; add it or remove eks"),
    ("blocks_have_what_they_stand_on", {"aws": REMOVED},
     "image needs one of the blocks aws, azure, image.repository, local, which are all absent; add one or remove "
     "image"),
    ("blocks_have_what_they_stand_on", {"aws.network": REMOVED},
     "eks needs the block aws.network, which is absent; add it or remove eks"),
    ("blocks_have_what_they_stand_on", {"image": REMOVED},
     "serving needs the block image, which is absent; add it or remove serving"),
    ("blocks_have_what_they_stand_on", {"model.source": {"mlflow": "models:/digits@champion"}},
     "model.source.mlflow needs the block mlflow, which is absent; add it or remove model.source.mlflow"),
    ("blocks_have_what_they_stand_on", {"eks": REMOVED, "serving": REMOVED},
     "monitoring needs one of the blocks eks, aks, existing, sagemaker, lambda, azureMl, containerInstances, local, "
     "which are all absent; add one or remove monitoring"),
    ("existing_clusters_can_pull_and_hide",
     {"existing": EXISTING["existing"]},
     "image.repository must be given where existing and serving are: its nodes pull from there; add it, as "
     "registry.example.com/team/model-server"),
    ("existing_clusters_can_pull_and_hide", {**EXISTING, "serving.exposure": "network"},
     "existing.loadBalancer must be given where serving.exposure is network: a default load balancer may face the "
     "internet; add its class or annotations"),
    ("replicas_fit_the_pools", {"serving.replicas": {"max": 6}},
     "serving.replicas.max must fit the GPU pools: a rollout has 1 more than 6 replicas, and eks.gpuPools hold 6 with "
     "1 GPUs each; lower it, or raise a pool's max or eks.gpuTimeSlices"),
    # Azure ML's pool holds none of the model server's replicas.
    ("replicas_fit_the_pools", {**BOTH, "serving.replicas": {"max": 4}},
     "serving.replicas.max must fit the GPU pools: a rollout has 1 more than 4 replicas, and aks.gpuPools hold 4 with "
     "1 GPUs each; lower it, or raise a pool's max or aks.gpuTimeSlices"),
    ("gpu_targets_have_a_gpu_image", {"image.variant": "cpu"},
     "image.variant must be cuda when serving.gpus is above 0, got cpu"),
    ("gpu_targets_have_a_gpu_image",
     {"image.variant": "cpu", "serving.gpus": 0, "azure": AZURE, "azureMl": {"instanceType": "Standard_NC4as_T4_v3"}},
     "image.variant must be cuda when azureMl.instanceType has a GPU (Standard_NC4as_T4_v3), got cpu"),
    ("gpu_targets_have_a_gpu_image", {**BOTH, "image.variant": "cpu", "serving.gpus": 0},
     "image.variant must be cuda when azureMl.compute is aks, got cpu"),
    ("schedules_have_hours", {"serving.replicas": {"min": 1, "minOutsideOfficeHours": 0}},
     "serving.replicas.minOutsideOfficeHours needs the block officeHours, which is absent; add it or remove "
     "serving.replicas.minOutsideOfficeHours"),
    ("budgets_tell_somebody", {"budget": {"awsMonthlyUsd": 100}},
     "budget.emails must name 1 to 10 addresses, as must monitoring.alarmEmails where it names none, got 0; change it"),
    ("blocks_have_what_they_stand_on", {"budget": {"azureMonthlyUsd": 100, "emails": ["team@example.com"]}},
     "budget.azureMonthlyUsd needs the block azure, which is absent; add it or remove budget.azureMonthlyUsd"),
    ("endpoints_find_their_network",
     {"eks": REMOVED, "serving": REMOVED, "aws.network": REMOVED, "sagemaker": {"realTime": REAL_TIME}},
     "sagemaker.*.inNetwork needs the block aws.network, which is absent; add it or set inNetwork to false"),
    ("networks_do_not_overlap", {**BOTH, "aks": {**AKS, "podCidr": "10.32.0.0/16"}},
     "aks.podCidr must not overlap azure.network.cidr, 10.32.0.0/16, got 10.32.0.0/16"),
    ("blocks_have_what_they_stand_on",
     {"serving.autoscaling": {"requestsPerSecond": {"capacity": 10}}, "monitoring": REMOVED},
     "serving.autoscaling.requestsPerSecond needs the block monitoring, which is absent; add it or remove "
     "serving.autoscaling.requestsPerSecond"),
    ("blocks_have_what_they_stand_on",
     {"training": {}, "image": REMOVED, "serving": REMOVED},
     "training needs one of the blocks training.image, image, which are all absent; add one or remove training"),
    ("blocks_have_what_they_stand_on", {"security": {"trivy": {}}, "serving": REMOVED},
     "security.trivy needs one of the blocks serving, training, mlflow, which are all absent; add one or remove "
     "security.trivy"),
    ("queue_time_can_be_kept",
     {"serving.autoscaling": {"queueTimeMs": 20}, "model.batching": {"maxDelayMs": 20}},
     "serving.autoscaling.queueTimeMs must be more than model.batching.maxDelayMs, 20, which an example may wait at "
     "any load, got 20; raise it or lower the delay"),
    ("queue_time_can_be_kept",
     {"serving.autoscaling": {"queueTimeMs": 250}},
     "serving.autoscaling.queueTimeMs must be less than monitoring.objectives.p95LatencyMs, 250, since a wait is a "
     "part of it, got 250; lower it"),
    ("groups_are_known_to_every_cluster", {"serving.access": {"viewers": ["people"]}},
     "serving.access must name groups of eks.groups, got people; add it there, or remove it"),
    ("secrets_have_a_store", {**EXISTING, "serving.secrets": {"ADMIN_TOKEN": "token"}},
     "secrets.vault must be given where serving.secrets and existing are: that cluster has no store of its own; add it "
     "or remove serving.secrets"),
    ("secrets_have_a_store", {"azure": AZURE, "aks": PLAIN_AKS, "serving.secrets": {"ADMIN_TOKEN": "token"}},
     "aks.keyVault must be given where serving.secrets and aks are; add aks.keyVault: {} or secrets.vault"),
    ("secrets_have_a_store", {"azure": AZURE, "aks": PLAIN_AKS, "monitoring.notifications": TOLD},
     "aks.keyVault must be given where monitoring.notifications and aks are; add aks.keyVault: {} or secrets.vault"),
    ("secrets_have_a_store", {**EXISTING, "monitoring.logs": {"loki": LOKI}},
     "secrets.vault must be given where monitoring.logs.loki.basicAuth and existing are: that cluster has no store of "
     "its own; add it or remove monitoring.logs.loki.basicAuth"),
    ("lines_have_a_store", {**EXISTING, "monitoring.logs": {"cloud": {}}},
     "monitoring.logs.cloud must be absent where existing is: no cloud of the stack runs that cluster; set "
     "monitoring.logs.loki"),
    ("secrets_have_a_store", {"azure": AZURE, "aks": PLAIN_AKS, "serving.gateway": KEYED},
     "aks.keyVault must be given where serving.gateway and aks are; add aks.keyVault: {} or secrets.vault"),
    ("keys_are_checked_once", {"serving.gateway": KEYED, "serving.secrets": {"API_KEYS": "keys"}},
     "serving.secrets must have no API_KEYS where serving.gateway.authentication.apiKeys is given, since the gateway "
     "takes clients' keys off; remove one"),
    ("acme_zones_are_in_the_clusters_cloud",
     {"azure": AZURE, "aks": PLAIN_AKS, "serving.gateway": {**GATEWAY, "tls": {"acme": ACME}}},
     "serving.gateway.tls.acme.route53 needs every cluster of the stack to be eks, got aks: pods have an identity in "
     "their own cloud only; use clusterIssuer or stored"),
    ("checksums_are_of_every_track",
     {"model.version": "1", "model.source": {"url": "s3://models", "sha256": "0" * 64},
      "serving.rollout": {"traffic": "blue-green", "tracks": BLUE_GREEN}},
     "model.source.sha256 must be absent where serving.rollout.tracks.green.modelVersion is not model.version, 1, got "
     "2: it is of one version's files; remove it"),
    ("replicas_fit_the_pools",
     {"serving.replicas": {"max": 3}, "serving.rollout": {"traffic": "blue-green", "tracks": BLUE_GREEN}},
     "serving.rollout.tracks.*.replicas.max must fit the GPU pools: with 1 more for each track's rollout there are 4 + "
     "4 = 8 pods, and eks.gpuPools hold 6 with 1 GPUs each; lower it, or raise a pool's max or eks.gpuTimeSlices"),
    ("schedules_have_hours",
     {"serving.rollout": {"traffic": "blue-green", "tracks": {**BLUE_GREEN, "green": RESTING}}},
     "serving.rollout.tracks.green.replicas.minOutsideOfficeHours needs the block officeHours, which is absent; add it "
     "or remove serving.rollout.tracks.green.replicas.minOutsideOfficeHours"),
    ("vault_tells_clusters_apart", {"azure": AZURE, "aks": PLAIN_AKS, "secrets": {"vault": VAULT}},
     "secrets.vault.authMounts must give each cluster a mount of its own, got kubernetes, kubernetes for eks, aks"),
    ("training_fits_a_gpu_node", {"training": {"gpus": 4}},
     "training.gpus must fit a node of eks.gpuPools, got 4; lower it, or add a pool with larger nodes"),
    ("objects_are_in_the_clusters_cloud",
     {"azure": AZURE, "aks": PLAIN_AKS, "training": {"data": {"url": "s3://images/digits"}}},
     "training.data.url must be in the cloud of aks, where pods have an identity, got s3://images/digits; use a "
     "volume"),
    ("objects_are_in_the_clusters_cloud",
     {"mlflow": {"artifacts": {"url": "https://runs.blob.core.windows.net/mlflow"}}},
     "mlflow.artifacts.url must be in the cloud of eks, where pods have an identity, got "
     "https://runs.blob.core.windows.net/mlflow; use a volume"),
    ("sources_are_for_clusters",
     {"model.source": {"claim": "models"}, "lambda": {}},
     "model.source must be absent where lambda is, which serves the image's models: two targets must not serve "
     "different ones; remove it or lambda, or give it a stack of its own"),
    ("sources_find_shared_volumes", {"model.source": {"size": "5Gi"}},
     "model.source.size needs eks.sharedStorage, which is absent; add it, empty is enough, or name another source"),
    ("sources_find_shared_volumes", {**EXISTING, "model.source": {"size": "5Gi"}},
     "model.source.size needs existing.sharedStorageClass, which is absent; add it, or name another source"),
    ("sources_can_be_read", {"model.source": {"url": "https://store.blob.core.windows.net/models"}},
     "serving.secrets must have AZURE_STORAGE_ACCOUNT_KEY where model.source.url is "
     "https://store.blob.core.windows.net/models and eks is given; add them"),
    ("sources_can_be_read",
     {"model.source": {"url": "s3://models", "endpoint": "https://minio.example.com"}},
     "serving.secrets must have AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY where model.source.url is s3://models and "
     "model.source.endpoint is given; add them"),
    ("azure_ml_finds_its_cluster", {"azure": AZURE, "azureMl": ON_AKS},
     "azureMl needs the block aks where azureMl.compute is aks, which is absent; add it, or set managed"),
    ("azure_ml_finds_its_cluster", {**BOTH, "aks": {**AKS, "localAccounts": False}},
     "aks.localAccounts must be true where azureMl.compute is aks, got false: Azure ML supports no cluster without "
     "them; set it, or azureMl.compute to managed"),
    ("azure_ml_finds_its_cluster",
     {**BOTH, "azureMl": {**ON_AKS, "deployments": {"blue": {"percent": 90}, "green": {"percent": 10}}}},
     "azureMl.instances.max must fit the aks.gpuPools with azureMl: true, which hold 4 servers with 1 GPUs each, got 4 "
     "for each of 2 deployments; lower it, or raise a pool's max"),
    ("azure_ml_finds_its_cluster", {**BOTH, "aks": {**AKS, "gpuPools": {"t4": T4}}},
     "azureMl.instances.max must fit the aks.gpuPools with azureMl: true, which hold 0 servers with 1 GPUs each, got 4 "
     "for each of 1 deployments; lower it, or raise a pool's max"),
    ("pools_of_azure_ml_are_used", {"azure": AZURE, "aks": AKS},
     "aks.gpuPools.ml.azureMl needs azureMl.compute to be aks, else nothing runs there; remove it"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "changes", "told"), CASES)
def test_a_broken_rule_is_told_in_one_line(rule: str, changes: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError) as caught:
        settings(changes)

    assert [line(error, StackSettings) for error in caught.value.errors()] == [told], rule


def test_every_rule_has_a_case() -> None:
    elsewhere = (*kserve_rules.RULES, *tensorflow_serving_rules.RULES, *tracing_rules.RULES, *compatibility_rules.RULES)

    assert {rule for rule, _, _ in CASES} == {rule.__name__ for rule in rules.RULES if rule not in elsewhere}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        BOTH,
        {**BOTH, "aks": {**AKS, "gpuTimeSlices": 2}, "azureMl": {**ON_AKS, "instances": {"max": 8}}},
        {"azure": AZURE, "azureMl": {"instanceType": "Standard_NC4as_T4_v3"}},
    ],
)
def test_blocks_that_fit_each_other_are_taken(changes: dict[str, Any]) -> None:
    assert settings(changes).model
