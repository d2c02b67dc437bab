"""The `serving.kserve` block."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from infra.settings.model import DnsLabel, MinMax, Settings, distinct, unit


class DeploymentMode(StrEnum):
    """KServe's names for what it makes of an InferenceService."""

    STANDARD = "Standard"
    KNATIVE = "Knative"


class TransformerSettings(MinMax):
    """Pods that read and answer requests, in front of those that run the model."""

    min: Annotated[int, Field(ge=1), unit("replicas")] = 1
    """Fewest replicas; each has `serving.resources` and no GPU."""
    max: Annotated[int, Field(ge=1), unit("replicas")] = 2
    """Most replicas; their number follows the use of CPU."""


class KServeSettings(Settings):
    """KServe, and the InferenceService that it runs."""

    install: bool = True
    """Whether the stack installs KServe; false where the cluster has it."""
    cert_manager: bool = True
    """Whether the stack installs cert-manager with it, for the certificate of its webhooks; false where the cluster has
    one."""
    deployment_mode: DeploymentMode = DeploymentMode.STANDARD
    """`Standard` makes Deployments; `Knative` makes services of Knative Serving, which the cluster must have."""
    canary_traffic_percent: Annotated[int | None, Field(ge=0, le=100), unit("percent")] = None
    """With `Knative`: share of the requests for the newest revision, the last one having the rest; absent means all."""
    knative_namespaces: Annotated[tuple[DnsLabel, ...], AfterValidator(distinct)] = (
        "knative-serving",
        "kourier-system",
    )
    """With `Knative`: namespaces of its own pods and of its ingress, which hand requests to the model's."""
    built_in_runtime: DnsLabel | None = None
    """A ClusterServingRuntime that runs the model, as `kserve-tritonserver`; absent means the stack's image."""
    transformer: TransformerSettings | None = None
    """The stack's image in front of the predictor; absent means that the predictor answers itself."""

    @model_validator(mode="after")
    def _canaries_are_knatives(self) -> Self:
        if self.canary_traffic_percent is not None and self.deployment_mode is not DeploymentMode.KNATIVE:
            raise ValueError(
                f"canaryTrafficPercent must be absent where deploymentMode is {self.deployment_mode}, which shifts no "
                f"traffic, got {self.canary_traffic_percent}; remove it, or set deploymentMode to Knative"
            )
        return self

    @model_validator(mode="after")
    def _knative_has_no_transformer(self) -> Self:
        if self.transformer and self.deployment_mode is DeploymentMode.KNATIVE:
            raise ValueError(
                "transformer must be absent where deploymentMode is Knative: two revisions that change one after the "
                "other would mix versions of the model; remove it, or set deploymentMode to Standard"
            )
        return self

    @model_validator(mode="after")
    def _built_in_runtimes_have_a_transformer(self) -> Self:
        if self.built_in_runtime and not self.transformer:
            raise ValueError(
                f"transformer must be given where builtInRuntime is, got {self.built_in_runtime}, which knows nothing "
                "of the model's images, texts and labels; add it, as transformer: {}"
            )
        return self
