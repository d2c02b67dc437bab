import pytest
from pydantic import ValidationError

from infra.settings.container_instances import ContainerInstancesSettings


def test_the_block_may_be_empty_and_is_small_and_cheap_then() -> None:
    settings = ContainerInstancesSettings.model_validate({})

    assert (settings.cpu, settings.memory_gib, settings.log_retention_days) == (1, 2, 30)


@pytest.mark.parametrize("wrong", [{"cpu": 0}, {"cpu": 64}, {"memoryGib": 0.1}, {"gpus": 1}, {"logRetentionDays": 7}])
def test_what_azure_does_not_offer_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        ContainerInstancesSettings.model_validate(wrong)
