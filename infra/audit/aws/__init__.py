"""Where leftovers are in AWS."""

from infra.audit.aws import logs, roles, tagged
from infra.audit.leftover import Cloud
from infra.audit.subject import Subject
from infra.preflight.aws.client import SIGN_IN, Aws
from infra.preflight.errors import NotSignedIn
from infra.settings.aws import AwsSettings


def cloud(subject: Subject, settings: AwsSettings) -> Cloud:
    """The stack's account and region."""
    aws = Aws(settings.region)
    return Cloud(
        name=f"AWS {settings.region}",
        sign_in=lambda: check_account(aws, settings.account_id),
        looks={
            "everything with tags": lambda: tagged.leftovers(aws, subject),
            "log groups": lambda: logs.leftovers(aws, subject),
            "roles": lambda: roles.leftovers(aws, subject),
            "instance profiles": lambda: roles.instance_profiles(aws, subject),
        },
    )


def check_account(aws: Aws, wanted: str) -> None:
    """Raises `NotSignedIn` in any other account, where nothing would be found."""
    found = aws.ask("sts", "get_caller_identity")["Account"]
    if found != wanted:
        raise NotSignedIn(f"the credentials are of the account {found}, the stack's is {wanted}", SIGN_IN)
