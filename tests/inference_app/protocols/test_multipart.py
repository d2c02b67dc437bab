import pytest

from inference_app.errors import BadRequest, TooLarge
from inference_app.protocols import multipart
from inference_app.protocols.multipart import Part

TYPE = "multipart/form-data; boundary=cut"


def field(content: str, headers: str = "") -> str:
    return f'--cut\r\nContent-Disposition: form-data; name="x"\r\n{headers}\r\n{content}\r\n'


def test_parts_come_in_order_with_their_types() -> None:
    body = field("one") + field("two", "Content-Type: text/plain; charset=utf-8\r\n") + "--cut--\r\n"
    assert multipart.parse(body.encode(), TYPE) == [Part(None, b"one"), Part("text/plain", b"two")]


def test_a_part_may_be_empty_and_hold_any_bytes() -> None:
    body = (field("") + field("\0")).encode() + b"--cut--\r\n"
    assert [part.body for part in multipart.parse(body, TYPE)] == [b"", b"\0"]


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ("", TYPE),
        ("--cut--\r\n", TYPE),
        (field("one"), TYPE),
        (field("one") + "--cut", TYPE),
        ("hello", TYPE),
        ("--cut\r\n\r\nno headers\r\n--cut--\r\n", TYPE),
        ("--cut\r\nContent-Disposition: attachment\r\n\r\none\r\n--cut--\r\n", TYPE),
        (field("one", "Content-Length: 99\r\n") + "--cut--\r\n", TYPE),
        (field("one") + "--cut--\r\n", "multipart/form-data"),
        (field("one") + "--cut--\r\n", 'multipart/form-data; boundary=""'),
        (field("one") + "--cut--\r\n", "multipart/form-data; boundary=another"),
        (field("one") + "--cut--\r\n", "multipart/form-data; boundary=" + "c" * 2000),
    ],
)
def test_a_broken_form_is_refused(body: str, content_type: str) -> None:
    with pytest.raises(BadRequest, match="form"):
        multipart.parse(body.encode(), content_type)


def test_too_many_parts_are_refused() -> None:
    body = field("x") * (multipart.MAX_PARTS + 1) + "--cut--\r\n"
    with pytest.raises(TooLarge, match="at most 128 parts"):
        multipart.parse(body.encode(), TYPE)


@pytest.mark.parametrize("headers", ["X-Long: " + "x" * 10_000 + "\r\n", "X-Many: 1\r\n" * 20])
def test_long_headers_are_refused(headers: str) -> None:
    with pytest.raises(TooLarge, match="short headers"):
        multipart.parse((field("x", headers) + "--cut--\r\n").encode(), TYPE)
