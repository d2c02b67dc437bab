from typing import Any

from infra.pods.disruption import budget_spec


def test_a_drained_node_takes_one_pod_of_those_that_were_named() -> None:
    budget: Any = budget_spec({"app": "it", "track": "canary"})

    assert budget["selector"] == {"match_labels": {"app": "it", "track": "canary"}}
    assert budget["max_unavailable"] == 1
