"""Amazon's names of things."""

import re
from typing import NamedTuple, Self


class Arn(NamedTuple):
    """What an ARN says (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html).

    `kind` is `service:type`, and the service alone where there is no type: S3, SQS, SNS.
    """

    text: str
    kind: str
    name: str

    @classmethod
    def of(cls, text: str) -> Self:
        """The parts of `arn:partition:service:region:account:[type{/|:}]name`."""
        _, _, service, _, _, resource = text.split(":", 5)
        found = re.match(r"([a-z-]+)[/:](.+)", resource)
        return cls(text, f"{service}:{found[1]}", found[2]) if found else cls(text, service, resource)
