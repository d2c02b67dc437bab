import math

import numpy as np
import pytest

from inference_app.errors import Suspicious
from inference_app.verdict import Verdict

VERDICT = Verdict(np.array([0.25, 0.5, 0.75, math.nan, 0.125], dtype=np.float32), 0.5)


def test_a_request_whose_examples_are_all_under_the_limit_is_let_through() -> None:
    VERDICT.check(0, 2)
    VERDICT.check(4, 5)


def test_a_request_with_one_example_over_the_limit_is_refused_with_its_score() -> None:
    with pytest.raises(Suspicious) as raised:
        VERDICT.check(0, 3)
    assert raised.value.status == 400
    assert raised.value.details() == {"score": 0.75, "threshold": 0.5}


def test_a_score_that_is_no_number_is_over_any_limit() -> None:
    with pytest.raises(Suspicious) as raised:
        VERDICT.check(3, 4)
    assert math.isnan(raised.value.details()["score"])
