"""A repository in Amazon ECR."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws
from pulumi_docker_build import RegistryArgsDict

from infra.clouds.aws.iam import policy
from infra.images.registry import BUILD_CACHE_PREFIX
from infra.settings.image import ImageSettings


@dataclass(frozen=True, kw_only=True)
class EcrRepositoryArgs:
    """`name` is the repository's name in the registry; `statements` let services pull from it."""

    name: str
    settings: ImageSettings
    statements: Sequence[Mapping[str, Any]] = ()


class EcrRepository(pulumi.ComponentResource):
    """An ECR repository that scans on push and forgets old images; satisfies `infra.images.registry.Registry`.

    Tags are immutable, so a tag always names what was scanned under it; only the build cache moves.
    """

    repository_url: pulumi.Output[str]

    def __init__(self, name: str, args: EcrRepositoryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inference:images:EcrRepository", name, None, opts)
        self._repository = aws.ecr.Repository(
            name,
            name=args.name,
            image_scanning_configuration={"scan_on_push": True},
            image_tag_mutability="IMMUTABLE_WITH_EXCLUSION",
            image_tag_mutability_exclusion_filters=[{"filter": f"{BUILD_CACHE_PREFIX}*", "filter_type": "WILDCARD"}],
            encryption_configurations=[{"encryption_type": "KMS"}],
            force_delete=args.settings.delete_images,
            opts=pulumi.ResourceOptions(parent=self, protect=not args.settings.delete_images),
        )
        aws.ecr.LifecyclePolicy(
            name,
            repository=self._repository.name,
            policy=json.dumps({"rules": lifecycle_rules(args.settings.keep)}),
            opts=pulumi.ResourceOptions(parent=self),
        )
        if args.statements:
            aws.ecr.RepositoryPolicy(
                name,
                repository=self._repository.name,
                policy=policy(*args.statements),
                opts=pulumi.ResourceOptions(parent=self),
            )
        self.repository_url = self._repository.repository_url
        self.register_outputs({"repositoryUrl": self.repository_url})

    def login(self) -> RegistryArgsDict:
        """A token for twelve hours; ECR's user is always `AWS`."""
        token = aws.ecr.get_authorization_token_output(
            registry_id=self._repository.registry_id, opts=pulumi.InvokeOutputOptions(parent=self)
        )
        return {
            "address": self.repository_url,
            "username": token.user_name,
            "password": pulumi.Output.secret(token.password),
        }


def lifecycle_rules(keep: int) -> Sequence[Mapping[str, Any]]:
    """Untagged layers go after a day; of tagged images the newest `keep` stay.

    https://docs.aws.amazon.com/AmazonECR/latest/userguide/lifecycle_policy_parameters.html
    """
    untagged = {"tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 1}
    tagged = {"tagStatus": "tagged", "tagPatternList": ["*"], "countType": "imageCountMoreThan", "countNumber": keep}
    return [
        {"rulePriority": 1, "description": "Untagged images", "selection": untagged, "action": {"type": "expire"}},
        {"rulePriority": 2, "description": "Old images", "selection": tagged, "action": {"type": "expire"}},
    ]
