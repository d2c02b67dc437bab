"""Another owner of the workload on a cluster: Argo CD, and what it is told once the workload is its own."""

from collections.abc import Sequence

import pulumi

from infra.addons import argocd
from infra.addons.argocd import ArgoCd, ArgoCdArgs
from infra.delivery.application import Application, ApplicationArgs
from infra.settings.delivery import ArgoCdSettings
from infra.settings.serving import ServingSettings
from infra.workloads.place import Place
from infra.workloads.secrets import repository_credentials


def delivery_of(place: Place, serving: ServingSettings, ground: Sequence[pulumi.Resource]) -> None:
    """Argo CD where the settings name it, and the Application where it owns the workload, which stands on `ground`."""
    delivery = place.settings.delivery
    if delivery is None:
        return
    settings = delivery.argocd
    made = _argo_cd(place, serving, settings)
    if not delivery.is_elsewhere:
        return
    args = ApplicationArgs(
        settings=settings,
        serving=serving,
        cluster=place.cluster.name,
        server=argocd.IN_CLUSTER,
        namespace=settings.namespace or argocd.NAMESPACE,
        controller=None if settings.namespace else argocd.CONTROLLER,
        after=[*made, *ground],
    )
    Application(place.name("delivery"), args, place.on())


def _argo_cd(place: Place, serving: ServingSettings, settings: ArgoCdSettings) -> Sequence[pulumi.Resource]:
    args = ArgoCdArgs(namespace=serving.namespace, chart_mirror=place.mirror)
    made = [] if settings.namespace else [ArgoCd(place.name("argocd"), args, place.on())]
    if settings.token is None:
        return made
    namespace = settings.namespace or argocd.NAMESPACE
    return [*made, repository_credentials(place, settings, settings.token, namespace, serving.namespace, made)]


def kept_for_another(place: Place) -> pulumi.ResourceOptions:
    """Options of a runtime; what another owner is about to take stays on the cluster when the program forgets it."""
    delivery = place.settings.delivery
    if delivery is None or delivery.is_elsewhere:
        return place.on()
    return pulumi.ResourceOptions.merge(place.on(), pulumi.ResourceOptions(transformations=[_retained]))


def _retained(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
    if not args.type_.startswith("kubernetes:"):
        return None
    opts = pulumi.ResourceOptions.merge(args.opts, pulumi.ResourceOptions(retain_on_delete=True))
    return pulumi.ResourceTransformationResult(props=args.props, opts=opts)
