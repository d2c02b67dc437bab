from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

import pulumi
import pulumi_random as random
import pytest

from infra.backups.backup import Backup, BackupArgs, Rules
from infra.backups.kept import BACKUP_LABELS, Kept, PostgresDatabase
from infra.backups.store import restic_repository, store_of
from infra.clusters.cluster import Access, BackupStore, ServiceAccount
from infra.namespaces.network import peer, to_anywhere
from infra.preview import Plan
from infra.preview.checks import check_plan, check_resource
from infra.settings import SettingsError
from infra.settings.backups import BackupSettings
from infra.versions import image
from tests.infra.samples import children, waits_for
from tests.infra.training.cloud_cluster import ASSOCIATION, CloudCluster, on_cloud

CRON_JOB, POLICY = "kubernetes:batch/v1:CronJob", "kubernetes:networking.k8s.io/v1:NetworkPolicy"
RULE = "kubernetes:monitoring.coreos.com/v1:PrometheusRule"
ACCOUNT, OTHER = "kubernetes:core/v1:ServiceAccount", "random:index/randomId:RandomId"
DATABASE = PostgresDatabase(
    host="database.mlflow.svc",
    port=5432,
    name="mlflow",
    login="database-login",
    key="password",
    size="10Gi",
    peer=peer("mlflow", {"app": "database"}),
)
KEPT = Kept(namespace="mlflow", folders={"artifacts": "/artifacts"}, database=DATABASE, beside={"app": "mlflow"})
URL = "s3://company-backups/platform"
WRITER = ServiceAccount(namespace="mlflow", name="backup")


@dataclass(frozen=True, kw_only=True)
class StoringCluster(CloudCluster):
    """A cluster with a store of its own."""

    own: BackupStore | None = None

    def backup_store(self, name: str, account: ServiceAccount, settings: BackupSettings) -> BackupStore | None:
        del name, account, settings
        return self.own


def preview(kept: Kept = KEPT, asked: list[Any] | None = None, **changes: object) -> Plan:
    settings = BackupSettings.model_validate({"url": URL, **changes}, strict=False)

    def build(cluster: CloudCluster, opts: pulumi.ResourceOptions) -> None:
        namespace = random.RandomId("namespace", byte_length=1)
        args = BackupArgs(
            settings=settings, cluster=StoringCluster(**vars(cluster)), kept=replace(kept, after=[namespace])
        )
        pulumi.export("restore", Backup("backup", args, opts).restore)

    return on_cloud(build, asked=[] if asked is None else asked)


@pytest.fixture(scope="module")
def plan() -> Plan:
    return preview()


def spec(plan: Plan, name: str) -> Any:
    return plan.one(CRON_JOB, name).inputs["spec"]


def pod(plan: Plan, name: str) -> Any:
    return spec(plan, name)["jobTemplate"]["spec"]["template"]["spec"]


def variables(container: Mapping[str, Any]) -> dict[str, str]:
    return {each["name"]: each.get("value", each.get("valueFrom")) for each in container["env"]}


def test_a_backup_owns_its_objects_which_begin_once_the_store_lets_them_in(plan: Plan) -> None:
    assert children(plan, "inference:backups:Backup") == {CRON_JOB: 2, POLICY: 1, ACCOUNT: 1}
    for each in plan.of_type(CRON_JOB):
        assert waits_for(plan, each, plan.one(OTHER, ASSOCIATION))
        assert waits_for(plan, each, plan.one(OTHER, "namespace"))
    assert [str(failure) for failure in check_plan(plan).failures] == []


def test_one_runs_by_the_schedule_and_the_other_only_when_somebody_starts_it() -> None:
    plan = preview(schedule="0 2 * * 0")

    assert (spec(plan, "backup")["schedule"], spec(plan, "backup")["suspend"]) == ("0 2 * * 0", False)
    assert spec(plan, "backup-restore")["suspend"] is True
    assert plan.exports["restore"] == "kubectl -n mlflow create job --from=cronjob/restore restore-1"
    assert plan.one(CRON_JOB, "backup-restore").inputs["metadata"]["name"] == "restore"


def test_the_database_is_written_down_before_it_is_stored_and_loaded_after_it_was_fetched(plan: Plan) -> None:
    backup, restore = pod(plan, "backup"), pod(plan, "backup-restore")

    assert [each["name"] for each in (*backup["initContainers"], *backup["containers"])] == ["dump", "backup"]
    assert [each["name"] for each in (*restore["initContainers"], *restore["containers"])] == ["fetch", "load"]
    assert backup["containers"][0]["command"][-2:] == ["/dump", "/artifacts"]
    assert backup["initContainers"][0]["image"] == restore["containers"][0]["image"] == image("postgres")


def test_volumes_without_a_database_need_one_step() -> None:
    plan = preview(Kept(namespace="training", folders={"models": "/models"}))

    for name, step in (("backup", "backup"), ("backup-restore", "fetch")):
        assert [each["name"] for each in pod(plan, name)["containers"]] == [step]
        assert "initContainers" not in pod(plan, name)
        assert "affinity" not in pod(plan, name)


def test_a_volume_of_one_node_at_a_time_is_mounted_where_its_owner_runs(plan: Plan) -> None:
    (term,) = pod(plan, "backup")["affinity"]["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]

    assert term["labelSelector"] == {"matchLabels": {"app": "mlflow"}}
    assert term["topologyKey"] == "kubernetes.io/hostname"


@pytest.mark.parametrize("name", ["backup", "backup-restore"])
def test_no_container_has_rights_or_a_root_file_system_to_write_to(plan: Plan, name: str) -> None:
    found = pod(plan, name)

    assert found["securityContext"]["runAsNonRoot"] is True
    assert found["automountServiceAccountToken"] is False
    for container in (*found["initContainers"], *found["containers"]):
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["resources"]["limits"].keys() == {"memory"}
        mounted = {each["mountPath"] for each in container["volumeMounts"]}
        assert mounted == {"/tmp", "/dump", "/artifacts"}


def test_the_password_comes_from_its_secret(plan: Plan) -> None:
    (dump,) = pod(plan, "backup")["initContainers"]

    assert variables(dump)["PGPASSWORD"] == {"secretKeyRef": {"name": "database-login", "key": "password"}}
    assert "PGPASSWORD" not in variables(pod(plan, "backup")["containers"][0])


def test_the_pods_reach_names_the_database_and_the_store_and_nobody_reaches_them(plan: Plan) -> None:
    policy: Any = plan.one(POLICY).inputs["spec"]
    template = spec(plan, "backup")["jobTemplate"]["spec"]["template"]

    assert policy["podSelector"]["matchLabels"].items() <= template["metadata"]["labels"].items()
    assert policy["podSelector"]["matchLabels"] == BACKUP_LABELS
    assert [[port["port"] for port in rule["ports"]] for rule in policy["egress"]] == [[53, 53], [5432], [443], [80]]
    assert "ingress" not in policy


def test_a_given_store_has_a_part_for_each_cluster_and_namespace() -> None:
    asked: list[tuple[ServiceAccount, Access]] = []
    plan = preview(asked=asked)

    url = f"{URL}/plain/mlflow"
    assert asked == [(WRITER, Access(writes=[url]))]
    assert variables(pod(plan, "backup")["containers"][0])["RESTIC_REPOSITORY"] == (
        "s3:s3.amazonaws.com/company-backups/platform/plain/mlflow"
    )
    labels = spec(plan, "backup")["jobTemplate"]["spec"]["template"]["metadata"]["labels"]
    assert labels["example.com/use"] == "true"


def test_blob_storage_is_named_by_container_and_account() -> None:
    assert restic_repository("https://kept.blob.core.windows.net/backups/platform") == (
        "azure:backups:/platform",
        {"AZURE_ACCOUNT_NAME": "kept"},
    )


def test_a_cluster_without_a_cloud_needs_a_store() -> None:
    refused: list[str] = []

    def build(cluster: CloudCluster, opts: pulumi.ResourceOptions) -> None:
        del opts
        with pytest.raises(SettingsError) as error:
            store_of(StoringCluster(**vars(cluster)), "backup", WRITER, BackupSettings())
        refused.append(str(error.value))

    on_cloud(build)

    assert refused == ["backups.url must be given where no cloud of the stack runs plain; add an object store's"]


def test_a_clouds_own_store_is_taken_where_none_is_given() -> None:
    own = BackupStore(repository="s3:own", egress=[to_anywhere(443)], variables={"AWS_DEFAULT_REGION": "eu-west-1"})

    def build(cluster: CloudCluster, opts: pulumi.ResourceOptions) -> None:
        storing = StoringCluster(**vars(cluster), own=own)
        Backup("backup", BackupArgs(settings=BackupSettings(), cluster=storing, kept=KEPT), opts)

    (container,) = pod(on_cloud(build), "backup")["containers"]
    assert variables(container)["RESTIC_REPOSITORY"] == "s3:own"
    assert variables(container)["AWS_DEFAULT_REGION"] == "eu-west-1"


def test_prometheus_watches_the_scheduled_one_where_there_is_prometheus(plan: Plan) -> None:
    def build(cluster: CloudCluster, opts: pulumi.ResourceOptions) -> None:
        seen = random.RandomId("prometheus", byte_length=1)
        rules = Rules(namespace="monitoring", runbooks="https://example.com/alerts.md", after=[seen])
        settings = BackupSettings.model_validate({"url": URL}, strict=False)
        args = BackupArgs(settings=settings, cluster=StoringCluster(**vars(cluster)), kept=KEPT, rules=rules)
        Backup("backup", args, opts)

    watched = on_cloud(build)
    rule: Any = watched.one(RULE)
    expressions = " ".join(each["expr"] for group in rule.inputs["spec"]["groups"] for each in group["rules"])

    assert rule.inputs["metadata"] == {"name": "mlflow-backup", "namespace": "monitoring"}
    assert waits_for(watched, rule, watched.one(OTHER, "prometheus"))
    assert f'cronjob="{watched.one(CRON_JOB, "backup").inputs["metadata"]["name"]}"' in expressions
    assert [str(failure) for failure in check_plan(watched).failures] == []
    assert plan.of_type(RULE) == []


@pytest.mark.parametrize("path", ["schedule", "jobTemplate"])
def test_a_misspelt_key_is_caught(plan: Plan, path: str) -> None:
    inputs: Any = deepcopy(dict(plan.one(CRON_JOB, "backup").inputs))
    inputs["spec"][f"{path}s"] = inputs["spec"].pop(path)

    assert check_resource(replace(plan.one(CRON_JOB, "backup"), inputs=inputs)) != []
