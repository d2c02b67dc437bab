"""Endpoints that SageMaker runs."""

from infra.managed.sagemaker.context import SageMakerEndpointsArgs
from infra.managed.sagemaker.endpoints import SageMakerEndpoints

__all__ = ["SageMakerEndpoints", "SageMakerEndpointsArgs"]
