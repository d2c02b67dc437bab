"""A deployment of an online endpoint: the server's image on instances of its own."""

from dataclasses import dataclass

import pulumi
import pulumi_azure_native as azure
from pulumi_azure_native.machinelearningservices import (
    DefaultScaleSettingsArgs,
    EnvironmentVersionPropertiesArgsDict,
    KubernetesOnlineDeploymentArgs,
    ManagedOnlineDeploymentArgs,
    OnlineRequestSettingsArgs,
    OperatingSystemType,
    ProbeSettingsArgs,
    TargetUtilizationScaleSettingsArgs,
)

from inference_app.contract import PORT, ExecutionProvider, Route
from infra.managed.azure_ml.attached_cluster import INSTANCE_TYPE
from infra.managed.azure_ml.autoscaling import profile, utilisation_metrics
from infra.managed.azure_monitor import metric_alert, saturation_alarm
from infra.serving.environment import server_environment
from infra.settings.azure_ml import AzureMlSettings, Compute, DeploymentSettings
from infra.settings.served import ModelSettings

LOAD_SECONDS = 300
"""How long a model may take to load before Azure gives up."""


@dataclass(frozen=True, kw_only=True)
class MlDeploymentArgs:
    """`deployment` is the deployment's name below `endpoint`; `image` a reference by digest."""

    settings: AzureMlSettings
    model: ModelSettings
    deployment: str
    image: pulumi.Input[str]
    endpoint: azure.machinelearningservices.OnlineEndpoint
    workspace_name: pulumi.Input[str]
    resource_group_name: pulumi.Input[str]
    alarms: bool
    alarm_group_id: pulumi.Input[str] | None


class MlDeployment(pulumi.ComponentResource):
    """Servers of one image and one version of the model.

    https://learn.microsoft.com/azure/templates/microsoft.machinelearningservices/workspaces/onlineendpoints/deployments
    """

    def __init__(self, name: str, args: MlDeploymentArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inference:managed:MlDeployment", name, None, opts)
        self._name, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        deployment = self._deployment()
        # On a cluster Azure ML's router scales the servers, and Azure Monitor sees nothing of them.
        if args.settings.compute is Compute.MANAGED:
            self._autoscale(deployment)
            self._alarms(deployment)
        self.register_outputs({"id": deployment.id})

    def _autoscale(self, deployment: azure.machinelearningservices.OnlineDeployment) -> None:
        azure.monitor.AutoscaleSetting(
            self._name,
            resource_group_name=self._args.resource_group_name,
            target_resource_uri=deployment.id,
            enabled=True,
            profiles=[profile(self._args.settings, deployment.id)],
            opts=self._child,
        )

    def _deployment(self) -> azure.machinelearningservices.OnlineDeployment:
        args = self._args
        wanted = args.settings.deployments[args.deployment]
        return azure.machinelearningservices.OnlineDeployment(
            self._name,
            resource_group_name=args.resource_group_name,
            workspace_name=args.workspace_name,
            endpoint_name=args.endpoint.name,
            deployment_name=args.deployment,
            properties=deployment_properties(args.settings, served(args.model, wanted), self._environment(wanted).id),
            sku={"name": "Default", "capacity": args.settings.instances.min},
            opts=pulumi.ResourceOptions(
                parent=self,
                # The autoscaler's to change.
                ignore_changes=["sku.capacity"],
                # Azure deletes no deployment that has traffic, but an endpoint with all its deployments.
                deleted_with=args.endpoint,
            ),
        )

    def _environment(self, wanted: DeploymentSettings) -> azure.machinelearningservices.EnvironmentVersion:
        """https://learn.microsoft.com/azure/templates/microsoft.machinelearningservices/workspaces/environments/versions"""
        image = pulumi.Output.from_input(self._args.image).apply(lambda ref: at_digest(ref, wanted.digest))
        return azure.machinelearningservices.EnvironmentVersion(
            f"{self._name}-environment",
            resource_group_name=self._args.resource_group_name,
            workspace_name=self._args.workspace_name,
            name=self._name,
            properties=environment_properties(image, scoring_path(self._args.model)),
            # Azure changes no version and deletes none: another image is another version, which Pulumi names.
            opts=pulumi.ResourceOptions(parent=self, replace_on_changes=["properties"], retain_on_delete=True),
        )

    def _alarms(self, deployment: azure.machinelearningservices.OnlineDeployment) -> None:
        for metric in utilisation_metrics(self._args.settings) if self._args.alarms else ():
            metric_alert(
                f"{self._name}-{metric}",
                saturation_alarm(metric),
                scope=deployment.id,
                group_id=self._args.alarm_group_id,
                resource_group_name=self._args.resource_group_name,
                opts=self._child,
            )


def scoring_path(model: ModelSettings) -> str:
    """Where the server takes requests of the Open Inference Protocol for the model."""
    return f"{Route.V2}/models/{model.name}/infer"


def served(model: ModelSettings, deployment: DeploymentSettings) -> ModelSettings:
    """The stack's model, in the deployment's version where it has one of its own."""
    return model.model_copy(update={"version": deployment.version}) if deployment.version else model


def at_digest(image: str, digest: str | None) -> str:
    """The image `host/path@digest`, with another digest where one is given."""
    return f"{image.partition('@')[0]}@{digest}" if digest else image


def environment_properties(image: pulumi.Input[str], path: str) -> EnvironmentVersionPropertiesArgsDict:
    """The image, and where in it probes and requests go.

    https://learn.microsoft.com/azure/machine-learning/how-to-deploy-custom-container
    """
    return {
        "image": image,
        "os_type": OperatingSystemType.LINUX,
        "inference_config": {
            "liveness_route": {"path": Route.HEALTH.value, "port": PORT},
            "readiness_route": {"path": Route.READY.value, "port": PORT},
            "scoring_route": {"path": path, "port": PORT},
        },
    }


def deployment_properties(
    settings: AzureMlSettings, model: ModelSettings, environment_id: pulumi.Input[str]
) -> ManagedOnlineDeploymentArgs | KubernetesOnlineDeploymentArgs:
    """The server on its compute, with the settings that it has on every target.

    Objects, since a choice of types takes no dictionaries.
    """
    provider = ExecutionProvider.CUDA if settings.has_gpu else ExecutionProvider.CPU
    on_cluster = settings.compute is Compute.AKS
    kind = KubernetesOnlineDeploymentArgs if on_cluster else ManagedOnlineDeploymentArgs
    return kind(
        endpoint_compute_type="Kubernetes" if on_cluster else "Managed",
        environment_id=environment_id,
        environment_variables=server_environment(model, provider),
        instance_type=INSTANCE_TYPE if on_cluster else settings.instance_type,
        request_settings=OnlineRequestSettingsArgs(
            max_concurrent_requests_per_instance=settings.max_concurrent_requests,
            request_timeout=f"PT{settings.request_timeout_seconds}S",
        ),
        # A server that loads its models is live already.
        liveness_probe=probe(failures=6),
        readiness_probe=probe(failures=LOAD_SECONDS // 10),
        scale_settings=router_scaling(settings) if on_cluster else DefaultScaleSettingsArgs(scale_type="Default"),
    )


def router_scaling(settings: AzureMlSettings) -> TargetUtilizationScaleSettingsArgs:
    """How Azure ML's router on a cluster adds and removes servers, by the share of them that are busy.

    https://learn.microsoft.com/azure/machine-learning/how-to-kubernetes-inference-routing-azureml-fe#autoscaling
    """
    return TargetUtilizationScaleSettingsArgs(
        scale_type="TargetUtilization",
        min_instances=settings.instances.min,
        max_instances=settings.instances.max,
        target_utilization_percentage=settings.target_utilisation,
        polling_interval="PT1S",
    )


def probe(*, failures: int) -> ProbeSettingsArgs:
    """A probe every 10 s that gives up after `failures` in a row."""
    return ProbeSettingsArgs(
        initial_delay="PT10S", period="PT10S", timeout="PT2S", failure_threshold=failures, success_threshold=1
    )
