"""Prod on the real engine: made, changed so that nodes are replaced, kept from its end, and taken away."""

from collections.abc import Callable

import pytest

from tests.engine.explained import unexplained
from tests.engine.judged import figures, half_made, left_behind, made_often, names, protected, unsaid
from tests.engine.lives import PROD_REFUSED, Life
from tests.engine.secrecy import leaks
from tests.engine.standin.clouds import Operation
from tests.engine.waits import by_count, by_minutes, longest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

POOL = "azure-native:containerservice:AgentPool aks-t4"
PRIORITIES = "kubernetes:core/v1:ConfigMap aks-autoscaler-priorities"


def test_a_preview_breaks_no_rule_of_the_policy_pack(prod: Life) -> None:
    assert "Policies:" in prod["preview"].output
    assert prod["preview"].status == 0


def test_ups_that_a_cloud_refuses_fail_and_say_where(prod: Life) -> None:
    assert [step.status for step in prod.refused if step.status == 0] == []
    assert unsaid(prod, PROD_REFUSED) == []


def test_the_next_up_completes_what_is_half_made_and_makes_nothing_twice(prod: Life) -> None:
    assert half_made(prod) == []
    assert made_often(prod) == {POOL: 2}  # of which one took the place of the other


@pytest.mark.parametrize("step", ["preview again", "refresh"])
def test_a_stack_that_is_up_has_no_change(step: str, prod: Life) -> None:
    assert names(prod[step].urns) == set()


def test_other_machines_are_another_pool_and_nothing_else(prod: Life) -> None:
    assert names(prod["up, one setting changed"].urns) == {POOL, PRIORITIES}


def test_the_new_pool_is_there_before_the_old_one_goes(prod: Life) -> None:
    pool = next(each["urn"] for each in prod.whole if each["urn"].endswith("AgentPool::aks-t4"))
    lived = [entry.operation for entry in prod.journal if entry.urn == pool and entry.operation is not Operation.READ]

    assert lived == [Operation.CREATE, Operation.CREATE, Operation.DELETE, Operation.DELETE]


def test_what_holds_data_is_protected(prod: Life) -> None:
    assert protected(prod) == {
        "aws:ecr/repository:Repository ecr",
        "aws:efs/fileSystem:FileSystem eks-shared-storage-files",
        "aws:eks/cluster:Cluster eks",
        "aws:kms/key:Key eks-backups",
        "aws:s3/bucket:Bucket eks-backups",
        "aws:s3/bucket:Bucket sagemaker-data",
        "azure-native:containerregistry:Registry acr",
        "azure-native:containerservice:ManagedCluster aks",
        "azure-native:keyvault:Vault aks-vault",
        "azure-native:storage:BlobContainer aks-backups-mlflow",
        "azure-native:storage:BlobContainer aks-backups-training",
        "azure-native:storage:StorageAccount aksbackups",
        "kubernetes:core/v1:Namespace aks-mlflow-namespace",
        "kubernetes:core/v1:Namespace eks-mlflow-namespace",
        "kubernetes:core/v1:PersistentVolumeClaim aks-mlflow-artifacts",
        "kubernetes:core/v1:PersistentVolumeClaim aks-training-models",
        "kubernetes:core/v1:PersistentVolumeClaim eks-mlflow-artifacts",
        "kubernetes:core/v1:PersistentVolumeClaim eks-training-models",
    }


def test_a_protected_stack_refuses_to_go_and_loses_nothing(prod: Life) -> None:
    refused = prod["destroy, protected"]
    said = " ".join(refused.errors)

    assert refused.status != 0
    assert "protect" in said
    assert prod["up, unprotected"].counts["create"] == 0


def test_nothing_is_left_of_it(prod: Life) -> None:
    assert prod.end == []
    assert left_behind(prod) == set()


def test_no_secret_is_readable_in_what_the_engine_writes(prod: Life) -> None:
    told = "".join(step.output for step in prod.steps.values()).encode()

    assert b"ciphertext" in prod.written
    assert leaks(prod.written + told) == []


@pytest.mark.parametrize("cost", [by_count, by_minutes])
def test_every_wait_on_the_longest_chain_has_a_reason(
    cost: Callable[[str], float], prod: Life, record_property: Callable[[str, object], None]
) -> None:
    chain = longest(prod.whole, cost)
    record_property(f"engine: longest chain of prod {cost.__name__}, {chain.length:.1f}", str(chain))

    assert unexplained(chain.waits) == []


def test_the_steps_are_on_record(prod: Life, record_property: Callable[[str, object], None]) -> None:
    record_property("engine: steps of prod", "\n".join(figures(prod.steps.values())))

    failed = [step.name for step in prod.steps.values() if step.status != 0]
    assert failed == [*(step.name for step in prod.refused), "destroy, protected"]
