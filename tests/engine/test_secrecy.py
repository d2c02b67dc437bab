import base64

import pytest

from tests.engine.secrecy import leaks
from tests.engine.standin.forms import PLANTED


@pytest.mark.parametrize("before", ["", "a", "ab", "abc"])
def test_a_secret_is_found_in_text_and_in_base64(before: str) -> None:
    text = f"{before}{PLANTED}-0123456789".encode()

    assert leaks(b"state: " + text) != []
    assert leaks(b"state: " + base64.b64encode(text)) != []


def test_other_text_is_no_secret() -> None:
    assert leaks(b"state: " + base64.b64encode(b"an image, a planted tree and a secret")) == []
