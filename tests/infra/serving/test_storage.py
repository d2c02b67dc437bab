from collections import Counter
from dataclasses import replace
from typing import Any

import pulumi
import pytest

from inference_app.contract import Env
from infra.preview import Plan, Resource
from infra.preview.checks import check_plan
from infra.serving.storage import ModelClaim, ModelClaimArgs, model_volume, nfs_claim_name, pull_variables
from infra.settings.model import SettingsError
from infra.settings.source import SourceSettings
from tests.infra.samples import children, on_cluster

CLAIM, VOLUME = "kubernetes:core/v1:PersistentVolumeClaim", "kubernetes:core/v1:PersistentVolume"
DIGEST = "sha256:" + "0" * 64
NFS = {"server": "10.0.0.4", "path": "/exports/models"}


def source(**keys: object) -> SourceSettings:
    return SourceSettings.model_validate(keys)


def preview(made: SourceSettings, **cluster_differs: Any) -> Plan:
    def build(cluster: Any, opts: pulumi.ResourceOptions) -> None:
        args = ModelClaimArgs(
            source=made, cluster=replace(cluster, **cluster_differs), namespace="serving", labels={"app": "it"}
        )
        pulumi.export("claim", ModelClaim("models", args, opts).claim)

    return on_cluster(build)


def spec(resource: Resource) -> Any:
    return resource.inputs["spec"]


def test_what_is_pulled_lies_on_the_nodes_disk_within_its_limit() -> None:
    models = model_volume(source(url="s3://models/prod", space="7Gi"))

    assert models.volume == {"name": "models", "empty_dir": {"size_limit": "7Gi"}}
    assert models.space == "7Gi"
    assert models.pull == {Env.MODEL_SOURCE: "s3://models/prod", Env.MODEL_SOURCE_MAX_BYTES: str(7 * 2**30)}


def test_a_pull_knows_the_region_the_endpoint_and_the_checksums() -> None:
    endpoint = "http://minio.storage.svc:9000"
    made = pull_variables(source(url="s3://models", sha256="a" * 64, region="eu-west-1", endpoint=endpoint))

    assert made[Env.MODEL_SOURCE_SHA256] == "a" * 64
    assert made["AWS_REGION"] == "eu-west-1"
    assert made["AWS_ENDPOINT_URL_S3"] == endpoint


def test_what_mlflow_names_is_pulled_through_its_service() -> None:
    models = model_volume(source(mlflow="models:/digits@champion"))

    assert models.space == "5Gi"
    assert models.pull[Env.MODEL_SOURCE] == "models:/digits@champion"
    assert models.pull["MLFLOW_TRACKING_URI"] == "http://mlflow.mlflow.svc"


@pytest.mark.parametrize(
    ("made", "claim", "volume"),
    [
        (source(claim="theirs"), None, {"persistent_volume_claim": {"claim_name": "theirs", "read_only": True}}),
        (source(size="1Gi"), "ours", {"persistent_volume_claim": {"claim_name": "ours", "read_only": True}}),
        (
            source(image=f"r.example.com/digits@{DIGEST}"),
            None,
            {"image": {"reference": f"r.example.com/digits@{DIGEST}", "pull_policy": "IfNotPresent"}},
        ),
    ],
)
def test_what_is_mounted_is_mounted_read_only_and_nothing_is_pulled(
    made: SourceSettings, claim: str | None, volume: dict[str, object]
) -> None:
    models = model_volume(made, claim)

    assert models.volume == {"name": "models", **volume}
    assert (models.pull, models.space) == ({}, None)


def test_a_source_whose_claim_the_stack_makes_needs_its_name() -> None:
    with pytest.raises(ValueError, match="must be told the claim"):
        model_volume(source(size="1Gi"))


def test_a_new_volume_is_one_that_many_nodes_mount() -> None:
    plan = preview(source(size="50Gi"))
    claim = plan.one(CLAIM)

    assert children(plan, "inference:serving:ModelClaim") == Counter([CLAIM])
    assert spec(claim) == {
        "storageClassName": "shared",
        "accessModes": ["ReadWriteMany"],
        "resources": {"requests": {"storage": "50Gi"}},
    }
    assert claim.inputs["metadata"] == {"namespace": "serving", "labels": {"app": "it"}}, "Pulumi makes the name"
    assert plan.exports["claim"] == "${models.metadata.name: string}"
    assert claim.options.get("protect") is not True
    assert [str(failure) for failure in check_plan(plan).failures] == []


def test_models_can_be_protected_from_destroy() -> None:
    claim = preview(source(size="50Gi", deleteData=False)).one(CLAIM)

    assert claim.options["protect"] is True


def test_without_volumes_for_many_nodes_there_is_no_claim_that_one_pod_alone_could_mount() -> None:
    with pytest.raises(SettingsError) as raised:
        preview(source(size="50Gi"), shared_storage_class=None)

    assert "model.source.size needs volumes that many nodes mount, which plain has not; add eks.sharedStorage" in str(
        raised.value
    )


def test_an_nfs_directory_is_mounted_by_this_claim_alone_and_stays_when_it_goes() -> None:
    plan = preview(source(nfs=NFS))
    volume, claim = spec(plan.one(VOLUME)), spec(plan.one(CLAIM))
    name = plan.one(CLAIM).inputs["metadata"]["name"]

    assert children(plan, "inference:serving:ModelClaim") == Counter([VOLUME, CLAIM])
    assert volume["nfs"] == {**NFS, "readOnly": True}
    assert volume["persistentVolumeReclaimPolicy"] == "Retain"
    assert volume["claimRef"] == {"namespace": "serving", "name": name}
    assert volume["storageClassName"] == claim["storageClassName"] == ""
    assert volume["accessModes"] == claim["accessModes"] == ["ReadOnlyMany"]
    assert claim["volumeName"] == "${models.metadata.name: string}"
    assert plan.exports["claim"] == name
    assert [str(failure) for failure in check_plan(plan).failures] == []


def test_another_directory_is_another_claim_so_that_pods_can_move_to_it() -> None:
    one, other = source(nfs=NFS).nfs, source(nfs={**NFS, "path": "/exports/others"}).nfs

    assert one
    assert other
    assert nfs_claim_name(one) != nfs_claim_name(other)
    assert nfs_claim_name(one).startswith("models-")
