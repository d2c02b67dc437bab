"""The AWS provider of a stack."""

from collections.abc import Mapping

import pulumi_aws as aws

from infra.settings.aws import AwsSettings


def aws_provider(settings: AwsSettings, tags: Mapping[str, str]) -> aws.Provider:
    """A provider for one region that tags all it makes and refuses the credentials of any other account."""
    return aws.Provider(
        "aws",
        region=settings.region,
        allowed_account_ids=[settings.account_id],
        default_tags={"tags": tags},
    )
