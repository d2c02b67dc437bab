"""A pod is gone within the shortest notice of a spot node, and answers until nobody asks it any more: by arithmetic."""

from typing import Any

from inference_app.contract import DRAIN_SECONDS, GRACE_SECONDS
from inference_app.settings import Settings
from infra.serving import pod
from infra.settings.serving import ServingSettings
from tests.drills.notice import AGENT_SECONDS, PROPAGATION_SECONDS, SHORTEST_SECONDS, SPOT_NOTICE_SECONDS
from tests.infra.serving.test_pod import spec

POD: Any = spec(ServingSettings.model_validate({}))
(SERVER,) = POD["containers"]


def test_the_pod_is_gone_within_every_notice_with_time_for_the_node_agent() -> None:
    assert POD["termination_grace_period_seconds"] + AGENT_SECONDS <= SHORTEST_SECONDS == SPOT_NOTICE_SECONDS["AKS"]


def test_no_pre_stop_hook_spends_the_grace_period() -> None:
    assert "lifecycle" not in SERVER


def test_the_server_ends_by_itself_before_it_is_killed() -> None:
    assert GRACE_SECONDS < POD["termination_grace_period_seconds"] == pod.TERMINATION_GRACE_SECONDS


def test_the_drain_outlasts_the_news_that_the_pod_is_going() -> None:
    assert DRAIN_SECONDS > PROPAGATION_SECONDS


def test_a_request_that_came_last_in_the_drain_may_wait_as_long_as_any_other() -> None:
    settings = Settings()
    assert (settings.drain_seconds, settings.grace_seconds) == (DRAIN_SECONDS, GRACE_SECONDS)
    assert settings.drain_seconds + settings.request_timeout_seconds < settings.grace_seconds
