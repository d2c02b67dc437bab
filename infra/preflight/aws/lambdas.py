"""Lambda's concurrency, which new accounts have little of."""

from collections.abc import Iterator

from infra.preflight.answer import Answer, ok, warning
from infra.preflight.aws import quotas
from infra.preflight.aws.client import Aws

QUOTA = "L-B99A9384"
USUAL = 1000
"""https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html; a new account starts lower."""


def questions(aws: Aws) -> Iterator[Answer]:
    """How many requests all functions of the account together may answer at once."""
    limits = aws.ask("lambda", "get_account_settings")["AccountLimit"]
    asked, free = f"quota {QUOTA}, concurrency of Lambda", limits["UnreservedConcurrentExecutions"]
    found = f"{limits['ConcurrentExecutions']} at once in the account, {free} of them reserved for no function"
    if free >= USUAL // 10:
        yield ok(asked, found)
    else:
        yield warning(asked, found, quotas.request(aws, "lambda", QUOTA, USUAL))
