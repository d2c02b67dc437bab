"""A client for each kind of endpoint."""

from collections.abc import Callable

from infra.endpoint import EndpointKind
from infra.smoke.client import Client, Say
from infra.smoke.clients.aws_lambda import LambdaClient
from infra.smoke.clients.azure_ml import AzureMlClient
from infra.smoke.clients.sagemaker import SageMakerClient
from infra.smoke.clients.sagemaker_async import SageMakerAsyncClient
from infra.smoke.clients.server import ServerClient
from infra.smoke.clients.tensorflow_serving import TensorFlowServingClient
from infra.smoke.target import Target

CLIENTS: dict[EndpointKind, Callable[[Target, Say], Client]] = {
    EndpointKind.HTTP: ServerClient,
    EndpointKind.SAGEMAKER: SageMakerClient,
    EndpointKind.SAGEMAKER_ASYNC: SageMakerAsyncClient,
    EndpointKind.LAMBDA: LambdaClient,
    EndpointKind.AZURE_ML: AzureMlClient,
    EndpointKind.TENSORFLOW_SERVING: TensorFlowServingClient,
}
