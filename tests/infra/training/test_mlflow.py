from collections import Counter
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from fnmatch import fnmatch
from typing import Any
from urllib.parse import urlsplit

import pulumi
import pulumi_random as random
import pytest

from infra.backups.kept import BACKUP_LABELS, Kept
from infra.clusters.cluster import Access, ServiceAccount
from infra.preview import Plan
from infra.preview.checks import check_plan, check_resource
from infra.settings.mlflow import ArtifactSettings, MlflowSettings
from infra.training.mlflow import Mlflow, MlflowArgs
from infra.training.mlflow_pod import HOSTS, artifacts_destination
from infra.versions import image
from tests.infra.samples import children, waits_for
from tests.infra.training.cloud_cluster import ASSOCIATION, on_cloud

DEPLOYMENT, STATEFUL_SET = "kubernetes:apps/v1:Deployment", "kubernetes:apps/v1:StatefulSet"
ACCOUNT, OTHER = "kubernetes:core/v1:ServiceAccount", "random:index/randomId:RandomId"
SERVICE, SECRET = "kubernetes:core/v1:Service", "kubernetes:core/v1:Secret"
CLAIM, POLICY = "kubernetes:core/v1:PersistentVolumeClaim", "kubernetes:networking.k8s.io/v1:NetworkPolicy"
POSTGRES, PASSWORD = "inference:training:Postgres", "random:index/randomPassword:RandomPassword"
BUCKET = "s3://records-of-runs/mlflow"
EXTERNAL = {"external": {"secret": "company-database", "port": 6432}}


def preview(
    *,
    clients: Sequence[str] = ("training",),
    asked: list[tuple[ServiceAccount, Access]] | None = None,
    **changes: object,
) -> Plan:
    settings = MlflowSettings.model_validate(changes, strict=False)

    def build(cluster: Any, opts: pulumi.ResourceOptions) -> None:
        namespace = random.RandomId("namespace", byte_length=1)
        args = MlflowArgs(settings=settings, cluster=cluster, namespace=namespace, clients=clients)
        mlflow = Mlflow("mlflow", args, opts)
        pulumi.export("url", mlflow.tracking.url)
        pulumi.export("port", mlflow.tracking.port)

    return on_cloud(build, asked=[] if asked is None else asked)


@pytest.fixture(scope="module")
def plan() -> Plan:
    return preview()


def pod(plan: Plan, type_: str = DEPLOYMENT) -> Any:
    return plan.one(type_).inputs["spec"]["template"]["spec"]


def server(plan: Plan) -> Any:
    (container,) = pod(plan)["containers"]
    return container


def openings(plan: Plan, name: str, direction: str) -> list[Any]:
    return plan.one(POLICY, name).inputs["spec"].get(direction, [])


def failures(plan: Plan) -> list[str]:
    return [str(failure) for failure in check_plan(plan).failures]


def test_the_server_and_its_database_own_their_objects_in_one_namespace_which_is_there_before(plan: Plan) -> None:
    placed = [each for each in plan.resources if "namespace" in each.inputs.get("metadata", {})]

    assert children(plan, "inference:training:Mlflow") == Counter(
        [DEPLOYMENT, SERVICE, ACCOUNT, CLAIM, SECRET, POSTGRES, POLICY]
    )
    assert children(plan, POSTGRES) == Counter([PASSWORD, SECRET, POLICY, SERVICE, STATEFUL_SET])
    assert {each.inputs["metadata"]["namespace"] for each in placed} == {"mlflow"}
    assert all(waits_for(plan, each, plan.one(OTHER, "namespace")) for each in placed)
    assert failures(plan) == []


@pytest.mark.parametrize("type_", [DEPLOYMENT, STATEFUL_SET])
def test_no_container_has_rights_or_a_root_file_system_to_write_to(plan: Plan, type_: str) -> None:
    spec = pod(plan, type_)

    for container in [*spec.get("initContainers", []), *spec["containers"]]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        }
        assert "/tmp" in {mount["mountPath"] for mount in container["volumeMounts"]}
        assert container["resources"]["limits"].keys() == {"memory"}
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] is False


def test_the_password_is_in_secrets_and_nowhere_else(plan: Plan) -> None:
    variables = [variable for each in (server(plan), pod(plan)["initContainers"][0]) for variable in each["env"]]
    (database,) = pod(plan, STATEFUL_SET)["containers"]
    uri = plan.one(SECRET, "mlflow-database").inputs["stringData"]

    assert "postgresql+psycopg2" not in str(plan.one(DEPLOYMENT).inputs)
    assert {"name": "POSTGRES_PASSWORD_FILE", "value": "/run/secrets/postgresql/password"} in database["env"]
    assert [each["valueFrom"] for each in variables if "valueFrom" in each] == [
        {"secretKeyRef": {"name": "mlflow-database", "key": "uri"}}
    ] * 2
    assert "secret" in str(uri)
    assert "postgresql+psycopg2" not in str(uri)


def test_what_selects_pods_selects_the_servers(plan: Plan) -> None:
    for service, policy, workload in (
        ("mlflow", "mlflow", DEPLOYMENT),
        ("mlflow-postgresql", "mlflow-postgresql", STATEFUL_SET),
    ):
        labels = plan.one(workload).inputs["spec"]["template"]["metadata"]["labels"].items()
        assert plan.one(workload).inputs["spec"]["selector"]["matchLabels"].items() <= labels
        assert plan.one(SERVICE, service).inputs["spec"]["selector"].items() <= labels
        assert plan.one(POLICY, policy).inputs["spec"]["podSelector"]["matchLabels"].items() <= labels


def test_the_server_takes_its_clients_requests_and_only_it_reaches_the_database() -> None:
    plan = preview(clientNamespaces=["notebooks", "training"])
    (clients,) = openings(plan, "mlflow", "ingress")
    (database,) = openings(plan, "mlflow-postgresql", "ingress")

    assert [each["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"] for each in clients["from"]] == [
        "training",
        "notebooks",
    ]
    assert clients["ports"] == [{"protocol": "TCP", "port": server(plan)["ports"][0]["containerPort"]}]
    labels = plan.one(DEPLOYMENT).inputs["spec"]["template"]["metadata"]["labels"]
    assert database["from"][0]["podSelector"]["matchLabels"] == labels
    assert database["from"][0]["namespaceSelector"] == {"matchLabels": {"kubernetes.io/metadata.name": "mlflow"}}
    assert openings(plan, "mlflow-postgresql", "egress") == []


def test_without_clients_nobody_reaches_the_server() -> None:
    assert openings(preview(clients=[]), "mlflow", "ingress") == [], "a rule from nobody would be one from everybody"


def test_the_server_sends_to_its_database_and_asks_for_names(plan: Plan) -> None:
    dns, database = openings(plan, "mlflow", "egress")
    labels = plan.one(STATEFUL_SET).inputs["spec"]["template"]["metadata"]["labels"]

    assert {port["port"] for port in dns["ports"]} == {53}
    assert database["to"][0]["podSelector"]["matchLabels"] == labels
    assert database["ports"] == [{"protocol": "TCP", "port": 5432}]


def test_clients_find_the_server_under_a_name_that_it_takes(plan: Plan) -> None:
    service = plan.one(SERVICE, "mlflow").inputs
    (arguments,) = [each for each in server(plan)["args"] if each.startswith("--allowed-hosts=")]

    assert service["spec"]["type"] == "ClusterIP"
    assert service["spec"]["ports"] == [{"name": "http", "port": 80, "targetPort": "http"}]
    assert arguments == f"--allowed-hosts={','.join(HOSTS)}"
    assert urlsplit(str(plan.exports["url"])).hostname in HOSTS
    assert plan.exports["port"] == server(plan)["ports"][0]["containerPort"]
    assert any(fnmatch("localhost:5000", host) for host in HOSTS), "kubectl port-forward"
    assert "*" not in HOSTS


def test_one_server_at_a_time_brings_the_tables_to_its_version_first(plan: Plan) -> None:
    (migration,) = pod(plan)["initContainers"]

    assert plan.one(DEPLOYMENT).inputs["spec"]["strategy"] == {"type": "Recreate"}
    assert plan.one(DEPLOYMENT).inputs["spec"]["replicas"] == 1
    assert migration["command"] == ["sh", "-c", 'exec mlflow db upgrade "$MLFLOW_BACKEND_STORE_URI"']
    assert migration["image"] == server(plan)["image"]
    assert waits_for(plan, plan.one(DEPLOYMENT), plan.one(STATEFUL_SET))


def test_the_database_is_pinned_and_keeps_its_files_on_an_encrypted_volume() -> None:
    plan = preview(database={"size": "7Gi"})
    (container,) = pod(plan, STATEFUL_SET)["containers"]
    (claim,) = plan.one(STATEFUL_SET).inputs["spec"]["volumeClaimTemplates"]
    folder = next(each["value"] for each in container["env"] if each["name"] == "PGDATA")
    mounted = next(each["mountPath"] for each in container["volumeMounts"] if each["name"] == claim["metadata"]["name"])

    assert container["image"] == image("postgres")
    assert claim["spec"]["storageClassName"] == "encrypted"
    assert claim["spec"]["resources"] == {"requests": {"storage": "7Gi"}}
    assert folder.startswith(f"{mounted}/18/"), "a later major version must not begin with an empty database"
    assert "18." in container["image"]


def test_a_database_of_somebody_elses_is_reached_at_its_port_with_its_secret() -> None:
    plan = preview(database=EXTERNAL)
    dns, database = openings(plan, "mlflow", "egress")
    del dns

    assert plan.of_type(STATEFUL_SET) == plan.of_type(SECRET) == plan.of_type(PASSWORD) == []
    assert {"secretKeyRef": {"name": "company-database", "key": "uri"}} in [
        each.get("valueFrom") for each in server(plan)["env"]
    ]
    assert database["ports"] == [{"protocol": "TCP", "port": 6432}]
    assert failures(plan) == []


def test_files_are_on_a_volume_by_default(plan: Plan) -> None:
    claim = plan.one(CLAIM).inputs
    volumes = {each["name"]: each for each in pod(plan)["volumes"]}

    assert volumes["artifacts"]["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
    assert claim["spec"]["storageClassName"] == "encrypted"
    assert "--artifacts-destination=/artifacts" in server(plan)["args"]
    assert {"name": "artifacts", "mountPath": "/artifacts"} in server(plan)["volumeMounts"]


def test_files_in_an_object_store_are_reached_with_an_identity() -> None:
    asked: list[tuple[ServiceAccount, Access]] = []
    plan = preview(artifacts={"url": BUCKET}, asked=asked)
    metadata = plan.one(DEPLOYMENT).inputs["spec"]["template"]["metadata"]

    assert asked == [(ServiceAccount(namespace="mlflow", name="mlflow"), Access(writes=[BUCKET]))]
    assert plan.one(ACCOUNT).inputs["metadata"]["annotations"] == {"example.com/role": "reader"}
    assert metadata["labels"]["example.com/use"] == "true"
    assert waits_for(plan, plan.one(DEPLOYMENT), plan.one(OTHER, ASSOCIATION))
    assert plan.of_type(CLAIM) == []
    assert f"--artifacts-destination={BUCKET}" in server(plan)["args"]
    assert {443, 80} <= {port["port"] for rule in openings(plan, "mlflow", "egress") for port in rule["ports"]}
    assert failures(plan) == []


@pytest.mark.parametrize(
    ("url", "destination"),
    [
        ("s3://runs-of-all/mlflow", "s3://runs-of-all/mlflow"),
        ("https://runs.blob.core.windows.net/mlflow/a/b", "wasbs://mlflow@runs.blob.core.windows.net/a/b"),
        ("https://runs.blob.core.windows.net/mlflow", "wasbs://mlflow@runs.blob.core.windows.net"),
    ],
)
def test_blob_storage_has_the_name_that_mlflow_gives_it(url: str, destination: str) -> None:
    assert artifacts_destination(ArtifactSettings(url=url)) == destination


def test_an_image_of_a_mirror_runs_in_every_container() -> None:
    mirrored = "registry.example.com/mlflow@sha256:" + "2" * 64
    spec = pod(preview(image=mirrored))

    assert {each["image"] for each in [*spec["initContainers"], *spec["containers"]]} == {mirrored}


@pytest.mark.parametrize(("type_", "key"), [(DEPLOYMENT, "strategies"), (STATEFUL_SET, "volumeClaimTemplate")])
def test_a_wrong_key_a_wrong_type_and_a_missing_input_are_caught(plan: Plan, type_: str, key: str) -> None:
    def problems(**changes: object) -> list[str]:
        resource = plan.one(type_)
        inputs: Any = deepcopy(dict(resource.inputs))
        spec = inputs["spec"] | changes
        inputs["spec"] = {name: value for name, value in spec.items() if value is not None}
        return [problem.path for problem in check_resource(replace(resource, inputs=inputs))]

    wrong_key: dict[str, object] = {key: {}}
    assert problems() == []
    assert problems(**wrong_key) != []
    assert problems(replicas="one") != []
    assert problems(template=None) != []


def test_pods_of_backups_reach_the_database_only_where_there_are_backups() -> None:
    kept: list[Kept | None] = []

    def build(cluster: Any, opts: pulumi.ResourceOptions) -> None:
        namespace = random.RandomId("namespace", byte_length=1)
        args = MlflowArgs(settings=MlflowSettings(), cluster=cluster, namespace=namespace, backups=True)
        kept.append(Mlflow("mlflow", args, opts).kept)

    with_backups = on_cloud(build, asked=[])
    (database,) = openings(with_backups, "mlflow-postgresql", "ingress")
    (found,) = kept

    assert [each["podSelector"]["matchLabels"] for each in database["from"]][1:] == [BACKUP_LABELS]
    assert found
    assert found.folders == {"artifacts": "/artifacts"}
    assert found.beside.items() <= with_backups.one(DEPLOYMENT).inputs["spec"]["template"]["metadata"]["labels"].items()
    assert found.database
    assert found.database.host == "mlflow-postgresql.mlflow.svc"


def test_what_others_keep_is_not_the_stacks_to_back_up() -> None:
    kept: list[Kept | None] = []

    def build(cluster: Any, opts: pulumi.ResourceOptions) -> None:
        namespace = random.RandomId("namespace", byte_length=1)
        settings = MlflowSettings.model_validate({"database": EXTERNAL, "artifacts": {"url": BUCKET}}, strict=False)
        kept.append(Mlflow("mlflow", MlflowArgs(settings=settings, cluster=cluster, namespace=namespace), opts).kept)

    on_cloud(build, asked=[])

    assert kept == [None]
