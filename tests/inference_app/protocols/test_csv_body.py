import numpy as np
import pytest

from inference_app.errors import BadRequest, UnsupportedMediaType
from inference_app.protocols import csv_body
from inference_app.tensors import Array, Datatype, TensorSpec


def spec(*shape: int, datatype: Datatype = Datatype.FP32, allow_nan: bool = False) -> TensorSpec:
    """An input named x; the batch axis is added."""
    return TensorSpec(name="x", datatype=datatype, shape=(-1, *shape), allow_nan=allow_nan)


@pytest.mark.parametrize(
    "body", [b"1,2.5\n3,4", b"1,2.5\r\n3,4\r\n", b"\xef\xbb\xbf1,2.5\n\n3,4\n", b'"1"," 2.5"\n3 ,4']
)
def test_each_row_is_an_example(body: bytes) -> None:
    array = csv_body.parse(body, spec(2))
    assert (array.dtype, array.tolist()) == (np.float32, [[1, 2.5], [3, 4]])


def test_a_row_is_an_example_flattened_row_major() -> None:
    assert csv_body.parse(b"1,2,3,4", spec(2, 2)).tolist() == [[[1, 2], [3, 4]]]


def test_a_model_of_single_numbers_takes_one_a_row() -> None:
    assert csv_body.parse(b"1\n2\n3", spec()).tolist() == [1, 2, 3]


def test_the_size_that_a_model_leaves_open_follows_from_the_row() -> None:
    assert csv_body.parse(b"1,2,3,4,5,6", spec(-1, 2)).shape == (1, 3, 2)


def test_whole_numbers_keep_every_digit() -> None:
    array = csv_body.parse(b"9223372036854775807,-9007199254740993", spec(2, datatype=Datatype.INT64))
    assert array.tolist() == [[9223372036854775807, -9007199254740993]]


def test_booleans_are_0_and_1() -> None:
    assert csv_body.parse(b"0,1", spec(2, datatype=Datatype.BOOL)).tolist() == [[False, True]]


@pytest.mark.parametrize(
    ("body", "datatype", "part"),
    [
        (b"length,width\n1,2", Datatype.FP32, r"the first row is a header \(length,width\)"),
        (b'"length","width"\n1,2', Datatype.FP32, "the first row is a header"),
        (b"1,two", Datatype.FP32, "could not convert string 'two'"),
        (b"1,", Datatype.FP32, "could not convert string ''"),
        (b"1;2", Datatype.FP32, "could not convert string '1;2'"),
        (b"1,2\n3", Datatype.FP32, "the number of columns changed from 2 to 1"),
        (b"1,2,3", Datatype.FP32, "input x: expected 2 numbers in each row, got 3"),
        (b"1,nan", Datatype.FP32, "input x: NaN and infinity"),
        (b"1,1e39", Datatype.FP32, "input x: NaN and infinity"),
        (b"1,2.5", Datatype.INT64, "could not convert string '2.5' to int64"),
        (b"1,256", Datatype.UINT8, "could not convert string '256' to uint8"),
        (b"", Datatype.FP32, "the body has no rows"),
        (b" \r\n\n", Datatype.FP32, "the body has no rows"),
        (b"1,2\x00", Datatype.FP32, "could not convert string"),
        (b"\xff1,2", Datatype.FP32, "the body is no UTF-8 text"),
    ],
)
def test_what_are_no_rows_of_numbers_is_refused_with_the_place(body: bytes, datatype: Datatype, part: str) -> None:
    with pytest.raises(BadRequest, match=part):
        csv_body.parse(body, spec(2, datatype=datatype))


def test_a_model_that_takes_nan_gets_it() -> None:
    assert np.isnan(csv_body.parse(b"1,nan", spec(2, allow_nan=True))).tolist() == [[False, True]]


@pytest.mark.parametrize("wanted", [spec(2, datatype=Datatype.BYTES), spec(-1, -1)])
def test_what_rows_of_numbers_cannot_say_is_refused_whatever_the_body(wanted: TensorSpec) -> None:
    with pytest.raises(UnsupportedMediaType, match="CSV cannot hold x"):
        csv_body.parse(b"1,2", wanted)


@pytest.mark.parametrize(
    ("array", "rows"),
    [
        (np.array([[0.1, 2], [1e-7, 3e30]], np.float32), [b"0.1,2.0", b"1e-7,3e+30"]),
        (np.array([[[1, 2], [3, 4]]], np.int64), [b"1,2,3,4"]),
        (np.array([5, 6], np.uint8), [b"5", b"6"]),
        (np.zeros((4, 2), np.float64)[::2], [b"0.0,0.0", b"0.0,0.0"]),
    ],
)
def test_outputs_are_one_row_an_example_in_the_shortest_digits(array: Array, rows: list[bytes]) -> None:
    assert csv_body.render(array).splitlines() == rows


def test_what_is_written_reads_back_as_the_same_numbers() -> None:
    array = np.random.default_rng(0).standard_normal((5, 7)).astype(np.float32)
    assert (csv_body.parse(csv_body.render(array), spec(7)) == array).all()
