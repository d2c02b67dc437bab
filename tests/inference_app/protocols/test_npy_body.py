import io
import pickle
import random
from typing import Any

import numpy as np
import pytest

from inference_app.errors import BadRequest
from inference_app.protocols import npy_body
from inference_app.tensors import Array, Datatype, TensorSpec


def spec(*shape: int, datatype: Datatype = Datatype.FP32) -> TensorSpec:
    """An input named x; the batch axis is added."""
    return TensorSpec(name="x", datatype=datatype, shape=(-1, *shape))


def saved(array: Any, **options: Any) -> bytes:
    """What numpy.save writes."""
    file = io.BytesIO()
    np.save(file, np.asarray(array), **options)
    return file.getvalue()


def with_header(header: str, content: bytes = b"") -> bytes:
    """A file with any header."""
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + content


FLOATS = np.arange(6, dtype=np.float32).reshape(2, 3)


@pytest.mark.parametrize("array", [FLOATS, np.asfortranarray(FLOATS), FLOATS.astype(">f4"), FLOATS[::-1][::-1]])
def test_an_array_arrives_as_it_was_saved(array: Array) -> None:
    parsed = npy_body.parse(saved(array), spec(3))
    assert (parsed.dtype, parsed.tolist()) == (np.float32, FLOATS.tolist())
    assert parsed.flags.c_contiguous


def test_the_models_own_type_is_read_in_place() -> None:
    body = saved(FLOATS)
    assert np.shares_memory(npy_body.parse(body, spec(3)), np.frombuffer(body, np.uint8))


@pytest.mark.parametrize("values", [[[1.0, 2.0, 3.0]], [[1, 2, 3]], [[True, True, False]]])
def test_numpys_usual_types_are_converted(values: list[list[float]]) -> None:
    parsed = npy_body.parse(saved(values), spec(3))
    assert (parsed.dtype, parsed.tolist()) == (np.float32, values)


@pytest.mark.parametrize(
    ("values", "datatype", "part"),
    [
        ([1.5], Datatype.INT64, "input x: expected INT64, got an array of float64"),
        ([300], Datatype.INT8, "input x: a number lies outside INT8"),
        ([-1], Datatype.UINT8, "input x: expected UINT8, got an array of int64"),
        ([2], Datatype.BOOL, "input x: expected BOOL, got an array of int64"),
        ([1e300], Datatype.FP32, "input x: NaN and infinity"),
        ([np.nan], Datatype.FP32, "input x: NaN and infinity"),
        ([1j], Datatype.FP32, "expected an array of numbers, got <c16"),
        (["a"], Datatype.FP32, "expected an array of numbers, got <U1"),
        ([b"a"], Datatype.BYTES, "expected an array of numbers"),
        ([1.0], Datatype.BYTES, "input x: expected BYTES, got an array of float64"),
        (np.zeros(1, [("a", "f4")]), Datatype.FP32, "expected an array of numbers"),
        (np.zeros((0, 3)), Datatype.FP32, "declares shape"),
        (np.zeros((1, 1, 1)), Datatype.FP32, "got 3 dimensions"),
    ],
)
def test_what_the_model_cannot_take_is_refused_with_the_reason(values: Any, datatype: Datatype, part: str) -> None:
    with pytest.raises(BadRequest, match=part):
        npy_body.parse(saved(values), spec(3, datatype=datatype))


def test_nothing_pickled_is_read() -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return (pytest.fail, ("a pickle was loaded",))

    pickled = saved(np.array([Trap()], dtype=object), allow_pickle=True)
    for body in (pickled, pickle.dumps(Trap())):
        with pytest.raises(BadRequest):
            npy_body.parse(body, spec(3))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x93NUMPY",
        b"\x93NUMPY\x01\x00\xff\xff",
        b"\x93NUMPY\x02\x00" + bytes(20),
        b"\x93NUMPY\x03\x00" + bytes(20),
        with_header("{}"),
        with_header("("),
        with_header("-" * 9000 + "1"),
        with_header("(" * 9000),
        with_header("9" * 9000),
        with_header("\x00"),
        with_header("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 3)}" + " " * 20_000),
        with_header("{'descr': 'f', 'fortran_order': 1, 'shape': (1, 3)}"),
        with_header("{'descr': [('a', '<f4', (9, 9))], 'fortran_order': False, 'shape': (1,)}"),
        with_header("{'descr': '|V0', 'fortran_order': False, 'shape': (1,)}"),
        with_header("{'descr': {}, 'fortran_order': False, 'shape': (1,)}"),
        with_header("{'descr': '<f4', 'fortran_order': False, 'shape': 3}", bytes(12)),
        with_header("{'descr': '<f4', 'fortran_order': False, 'shape': (-1, -3)}", bytes(12)),
        with_header("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999, 99999999999)}", bytes(12)),
        with_header("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 3)}", bytes(11)),
        with_header("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 3)}", bytes(13)),
        with_header("{'descr': '<f4', 'fortran_order': False, 'shape': (" + "1," * 3000 + ")}", bytes(4)),
    ],
)
def test_a_header_that_lies_or_means_nothing_is_refused(body: bytes) -> None:
    with pytest.raises(BadRequest):
        npy_body.parse(body, spec(3))


def test_a_damaged_file_is_read_or_refused_and_nothing_else() -> None:
    random_bytes, good = random.Random(0), saved(FLOATS)
    outcomes: set[str] = set()
    for _ in range(3000):
        body = bytearray(good)
        for _ in range(random_bytes.randint(1, 4)):
            body[random_bytes.randrange(len(body))] = random_bytes.randrange(256)
        try:
            npy_body.parse(bytes(body), spec(3))
            outcomes.add("read")
        except BadRequest:
            outcomes.add("refused")
    assert outcomes == {"read", "refused"}


@pytest.mark.parametrize("array", [FLOATS, FLOATS.T, np.array([1], np.int64)])
def test_outputs_are_what_numpy_loads(array: Array) -> None:
    loaded = np.load(io.BytesIO(npy_body.render(array)), allow_pickle=False)
    assert (loaded.dtype, loaded.tolist()) == (array.dtype, array.tolist())
