"""Closed sets of values that an SDK states in its documentation only.

The AWS and Kubernetes SDKs type most closed sets as plain strings and list them in prose: "Valid values: `ON_DEMAND`,
`SPOT`." or "One of Always, Never, IfNotPresent." Such a list is taken only where the prose leaves no doubt that it is
complete: the property's text introduces one list (with "are", never with "include"), of two or more literals, joined by
nothing but commas, "and" and "or", and closed by a full stop or the end of the line. The Azure SDK says of the property
that tells one kind of object from another what it must be: "Expected value is 'Managed'."
"""

import functools
import re

_INTRODUCTION = re.compile(
    r"(?:\b(?i:valid|allowed|possible|supported) (?:values|options|operators)(?: are)?:?"
    r"|(?:^|[.\n]\s*)(?:Must be(?: one of)?|One of):?) "
)
_DOUBT = re.compile(r"\b(?:valid|allowed|possible) values?\b|\balso valid\b", re.IGNORECASE)
_LITERALS = (
    r"`([A-Za-z0-9_:./-]+)`(?: \((?:the )?default\))?",
    r"[\"']([A-Za-z0-9]+)[\"']",
    r"\b([A-Z][A-Za-z0-9]+)\b",
)
_LISTS = {
    literal: re.compile(rf"{literal}(?:(?:, ?| )(?:and |or )?{literal})+(?=\.(?:\s|$)|\s*\n|$)")
    for literal in _LITERALS
}


_CONSTANT = re.compile(r"\bExpected value is '([A-Za-z0-9_.#-]+)'\.")
_ONLY_KEY = re.compile(r'\bThe only accepted key is "([A-Za-z0-9_.-]+)"')


@functools.cache
def documented_values(text: str) -> tuple[str, ...]:
    """Return the closed set that `text` states, empty when it states none beyond doubt."""
    if constants := _CONSTANT.findall(text):
        return tuple(constants)
    if len(_DOUBT.findall(text)) > 1:
        return ()
    starts = [found.end() for found in _INTRODUCTION.finditer(text)]
    found = {
        tuple(re.findall(literal, listed.group()))
        for start in starts
        for literal, whole in _LISTS.items()
        if (listed := whole.match(text, start))
    }
    return found.pop() if len(found) == 1 else ()


def documented_keys(text: str) -> tuple[str, ...]:
    """Return the keys that a map may have where `text` states them: 'The only accepted key is "kubeletidentity"'."""
    return tuple(_ONLY_KEY.findall(text))
