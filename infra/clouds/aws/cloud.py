"""What a stack has in AWS."""

from collections.abc import Mapping, Sequence

import pulumi

from infra.clouds.aws.budget import Budget, BudgetArgs
from infra.clouds.aws.endpoints import VpcEndpoints, VpcEndpointsArgs
from infra.clouds.aws.network import Network, NetworkArgs
from infra.clouds.aws.provider import aws_providers
from infra.clouds.cloud import Stack
from infra.clusters.cluster import Cluster
from infra.clusters.eks import EksCluster, EksClusterArgs
from infra.endpoint import Endpoint
from infra.images.ecr import EcrRepository, EcrRepositoryArgs
from infra.managed.aws_lambda import LambdaFunction, LambdaFunctionArgs, image_pull_statement
from infra.managed.cloudwatch.topic import AlarmTopic, AlarmTopicArgs
from infra.managed.sagemaker import SageMakerEndpoints, SageMakerEndpointsArgs
from infra.settings.aws import AwsSettings
from infra.settings.aws_lambda import LambdaSettings
from infra.settings.sagemaker import SageMakerSettings
from infra.settings.served import ModelSettings


class Aws:
    """One account and region; satisfies `infra.clouds.cloud.Cloud`."""

    name = "aws"
    registry: EcrRepository | None = None

    def __init__(self, stack: Stack, aws: AwsSettings) -> None:
        self._stack, self._settings, self._aws = stack, stack.settings, aws
        self._opts = pulumi.ResourceOptions(providers=aws_providers(aws, stack.tags))
        self._network: Network | None = None
        self._repository = f"{stack.name}/model-server"
        if aws.network:
            self._network = Network("aws", NetworkArgs(settings=aws.network, name=stack.name), self._opts)
            reached = VpcEndpointsArgs(aws=aws, network=self._network, interfaces=aws.network.endpoints)
            VpcEndpoints("aws", reached, self._opts)
        if stack.settings.image:
            statements = [image_pull_statement(aws)] if stack.settings.aws_lambda else []
            registry_args = EcrRepositoryArgs(
                name=self._repository, settings=stack.settings.image, statements=statements
            )
            self.registry = EcrRepository("ecr", registry_args, self._opts)
        self._budget()

    def _budget(self) -> None:
        stack, budget = self._stack, self._settings.budget
        if not (budget and budget.aws_monthly_usd):
            return
        args = BudgetArgs(
            settings=budget,
            monthly_usd=budget.aws_monthly_usd,
            name=stack.name,
            project=stack.tags["project"],
            stack=stack.tags["stack"],
            emails=self._settings.budget_emails,
        )
        Budget("aws-budget", args, self._opts)

    def clusters(self) -> Sequence[Cluster]:
        """EKS."""
        if not (self._settings.eks and self._network):
            return []
        args = EksClusterArgs(
            aws=self._aws,
            eks=self._settings.eks,
            network=self._network,
            name=self._stack.name,
            tags=self._stack.tags,
            chart_mirror=self._settings.charts.mirror,
            office_hours=self._settings.office_hours,
            drains=self._stack.drains,
        )
        return [EksCluster("eks", args, self._opts)]

    def endpoints(self, image: pulumi.Input[str], after: Sequence[pulumi.Resource]) -> Mapping[str, Endpoint]:
        """SageMaker and Lambda, neither of which lives on a cluster."""
        del after
        settings, found = self._settings, dict[str, Endpoint]()
        if not (settings.model and (settings.sagemaker or settings.aws_lambda)):
            return found
        alarms = self._alarm_actions()
        if settings.sagemaker:
            found.update(self._sagemaker(settings.sagemaker, settings.model, image, alarms))
        if settings.aws_lambda:
            found.update(self._lambda(settings.aws_lambda, settings.model, image, alarms))
        return found

    def _alarm_actions(self) -> Sequence[pulumi.Input[str]]:
        emails = self._settings.monitoring.alarm_emails if self._settings.monitoring else ()
        if not emails:
            return []
        args = AlarmTopicArgs(account_id=self._aws.account_id, partition=self._aws.partition, emails=emails)
        return [AlarmTopic("aws-alarms", args, self._opts).arn]

    def _sagemaker(
        self,
        sagemaker: SageMakerSettings,
        model: ModelSettings,
        image: pulumi.Input[str],
        alarms: Sequence[pulumi.Input[str]],
    ) -> Mapping[str, Endpoint]:
        args = SageMakerEndpointsArgs(
            settings=sagemaker,
            aws=self._aws,
            model=model,
            image=image,
            repository=self._repository,
            name=self._stack.name,
            network=self._network,
            office_hours=self._settings.office_hours,
            objectives=self._settings.objectives,
            alarm_actions=alarms,
        )
        return SageMakerEndpoints("sagemaker", args, self._opts).endpoints

    def _lambda(
        self,
        aws_lambda: LambdaSettings,
        model: ModelSettings,
        image: pulumi.Input[str],
        alarms: Sequence[pulumi.Input[str]],
    ) -> Mapping[str, Endpoint]:
        args = LambdaFunctionArgs(
            settings=aws_lambda,
            aws=self._aws,
            model=model,
            objectives=self._settings.objectives,
            image=image,
            name=self._stack.name,
            alarm_actions=alarms,
            after=[self.registry] if self.registry else [],
        )
        return LambdaFunction("lambda", args, self._opts).endpoints
