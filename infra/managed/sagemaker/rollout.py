"""How an update reaches a running endpoint.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DeploymentConfig.html
"""

from collections.abc import Sequence

import pulumi
from pulumi_aws_native.sagemaker import (
    EndpointAutoRollbackConfigArgsDict,
    EndpointBlueGreenUpdatePolicyArgsDict,
    EndpointCapacitySizeArgsDict,
    EndpointDeploymentConfigArgsDict,
    EndpointRollingUpdatePolicyArgsDict,
    EndpointTrafficRoutingConfigArgsDict,
)

from infra.settings.sagemaker_rollout import RolloutSettings, Strategy

STARTING_SECONDS = 3600
"""Room for instances to be found and started, beside the waits."""


def deployment(rollout: RolloutSettings, alarm_names: Sequence[pulumi.Input[str]]) -> EndpointDeploymentConfigArgsDict:
    """What an update does step by step; any of the alarms takes it back."""
    rollback = _rollback(alarm_names)
    if rollout.strategy is Strategy.ROLLING:
        return {"rolling_update_policy": _rolling(rollout), "auto_rollback_configuration": rollback}
    return {"blue_green_update_policy": _blue_green(rollout), "auto_rollback_configuration": rollback}


def _rollback(alarm_names: Sequence[pulumi.Input[str]]) -> EndpointAutoRollbackConfigArgsDict | None:
    return {"alarms": [{"alarm_name": name} for name in alarm_names]} if alarm_names else None


def _rolling(rollout: RolloutSettings) -> EndpointRollingUpdatePolicyArgsDict:
    return {
        "maximum_batch_size": _share(rollout),
        "wait_interval_in_seconds": rollout.bake_seconds,
        "maximum_execution_timeout_in_seconds": rollout.wait_seconds + STARTING_SECONDS,
    }


def _blue_green(rollout: RolloutSettings) -> EndpointBlueGreenUpdatePolicyArgsDict:
    return {
        "traffic_routing_configuration": _traffic(rollout),
        # The old instances stay that long after the last step, ready for a way back.
        "termination_wait_in_seconds": rollout.bake_seconds,
        "maximum_execution_timeout_in_seconds": rollout.wait_seconds + STARTING_SECONDS,
    }


def _traffic(rollout: RolloutSettings) -> EndpointTrafficRoutingConfigArgsDict:
    if rollout.strategy is Strategy.CANARY:
        return {"type": "CANARY", "canary_size": _share(rollout), "wait_interval_in_seconds": rollout.bake_seconds}
    if rollout.strategy is Strategy.LINEAR:
        size = _share(rollout)
        return {"type": "LINEAR", "linear_step_size": size, "wait_interval_in_seconds": rollout.bake_seconds}
    return {"type": "ALL_AT_ONCE", "wait_interval_in_seconds": 0}


def _share(rollout: RolloutSettings) -> EndpointCapacitySizeArgsDict:
    return {"type": "CAPACITY_PERCENT", "value": rollout.percent}
