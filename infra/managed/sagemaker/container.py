"""What runs on an endpoint: the image, its environment, its model data."""

from pulumi_aws.sagemaker import ModelPrimaryContainerArgsDict

from inference_app.contract import ExecutionProvider
from infra.managed.sagemaker.aws_images import aws_image_uri
from infra.managed.sagemaker.context import SageMakerEndpointsArgs
from infra.serving.environment import server_environment
from infra.settings.sagemaker_types import GPU_TYPES


def execution_provider(instance_type: str) -> ExecutionProvider:
    """Where the server runs its models."""
    return ExecutionProvider.CUDA if instance_type in GPU_TYPES else ExecutionProvider.CPU


def container(args: SageMakerEndpointsArgs, instance_type: str) -> ModelPrimaryContainerArgsDict:
    """The one container of a model; SageMaker starts it with the argument `serve`.

    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ContainerDefinition.html
    """
    ready_made = args.settings.aws_image
    image = aws_image_uri(ready_made, args.aws.region, instance_type) if ready_made else args.image
    environment = (
        ready_made.environment if ready_made else server_environment(args.model, execution_provider(instance_type))
    )
    return {"image": image, "environment": environment, "model_data_url": args.settings.model_data}
