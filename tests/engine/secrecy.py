"""Looks for secrets where they must not be."""

import base64
import re

from tests.engine.standin.forms import PLANTED


def leaks(written: bytes) -> list[str]:
    """What is before each made-up secret that is readable in `written`, as it is or in base64."""
    found = [match.start() for form in readable_forms(PLANTED) for match in re.finditer(re.escape(form), written)]
    return sorted({written[max(0, at - 60) : at].decode(errors="replace") for at in found})


def readable_forms(secret: str) -> list[bytes]:
    """A secret as text, and what every base64 of a text that holds it has in common, wherever it begins in there."""
    forms = [secret.encode()]
    for offset in range(3):
        whole = base64.b64encode(b" " * offset + secret.encode())
        # The first and the last groups depend on what is before and after the secret.
        forms.append(whole[4 if offset else 0 : len(whole) - 4])
    return forms
