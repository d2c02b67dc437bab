"""The AWS providers of a stack."""

from collections.abc import Mapping

import pulumi
import pulumi_aws as aws
import pulumi_aws_native as aws_native

from infra.settings.aws import AwsSettings


def aws_providers(settings: AwsSettings, tags: Mapping[str, str]) -> list[pulumi.ProviderResource]:
    """Providers for one region that tag all they make and refuse the credentials of any other account.

    The second one is of Cloud Control's API, for what the first one cannot say (SageMaker's retained instance counts).
    """
    region, accounts = settings.region, [settings.account_id]
    return [
        aws.Provider("aws", region=region, allowed_account_ids=accounts, default_tags={"tags": tags}),
        aws_native.Provider("aws-native", region=region, allowed_account_ids=accounts, default_tags={"tags": tags}),
    ]
