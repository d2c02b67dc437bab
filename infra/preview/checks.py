"""The plan's inputs against every schema there is offline: the SDKs' types and Kubernetes' OpenAPI."""

import textwrap
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

import kubernetes_validate  # pyright: ignore[reportMissingTypeStubs]

from infra.preview.input_check import Problem, check_inputs
from infra.preview.manifests import RELEASE, is_object, kubernetes_object
from infra.preview.markers import whole_marker
from infra.preview.plan import Plan, Resource
from infra.preview.sdk import args_class, resource_class
from infra.preview.wire import Plain, is_list, is_map
from infra.versions import kubernetes_versions

KUBERNETES_VERSION = kubernetes_versions()[-1]
SDK = "SDK types"
OPENAPI = f"OpenAPI {KUBERNETES_VERSION} strict, SDK types"
NONE = "none"

_CRD = "a custom resource; its schema comes with the chart that installs it and is in no Python package"
UNCHECKED = {
    "amlarc.azureml.com/InstanceType": "a custom resource; its schema comes with the extension that Azure installs",
    "argoproj.io/AppProject": _CRD,
    "argoproj.io/Application": _CRD,
    "cert-manager.io/Certificate": _CRD,
    "cert-manager.io/ClusterIssuer": _CRD,
    "external-secrets.io/ExternalSecret": _CRD,
    "external-secrets.io/SecretStore": _CRD,
    "gateway.envoyproxy.io/BackendTrafficPolicy": _CRD,
    "gateway.envoyproxy.io/ClientTrafficPolicy": _CRD,
    "gateway.envoyproxy.io/EnvoyProxy": _CRD,
    "gateway.envoyproxy.io/SecurityPolicy": _CRD,
    "gateway.networking.k8s.io/Gateway": _CRD,
    "gateway.networking.k8s.io/GatewayClass": _CRD,
    "gateway.networking.k8s.io/HTTPRoute": _CRD,
    "karpenter.k8s.aws/EC2NodeClass": _CRD,
    "karpenter.sh/NodePool": _CRD,
    "keda.sh/ClusterTriggerAuthentication": _CRD,
    "keda.sh/ScaledObject": _CRD,
    "linkerd.io/ServiceProfile": _CRD,
    "monitoring.coreos.com/PodMonitor": _CRD,
    "monitoring.coreos.com/PrometheusRule": _CRD,
    "monitoring.coreos.com/ServiceMonitor": _CRD,
    "networking.istio.io/DestinationRule": _CRD,
    "networking.istio.io/VirtualService": _CRD,
    "policy.linkerd.io/HTTPRoute": _CRD,
    "serving.kserve.io/InferenceService": _CRD,
}
"""The kinds that nothing checks offline, by API group, each with its reason."""

CHART_CONTENTS = "a chart's objects are rendered by Helm during `up`; its values are in the manifests' charts/ folder"
ONLY_READ = "exists already and is only read"


@dataclass(frozen=True, order=True)
class Kind:
    """A kind of resource, how many the plan has, the check they received; the reason where there is none."""

    provider: str
    name: str
    check: str
    reason: str = ""
    count: int = 0


@dataclass(frozen=True)
class Failure:
    """A resource that breaks a rule."""

    resource: Resource
    problem: Problem

    def __str__(self) -> str:
        found = self.problem
        value = "" if found.value is None else f", got {textwrap.shorten(repr(found.value), 80, placeholder='...')}"
        return f"{self.resource.type} {self.resource.name}: {found.path}: {found.rule}{value}; {found.fix}"


@dataclass(frozen=True)
class Checked:
    """The outcome: every kind with its check, and every failure."""

    kinds: list[Kind]
    failures: list[Failure]


def check_plan(plan: Plan) -> Checked:
    """Check every resource but components, which have no schema of their own."""
    counts: Counter[Kind] = Counter()
    failures: list[Failure] = []
    for resource in plan.resources:
        if resource.custom:
            counts.update(_kinds(resource))
            failures += [Failure(resource, problem) for problem in check_resource(resource)]
    return Checked([replace(kind, count=count) for kind, count in sorted(counts.items())], failures)


def check_resource(resource: Resource) -> Iterator[Problem]:
    """Yield what is wrong with one resource; one that is only read has no inputs to check."""
    if "read" in resource.options:
        return
    args = _args(resource)
    if args is not None:
        yield from check_inputs(args, resource.inputs)
    if is_object(resource):
        yield from _check_object(resource, built_in=args is not None)
    elif args is None:
        yield Problem(path="type", rule="no installed SDK knows it", value=resource.type, fix="install its SDK")


def _args(resource: Resource) -> type | None:
    owner = resource_class(resource.type)
    return args_class(owner) if owner else None


def _check_object(resource: Resource, *, built_in: bool) -> Iterator[Problem]:
    document: dict[str, Plain] = _standing(kubernetes_object(resource))
    try:
        kubernetes_validate.validate(document, KUBERNETES_VERSION, strict=True)
    except kubernetes_validate.ValidationError as error:
        path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in error.absolute_path)
        fix = "see the API reference of its kind"
        yield Problem(path=path.lstrip(".") or "object", rule=error.message, value=None, fix=fix)
    except kubernetes_validate.SchemaNotFoundError:
        if built_in:
            rule = f"Kubernetes {KUBERNETES_VERSION} does not serve it"
            yield Problem(path="apiVersion", rule=rule, value=document["apiVersion"], fix="use a served version")
        elif _group_kind(resource) not in UNCHECKED:
            yield Problem(path="kind", rule="has no check", value=_group_kind(resource), fix="list it with its reason")


def _kinds(resource: Resource) -> list[Kind]:
    if resource.type == RELEASE:
        chart = f"chart {resource.inputs.get('chart')} {resource.inputs.get('version', '')}".rstrip()
        release = Kind(resource.package, "helm.sh/v3 Release", SDK)
        return [release, Kind(resource.package, chart, NONE, CHART_CONTENTS)]
    if "read" in resource.options:
        return [Kind(resource.package, short_type(resource.type), NONE, ONLY_READ)]
    if not is_object(resource):
        return [Kind(resource.package, short_type(resource.type), SDK if _args(resource) else NONE)]
    name = f"{resource.inputs['apiVersion']} {resource.inputs['kind']}"
    if _args(resource):
        return [Kind(resource.package, name, OPENAPI)]
    return [Kind(resource.package, name, NONE, UNCHECKED.get(_group_kind(resource), ""))]


def short_type(type_: str) -> str:
    """Return a resource type as Pulumi's CLI shows it: `aws:eks/cluster:Cluster` is `aws:eks:Cluster`."""
    package, module, name = type_.split(":")
    folder, _, file = module.rpartition("/")
    return f"{package}:{folder}:{name}" if file.lower() == name.lower() else type_


def _group_kind(resource: Resource) -> str:
    return f"{str(resource.inputs['apiVersion']).rpartition('/')[0]}/{resource.inputs['kind']}"


def _standing(value: Plain) -> Plain:
    """Return `value` with a value of the right type in place of each marker that is not text."""
    if is_map(value):
        return {key: _standing(item) for key, item in value.items()}
    if is_list(value):
        return [_standing(item) for item in value]
    found = whole_marker(value)
    stand_ins: dict[str, Plain] = {"integer": 1, "number": 1.5, "boolean": True, "list": [], "map": {}, "object": {}}
    return stand_ins.get(found["type"], value) if found else value
