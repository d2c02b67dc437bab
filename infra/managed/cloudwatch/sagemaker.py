"""Alarms of a SageMaker endpoint."""

import pulumi

from infra.managed.cloudwatch.alarm import Alarm, Metric
from infra.managed.cloudwatch.kinds import failing, full, silent, slow
from infra.settings.monitoring import ObjectiveSettings


def variant_promises(objectives: ObjectiveSettings, endpoint: pulumi.Input[str], variant: str) -> list[Alarm]:
    """What the service promises, and so what a deployment may be rolled back for.

    SageMaker gives latencies in microseconds, and 1 for each request that failed, 0 for the others
    (https://docs.aws.amazon.com/sagemaker/latest/dg/monitoring-cloudwatch.html#cloudwatch-metrics-endpoint-invocation).
    """
    of = {"EndpointName": endpoint, "VariantName": variant}
    latencies = {
        "model": Metric(namespace="AWS/SageMaker", name="ModelLatency", stat="p95", dimensions=of),
        "overhead": Metric(namespace="AWS/SageMaker", name="OverheadLatency", stat="p95", dimensions=of),
    }
    failed = Metric(namespace="AWS/SageMaker", name="Invocation5XXErrors", stat="Average", dimensions=of)
    return [
        slow(objectives, latencies, "(model + overhead) / 1000"),
        failing(objectives, {"failed": failed}, "100 * failed"),
    ]


def variant_conditions(
    endpoint: pulumi.Input[str], variant: str, vcpus: int | None = None, gpus: int = 0
) -> list[Alarm]:
    """What an operator should look at: the fullest of memory, processors and GPUs, and silence.

    Processors' use comes as a sum over one instance's processors, so it says how full they are only with their number
    (https://docs.aws.amazon.com/sagemaker/latest/dg/monitoring-cloudwatch.html#cloudwatch-metrics-endpoints).
    """
    of = {"EndpointName": endpoint, "VariantName": variant}
    used = {"memory": ("MemoryUtilization", 1), "cpu": ("CPUUtilization", vcpus or 0), "gpu": ("GPUUtilization", gpus)}
    shares = {short: number for short, (_, number) in used.items() if number}
    metrics = {
        short: Metric(namespace="/aws/sagemaker/Endpoints", name=used[short][0], stat="Average", dimensions=of)
        for short in shares
    }
    parts = [f"{short} / {number}" for short, number in shares.items()]
    # Memory alone needs no share: it is one number for an instance.
    fullest = f"MAX([{', '.join(parts)}])" if len(parts) > 1 else "memory"
    return [
        full(metrics, fullest, "raise the most instances, or take a larger type"),
        silent(Metric(namespace="AWS/SageMaker", name="Invocations", stat="Sum", dimensions=of)),
    ]
