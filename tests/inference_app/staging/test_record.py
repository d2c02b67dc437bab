import pytest

from inference_app.staging import record
from inference_app.staging.record import KEPT, ActiveVersion


def test_a_record_forgets_the_oldest_when_it_is_full() -> None:
    found = ActiveVersion("0")
    for number in range(1, 2 * KEPT):
        found = found.promoted(str(number))
    assert found.version == str(2 * KEPT - 1)
    assert found.previous == tuple(str(number) for number in range(2 * KEPT - 2, KEPT - 2, -1))


def test_a_version_between_two_times_of_another_leaves_one_time_of_it() -> None:
    assert ActiveVersion("3", ("2", "3", "1", "2")).without("2") == ActiveVersion("3", ("1",))


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b'{"version": ""}', b'{"version": 1}', b'{"version": "1", "previous": [2]}', b"\xff"]
)
def test_what_is_no_record_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="must be like "):
        record.parse(content)
