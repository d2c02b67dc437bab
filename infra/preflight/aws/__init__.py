"""What is asked of AWS."""

from collections.abc import Iterator

from infra.machines import Machines, Service, machines
from infra.preflight.answer import Question, Section
from infra.preflight.aws import account, counts, images, kubernetes, lambdas, offerings, permissions, sagemaker, vcpus
from infra.preflight.aws.client import Aws
from infra.preview import Plan
from infra.settings.prices import Prices


def section(plan: Plan, stated: Prices) -> Section | None:
    """The questions for the plan's account and region, None where it has none; `stated` are the stack file's prices."""
    providers = plan.of_type("pulumi:providers:aws")
    if not providers:
        return None
    aws = Aws(providers[0].inputs["region"])
    return Section(
        title=f"AWS {aws.region}",
        sign_in=Question("account", lambda: account.questions(aws, plan)),
        questions=list(_questions(aws, plan, stated)),
    )


def _questions(aws: Aws, plan: Plan, stated: Prices) -> Iterator[Question]:
    yield Question("permissions", lambda: permissions.questions(aws, plan))
    yield Question("quotas of networks and clusters", lambda: counts.questions(aws, plan))
    pools = [each for each in machines(plan) if each.service in (Service.EKS, Service.KARPENTER) and each.maximum]
    if pools:
        yield from _of_pools(aws, plan, pools, stated)
    endpoints = [each for each in machines(plan) if each.service is Service.SAGEMAKER]
    if plan.of_type("aws-native:sagemaker:Endpoint"):
        yield Question("quotas of SageMaker", lambda: sagemaker.questions(aws, plan, endpoints))
    if plan.of_type("aws:lambda/function:Function"):
        yield Question("quota of Lambda", lambda: lambdas.questions(aws))
    if images.named(plan):
        yield Question("images in ECR", lambda: images.questions(aws, plan))


def _of_pools(aws: Aws, plan: Plan, pools: list[Machines], stated: Prices) -> Iterator[Question]:
    zones = counts.zones(plan)
    yield Question("Kubernetes version", lambda: kubernetes.versions(aws, plan))
    yield Question("images of nodes", lambda: kubernetes.images(aws, plan))
    yield Question("quotas of vCPUs", lambda: vcpus.questions(aws, plan, pools))
    yield Question("instance types in the zones", lambda: offerings.in_zones(aws, pools, zones))
    if offerings.spot(pools):
        yield Question("role for spot", lambda: kubernetes.spot_role(aws))
        yield Question("spot prices", lambda: offerings.spot_prices(aws, pools, zones, stated))
        yield Question("spot capacity", lambda: offerings.spot_scores(aws, pools))
