import pytest
from pydantic import ValidationError

from infra.settings.asynchronous import AsynchronousSettings
from tests.infra.samples import DIGEST, settings

T4 = {"spot": {"capacity": "spot", "instanceTypes": ["g4dn.xlarge"], "min": 1, "max": 6}}


def test_a_stack_takes_no_jobs_unless_it_is_asked_to() -> None:
    serving = settings().serving
    assert serving is not None
    assert serving.asynchronous is None


def test_workers_may_all_go_where_that_is_asked_for_alone() -> None:
    assert AsynchronousSettings().replicas.min == 1
    assert AsynchronousSettings.model_validate({"replicas": {"min": 0}}).replicas.min == 0


def test_the_most_workers_are_no_fewer_than_the_fewest() -> None:
    with pytest.raises(ValidationError, match="max must be at least min, 3, got 2"):
        AsynchronousSettings.model_validate({"replicas": {"min": 3, "max": 2}})


TENSORFLOW = {
    "serving.runtime": "tensorflow-serving",
    "serving.tensorFlowServing": {"image": f"registry.example.com/serving@{DIGEST}"},
    "model.source": {"url": "s3://models-of-all/a"},
}


@pytest.mark.parametrize("runtime", [{"serving.runtime": "kserve"}, TENSORFLOW])
def test_other_servers_take_no_jobs(runtime: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=r"serving\.asynchronous must be absent"):
        settings({**runtime, "serving.asynchronous": {}})


def test_workers_and_servers_fit_the_gpu_pools_together() -> None:
    changes = {"serving.replicas": {"max": 3}, "eks.gpuPools": T4}
    assert settings({**changes, "serving.asynchronous": {"replicas": {"max": 1}}})
    with pytest.raises(ValidationError, match=r"serving.asynchronous.replicas.max adds 2 \+ 1 workers"):
        settings({**changes, "serving.asynchronous": {}})
    assert settings({**changes, "serving.asynchronous": {}, "serving.gpus": 0})
