import pytest

from infra.preview.closed_values import documented_keys, documented_values


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("Type of capacity. Valid values: `ON_DEMAND`, `SPOT`. More prose.", ("ON_DEMAND", "SPOT")),
        ("Valid values are `ipv4` (default) and `ipv6`. You can only", ("ipv4", "ipv6")),
        (
            "Must be one of: `MUTABLE`, `IMMUTABLE`, or `OTHER`. Defaults to `MUTABLE`.",
            ("MUTABLE", "IMMUTABLE", "OTHER"),
        ),
        ("Image pull policy. One of Always, Never, IfNotPresent. Defaults to", ("Always", "Never", "IfNotPresent")),
        ("Protocol for port. Must be UDP, TCP, or SCTP. Defaults", ("UDP", "TCP", "SCTP")),
        ("Valid values are 'Default' or 'None'. DNS parameters", ("Default", "None")),
        ("Enum to determine endpoint compute type.\nExpected value is 'Managed'.", ("Managed",)),
        ("Type.\nExpected value is '#Microsoft.Template'.", ("#Microsoft.Template",)),
        ("Valid values are `CONFIG_MAP`, `API` or `API_AND_CONFIG_MAP`", ("CONFIG_MAP", "API", "API_AND_CONFIG_MAP")),
    ],
)
def test_a_complete_list_is_taken(text: str, values: tuple[str, ...]) -> None:
    assert documented_values(text) == values


@pytest.mark.parametrize(
    "text",
    [
        "Valid values include `standard` or `unlimited`.",
        "Valid values are `1` to the maximum number of targets.",
        "For ALBs, valid values are `HTTP` and `HTTPS`, with a default of `HTTP`.",
        "Valid values: `a`, `b`. For others the valid values are `c` and `d`.",
        "Valid values are `*`, `Accept` and `Expires`.",
        "Valid value is `requester`.",
        'Valid values are "None", empty string (""), or a valid IP address.',
        "MountPropagation must be None or unspecified.",
        "The key must be one of RSA3072, RSA4096.",
        "Defaults to `gp3`.",
    ],
)
def test_an_open_or_doubtful_list_is_left_alone(text: str) -> None:
    assert documented_values(text) == ()


def test_the_keys_of_a_map_are_taken_where_they_are_stated_to_be_all() -> None:
    text = 'Only one identity is allowed. The only accepted key is "kubeletidentity", with value of "resourceId": "/x".'

    assert documented_keys(text) == ("kubeletidentity",)
    assert documented_keys('A map with keys such as "kubeletidentity".') == ()
