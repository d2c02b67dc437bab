"""All blocks of a stack file."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from infra.settings import rules
from infra.settings.aks import AksSettings
from infra.settings.aws import AwsSettings
from infra.settings.aws_lambda import LambdaSettings
from infra.settings.azure import AzureSettings
from infra.settings.azure_ml import AzureMlSettings
from infra.settings.backups import BackupSettings
from infra.settings.budget import BudgetSettings
from infra.settings.container_instances import ContainerInstancesSettings
from infra.settings.delivery import DeliverySettings
from infra.settings.eks import EksSettings
from infra.settings.existing import ExistingSettings
from infra.settings.image import ImageSettings
from infra.settings.local import LocalSettings
from infra.settings.mlflow import MlflowSettings
from infra.settings.model import Settings
from infra.settings.monitoring import MonitoringSettings, ObjectiveSettings
from infra.settings.office_hours import OfficeHoursSettings
from infra.settings.sagemaker import SageMakerSettings
from infra.settings.secrets import SecretSettings
from infra.settings.security import SecuritySettings
from infra.settings.served import ModelSettings
from infra.settings.serving import ServingSettings
from infra.settings.training import TrainingSettings


class ChartSettings(Settings):
    """Where Helm charts come from."""

    mirror: str | None = None
    """Registry that holds every chart, as `oci://host/path`, for sites without internet; absent means their own."""


class StackSettings(Settings):
    """One stack. A block that is absent creates nothing."""

    tags: Annotated[dict[str, str], Field(default_factory=dict)]
    """Tags for every cloud resource, beside the project's and the stack's own. A change rolls every node group."""
    charts: ChartSettings = ChartSettings()
    """Helm chart sources."""
    office_hours: OfficeHoursSettings | None = None
    """When people are there; outside it targets fall to their `minOutsideOfficeHours`."""
    aws: AwsSettings | None = None
    """AWS account, region and network."""
    azure: AzureSettings | None = None
    """Azure subscription, location and network."""
    image: ImageSettings | None = None
    """Registries and model image."""
    model: ModelSettings | None = None
    """What is served, on every target alike."""
    eks: EksSettings | None = None
    """Amazon EKS cluster."""
    aks: AksSettings | None = None
    """Azure Kubernetes Service cluster."""
    existing: ExistingSettings | None = None
    """Kubernetes cluster that somebody else made."""
    serving: ServingSettings | None = None
    """Model server on every cluster of the stack."""
    delivery: DeliverySettings | None = None
    """Argo CD in the program's place, as the owner of what serves the model; absent leaves it to the program."""
    secrets: SecretSettings = SecretSettings()
    """Where the values are of the secrets that settings name."""
    training: TrainingSettings | None = None
    """Training of the model on every cluster of the stack."""
    mlflow: MlflowSettings | None = None
    """MLflow server on every cluster of the stack."""
    backups: BackupSettings | None = None
    """Backups of what MLflow and the training keep on every cluster of the stack."""
    security: SecuritySettings | None = None
    """What watches every cluster of the stack."""
    sagemaker: SageMakerSettings | None = None
    """Amazon SageMaker endpoints."""
    aws_lambda: Annotated[LambdaSettings | None, Field(alias="lambda")] = None
    """AWS Lambda function."""
    azure_ml: AzureMlSettings | None = None
    """Azure Machine Learning online endpoint."""
    container_instances: ContainerInstancesSettings | None = None
    """Azure Container Instances, for development."""
    local: LocalSettings | None = None
    """The stack on this machine's Docker."""
    monitoring: MonitoringSettings | None = None
    """Monitoring on every cluster of the stack, and alarms for its managed endpoints."""
    budget: BudgetSettings | None = None
    """What a month may cost in each cloud, and who hears when it is about to cost more."""

    @property
    def objectives(self) -> ObjectiveSettings | None:
        """What alerts and alarms watch for; None in a stack without monitoring."""
        return self.monitoring.objectives if self.monitoring else None

    @property
    def budget_emails(self) -> tuple[str, ...]:
        """Who hears of the budget: its own addresses, else those of alarms."""
        own = self.budget.emails if self.budget else ()
        return own or (self.monitoring.alarm_emails if self.monitoring else ())

    @model_validator(mode="after")
    def _blocks_fit_each_other(self) -> Self:
        for rule in rules.RULES:
            if broken := rule(self):
                raise ValueError(broken)
        return self
