import json
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml
from pydantic import ValidationError

from infra.clusters.cluster import Access, Cluster, Identity, InternalLoadBalancer, ServiceAccount
from infra.clusters.existing import ExistingCluster, kubeconfig_files
from infra.clusters.gpu import NODE_LABEL, NODE_TAINT
from infra.preview import Plan, run
from infra.preview.checks import check_plan
from infra.settings import SettingsError
from infra.settings.existing import ExistingSettings
from infra.settings.logs import CloudLogSettings

REQUIRED = {"context": "lab", "networkCidr": "10.8.0.0/16", "storageClass": "encrypted"}
PROVIDER = "pulumi:providers:kubernetes"


def settings(**changes: Any) -> ExistingSettings:
    return ExistingSettings.model_validate_json(json.dumps(REQUIRED | changes))


def write(path: Path, *contexts: str) -> Path:
    entries = [{"name": name, "context": {"cluster": name, "user": name}} for name in contexts]
    path.write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "Config", "contexts": entries}), encoding="utf-8")
    return path


@pytest.fixture
def kubeconfig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file with two contexts; the machine itself has none."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KUBECONFIG", raising=False)
    return write(tmp_path / "clusters.yaml", "lab", "office")


def preview(**changes: Any) -> tuple[Plan, Cluster]:
    made: list[Cluster] = []

    def program() -> None:
        cluster = ExistingCluster("existing", settings(**changes))
        made.append(cluster)
        pulumi.export("kubeconfig", cluster.kubeconfig)

    return run(program, {}), made[0]


def test_the_provider_is_the_contexts_and_stays_the_clusters_when_the_file_moves(kubeconfig: Path) -> None:
    plan, _ = preview(kubeconfig=str(kubeconfig))
    provider = plan.one(PROVIDER)

    assert provider.parent == plan.one("inference:clusters:ExistingCluster").urn
    assert provider.inputs == {"kubeconfig": str(kubeconfig), "context": "lab", "clusterIdentifier": "lab"}
    assert [str(failure) for failure in check_plan(plan).failures] == []


def test_the_file_with_its_credentials_is_not_exported(kubeconfig: Path) -> None:
    plan, _ = preview(kubeconfig=str(kubeconfig))

    assert plan.exports == {"kubeconfig": "kubectl --context lab"}


def test_a_context_that_the_file_lacks_is_refused_with_those_that_it_has(kubeconfig: Path) -> None:
    with pytest.raises(SettingsError) as refused:
        preview(kubeconfig=str(kubeconfig), context="prod")

    assert str(refused.value) == (f"existing.context must be a context of {kubeconfig}, got prod; there: lab, office")


@pytest.mark.usefixtures("kubeconfig")
def test_a_file_that_is_not_there_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"existing\.kubeconfig must be a file, got ~/nowhere"):
        preview(kubeconfig="~/nowhere")


@pytest.mark.parametrize("text", ["[", "- a\n", "contexts: [1]\n", "contexts: [{nam: lab}]\n", "\x00"])
def test_a_file_that_is_no_kubeconfig_is_refused(kubeconfig: Path, text: str) -> None:
    kubeconfig.write_text(text, encoding="utf-8")

    with pytest.raises(SettingsError, match=r"existing\.kubeconfig must be a kubeconfig"):
        preview(kubeconfig=str(kubeconfig))


def test_without_a_path_every_file_of_the_variable_counts(kubeconfig: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = write(kubeconfig.parent / "other.yaml", "prod")
    monkeypatch.setenv("KUBECONFIG", f"{kubeconfig}:{other}:{kubeconfig.parent / 'absent'}")

    plan, _ = preview(context="prod")

    assert kubeconfig_files(None) == [kubeconfig, other]
    assert plan.one(PROVIDER).inputs == {"kubeconfig": "", "context": "prod", "clusterIdentifier": "prod"}
    with pytest.raises(SettingsError, match="there: lab, office, prod"):
        preview(context="gone")


def test_without_the_variable_the_usual_file_counts(kubeconfig: Path) -> None:
    usual = kubeconfig.parent / ".kube" / "config"
    usual.parent.mkdir()
    write(usual, "home")

    assert kubeconfig_files(None) == [usual]
    with pytest.raises(SettingsError, match="there: home"):
        preview()


@pytest.mark.usefixtures("kubeconfig")
def test_a_machine_that_knows_no_cluster_can_still_preview() -> None:
    plan, _ = preview(context="anything")

    assert kubeconfig_files(None) == []
    assert plan.one(PROVIDER).inputs["context"] == "anything"


def test_what_a_cloud_would_tell_has_safe_defaults(kubeconfig: Path) -> None:
    _, cluster = preview(kubeconfig=str(kubeconfig))

    assert cluster.gpu_time_slices == 1
    assert list(cluster.gpu_taints) == [NODE_TAINT]
    assert list(cluster.spot_labels) == []
    assert cluster.gpu_runtime_class is cluster.shared_storage_class is None
    assert cluster.internal_load_balancer == InternalLoadBalancer()


def test_what_the_settings_tell_reaches_what_runs_on_the_cluster(kubeconfig: Path) -> None:
    _, cluster = preview(
        kubeconfig=str(kubeconfig),
        gpuTimeSlices=4,
        gpuTaints=["nvidia.com/gpu=present:NoSchedule", "team=:NoExecute"],
        gpuRuntimeClass="nvidia",
        spotLabels={"example.com/spot": "yes"},
        sharedStorageClass="nfs",
        loadBalancer={"class": "metallb", "annotations": {"pool": "inside"}},
    )

    assert cluster.network_cidr == "10.8.0.0/16"
    assert cluster.gpu_time_slices == 4
    assert list(cluster.gpu_taints) == [NODE_TAINT, ("team", "", "NoExecute")]
    assert cluster.gpu_runtime_class == "nvidia"
    assert list(cluster.spot_labels) == [("example.com/spot", "yes")]
    assert (cluster.storage_class, cluster.shared_storage_class) == ("encrypted", "nfs")
    assert cluster.internal_load_balancer == InternalLoadBalancer(
        load_balancer_class="metallb", annotations={"pool": "inside"}
    )


def test_an_account_carries_what_the_settings_say_and_others_nothing(kubeconfig: Path) -> None:
    role = {"annotations": {"eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/a"}, "podLabels": {"a": "b"}}
    _, cluster = preview(kubeconfig=str(kubeconfig), identities={"serving/model-server": role})
    accounts = [ServiceAccount(namespace="serving", name=name) for name in ("model-server", "another")]
    found = [cluster.identity("server", account, Access(reads=["s3://models"])) for account in accounts]

    assert found == [Identity(annotations=role["annotations"], pod_labels=role["podLabels"]), Identity()]


def test_no_cloud_of_the_stack_keeps_the_clusters_secrets(kubeconfig: Path) -> None:
    _, bare = preview(kubeconfig=str(kubeconfig))
    _, equipped = preview(kubeconfig=str(kubeconfig), hasExternalSecrets=True)

    assert bare.secret_store("secrets", ServiceAccount(namespace="a", name="b"), ["c"]) is None
    assert bare.log_store("logs", ServiceAccount(namespace="a", name="b"), CloudLogSettings()) is None
    assert (bare.has_external_secrets, equipped.has_external_secrets) == (False, True)


@pytest.mark.parametrize(
    ("stated", "rule"),
    [
        ({"gpuTaints": ["nvidia.com/gpu"]}, "should match pattern"),
        ({"gpuTaints": ["a=b:NoSchedule", "a=b:NoSchedule"]}, "must name each once"),
        ({"networkCidr": "10.8.0.1/16"}, "host bits set"),
        ({"context": ""}, "at least 1 character"),
        ({"identities": {"model-server": {}}}, "should match pattern"),
        ({"loadBalancer": {"className": "metallb"}}, "Extra inputs are not permitted"),
    ],
)
def test_a_mistake_says_what_is_wrong(stated: dict[str, Any], rule: str) -> None:
    with pytest.raises(ValidationError, match=rule):
        settings(**stated)


def test_the_settings_reference_says_how_nodes_are_labelled() -> None:
    described = ExistingSettings.model_fields["gpu_taints"].description or ""

    assert f"kubectl label nodes NODE {'='.join(NODE_LABEL)}" in described
