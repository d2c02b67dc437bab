import numpy as np
import pytest

from inference_app.errors import BadRequest
from inference_app.preprocessing.declarations import Column, FeaturePreprocessing
from inference_app.preprocessing.features import Features

COLUMNS = (Column(name="age", scale=0.5, offset=-1), Column(name="income"))


@pytest.fixture
def features() -> Features:
    return Features(FeaturePreprocessing(kind="features", columns=COLUMNS))


def test_records_become_vectors_in_the_order_of_the_columns(features: Features) -> None:
    assert features.vectors({"income": 2, "age": 1}) == [[1, 2]]
    assert features.vectors([{"income": 2, "age": 1}, {"age": 3, "income": 4}]) == [[1, 2], [3, 4]]


def test_vectors_stay_as_they_are(features: Features) -> None:
    assert features.vectors([[1, 2]]) == [[1, 2]]
    assert features.vectors([1, 2]) == [1, 2]


@pytest.mark.parametrize(
    ("value", "part"),
    [
        ({"age": 1}, "column income is missing; the model takes age, income"),
        ({"age": 1, "income": 2, "wage": 3}, "unknown column wage"),
        ([{"age": 1, "income": 2}, [1, 2]], "mixed"),
    ],
)
def test_other_records_are_refused(features: Features, value: object, part: str) -> None:
    with pytest.raises(BadRequest, match=part):
        features.vectors(value)


def test_each_column_has_its_own_scale(features: Features) -> None:
    np.testing.assert_array_equal(features.scale(np.array([[4.0, 4.0]])), [[1, 4]])
