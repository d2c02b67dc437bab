import pytest

from inference_app.http import heads


@pytest.mark.parametrize(
    "host",
    [b"test", b"test:80", b"test:", b"", b"10.0.0.1:8080", b"[::1]", b"[fe80::1%25eth0]:80", b"a-b_c.d~", b"%41"],
)
def test_a_host_with_or_without_a_port_is_fine(host: bytes) -> None:
    assert heads.fault(b"/", {b"host": host}, "1.1") is None


@pytest.mark.parametrize(
    "host", [b"a b", b"a, a", b"a/b", b"a@b", b"a:b", b"[::1", b"a]", b"a\\b", b"\xe9", b"a?b", b"a#b"]
)
def test_another_host_is_400(host: bytes) -> None:
    error = heads.fault(b"/", {b"host": host}, "1.1")
    assert error is not None
    assert error.status == 400


@pytest.mark.parametrize(("version", "status"), [("1.1", 400), ("1.0", None), ("2.0", 505), ("0.9", 505)])
def test_only_http_1_0_may_go_without_a_host(version: str, status: int | None) -> None:
    error = heads.fault(b"/", {}, version)
    assert (error and error.status) == status


def test_headers_and_target_together_have_a_limit() -> None:
    host = {b"host": b"test"}
    most = heads.MAX_BYTES - len(b"host" + b"test" + b"x")
    assert heads.fault(b"", host | {b"x": b"y" * most}, "1.1") is None
    for error in (heads.fault(b"/", host | {b"x": b"y" * most}, "1.1"), heads.fault(b"/" * (most + 2), host, "1.1")):
        assert error is not None
        assert error.status == 431


def test_a_request_without_its_upgrade_is_the_same_request() -> None:
    fields = {
        b"host": b"test",
        b"connection": b"Upgrade, HTTP2-Settings, close",
        b"upgrade": b"h2c",
        b"http2-settings": b"AAEAAEAA",
        b"content-length": b"3",
    }
    head = heads.without_upgrade(b"POST", b"/predict?a", fields, "1.0")
    assert head == b"POST /predict?a HTTP/1.0\r\nhost: test\r\nconnection: close\r\ncontent-length: 3\r\n\r\n"
