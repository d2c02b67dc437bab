"""What is asked of Azure."""

from collections.abc import Iterator

from infra.machines import Capacity, Machines, Service, machines
from infra.preflight.answer import Question, Section
from infra.preflight.azure import account, compute, containers, kubernetes, machine_learning, spot
from infra.preflight.azure.client import Azure
from infra.preflight.azure.sizes import Sizes
from infra.preview import Plan
from infra.settings.prices import Prices


def section(plan: Plan, stated: Prices) -> Section | None:
    """The questions for the plan's subscription and location, None where it has none; `stated` as for AWS."""
    providers = plan.of_type("pulumi:providers:azure-native")
    if not providers:
        return None
    given = providers[0].inputs
    azure = Azure(given["subscriptionId"], given["tenantId"])
    return Section(
        title=f"Azure {given['location']}",
        sign_in=Question("subscription", lambda: account.subscription(azure)),
        questions=list(_questions(azure, plan, Sizes(azure, given["location"]), stated)),
    )


def _questions(azure: Azure, plan: Plan, sizes: Sizes, stated: Prices) -> Iterator[Question]:
    yield Question("resource providers", lambda: account.providers(azure, plan))
    yield Question("permissions", lambda: account.permissions(azure, plan))
    used = [each for each in machines(plan) if not each.in_aws and each.maximum]
    pools = [each for each in used if each.service is Service.AKS]
    if pools:
        yield from _of_pools(azure, plan, sizes, pools, stated)
    deployments = [each for each in used if each.service is Service.AZURE_ML]
    if deployments:
        yield Question("quotas of Azure ML", lambda: machine_learning.questions(azure, plan, sizes, deployments))
    if plan.of_type(containers.GROUP):
        yield Question("quota of container groups", lambda: containers.questions(azure, plan, sizes.location))


def _of_pools(azure: Azure, plan: Plan, sizes: Sizes, pools: list[Machines], stated: Prices) -> Iterator[Question]:
    yield Question("Kubernetes version", lambda: kubernetes.versions(azure, plan, sizes.location))
    yield Question("VM sizes in the zones", lambda: compute.offered(sizes, pools))
    yield Question("quotas of vCPUs", lambda: compute.quotas(azure, plan, sizes, pools))
    on_spot = [pool for pool in pools if pool.capacity is Capacity.SPOT]
    if on_spot:
        yield Question("spot prices", lambda: spot.questions(on_spot, sizes.location, stated))
