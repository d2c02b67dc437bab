import json
from collections.abc import Sequence
from typing import Any

import pulumi
import pulumi_random as random
import pytest

from infra.addons.argocd import CONTROLLER, IN_CLUSTER
from infra.clusters.cluster import Cluster, ServiceAccount
from infra.delivery.application import Application, ApplicationArgs, folder
from infra.delivery.kinds import kinds
from infra.preview import Plan
from infra.preview.checks import check_plan
from infra.settings.delivery import ArgoCdSettings
from infra.settings.serving import ServingSettings
from tests.infra.samples import on_cluster, waits_for

APPLICATION, PROJECT = "kubernetes:argoproj.io/v1alpha1:Application", "kubernetes:argoproj.io/v1alpha1:AppProject"
ROLE, BINDING = "kubernetes:rbac.authorization.k8s.io/v1:Role", "kubernetes:rbac.authorization.k8s.io/v1:RoleBinding"
REPOSITORY = "https://git.example.com/ml/manifests.git"
GATEWAY = {"hostName": "predict.example.com", "tls": {"clusterIssuer": "company"}}


def serving(**changes: object) -> ServingSettings:
    return ServingSettings.model_validate_json(json.dumps(changes))


def arguments(
    controller: ServiceAccount | None = CONTROLLER, after: Sequence[pulumi.Resource] = (), **changes: object
) -> ApplicationArgs:
    settings = ArgoCdSettings.model_validate_json(json.dumps({"repository": REPOSITORY, **changes}))
    return ApplicationArgs(
        settings=settings,
        serving=serving(gateway=GATEWAY),
        cluster="plain",
        server=IN_CLUSTER,
        namespace="argocd",
        controller=controller,
        after=after,
    )


def preview(controller: ServiceAccount | None = CONTROLLER) -> Plan:
    def build(cluster: Cluster, opts: pulumi.ResourceOptions) -> None:
        del cluster
        ground = random.RandomId("ground", byte_length=1)
        Application("delivery", arguments(controller, [ground]), opts)

    return on_cluster(build)


@pytest.fixture(scope="module")
def plan() -> Plan:
    return preview()


@pytest.fixture(scope="module")
def application(plan: Plan) -> Any:
    return plan.one(APPLICATION).inputs["spec"]


@pytest.fixture(scope="module")
def project(plan: Plan) -> Any:
    return plan.one(PROJECT).inputs["spec"]


def test_all_is_well_formed_and_comes_after_what_the_workload_stands_on(plan: Plan) -> None:
    ground = plan.one("random:index/randomId:RandomId", "ground")

    assert [str(failure) for failure in check_plan(plan).failures] == []
    assert all(waits_for(plan, plan.one(kind), ground) for kind in (APPLICATION, PROJECT, ROLE, BINDING))
    assert all(waits_for(plan, plan.one(APPLICATION), plan.one(kind)) for kind in (PROJECT, ROLE, BINDING))


def test_the_cluster_is_kept_as_the_repository_says(application: Any) -> None:
    assert application["source"] == {"repoURL": REPOSITORY, "targetRevision": "main", "path": "plain"}
    assert application["destination"] == {"server": IN_CLUSTER, "namespace": "serving"}
    assert application["syncPolicy"]["automated"] == {"prune": True, "selfHeal": True, "allowEmpty": False}
    assert set(application["syncPolicy"]["syncOptions"]) >= {"CreateNamespace=true", "ServerSideApply=true"}
    assert application["syncPolicy"]["retry"]["backoff"]["factor"] > 1
    assert "ignoreDifferences" not in application


def test_what_it_made_stays_when_it_goes(plan: Plan) -> None:
    assert "finalizers" not in plan.one(APPLICATION).inputs["metadata"]


@pytest.mark.parametrize(("path", "found"), [(".", "plain"), ("model-server/prod", "model-server/prod/plain")])
def test_each_cluster_has_a_folder(path: str, found: str) -> None:
    assert folder(arguments(path=path)) == found


def test_its_project_knows_one_repository_and_one_namespace_and_nothing_of_the_whole_cluster(project: Any) -> None:
    assert project["sourceRepos"] == [REPOSITORY]
    assert project["destinations"] == [{"server": IN_CLUSTER, "namespace": "serving"}]
    assert project["clusterResourceWhitelist"] == []


NEVER = {"Namespace", "NetworkPolicy", "PersistentVolumeClaim", "Role", "RoleBinding", "Secret", "ServiceAccount"}


@pytest.mark.parametrize("runtime", ["model-server", "kserve"])
def test_nothing_that_gives_rights_or_holds_secrets_or_data_comes_from_a_repository(runtime: str) -> None:
    found = kinds(serving(runtime=runtime, gateway=GATEWAY))

    assert NEVER & {each.kind for each in found} == set()
    assert "*" not in {part for each in found for part in (each.group, each.kind, each.resource)}


def test_argo_cd_may_do_what_its_project_permits_and_look_at_the_namespace(plan: Plan, project: Any) -> None:
    *own, look = plan.one(ROLE).inputs["rules"]
    permitted = {(each["group"], each["kind"].lower()) for each in project["namespaceResourceWhitelist"]}
    allowed = {(group, name[:-1]) for rule in own for group in rule["apiGroups"] for name in rule["resources"]}

    assert allowed == permitted
    assert look == {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get"]}
    assert plan.one(ROLE).inputs["metadata"]["namespace"] == "serving"
    assert plan.one(BINDING).inputs["subjects"] == [
        {"kind": "ServiceAccount", "name": CONTROLLER.name, "namespace": CONTROLLER.namespace}
    ]


def test_an_argo_cd_of_somebody_elses_gets_no_rights() -> None:
    plan = preview(None)

    assert plan.of_type(ROLE) == plan.of_type(BINDING) == []
    assert plan.one(APPLICATION)
