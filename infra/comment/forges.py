"""Where a comment goes: GitHub or GitLab, by the variables that their pipelines set."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlencode

from infra.comment.api import Api, CommentError


class Forge(Protocol):
    """Where the request for review is."""

    def comments(self) -> Iterator[tuple[str, str]]:
        """Yield the address and the text of each comment of our own."""
        ...

    def create(self, text: str) -> None:
        """Write a new one."""
        ...

    def update(self, address: str, text: str) -> None:
        """Write one anew."""
        ...


@dataclass(frozen=True, kw_only=True)
class GitHub:
    """https://docs.github.com/en/rest/issues/comments"""

    api: Api
    repository: str
    number: int

    def comments(self) -> Iterator[tuple[str, str]]:
        """Yield those of bots: anybody may write the mark."""
        for each in self.api.all(f"/repos/{self.repository}/issues/{self.number}/comments"):
            if each["user"]["type"] == "Bot":
                yield f"/repos/{self.repository}/issues/comments/{each['id']}", each["body"]

    def create(self, text: str) -> None:
        """Write a new one."""
        self.api.ask("POST", f"/repos/{self.repository}/issues/{self.number}/comments", {"body": text})

    def update(self, address: str, text: str) -> None:
        """Write one anew."""
        self.api.ask("PATCH", address, {"body": text})


@dataclass(frozen=True, kw_only=True)
class GitLab:
    """https://docs.gitlab.com/api/notes/#merge-requests"""

    api: Api
    notes: str

    def comments(self) -> Iterator[tuple[str, str]]:
        """Yield those of the token's own user: anybody may write the mark."""
        me = self.api.ask("GET", "/user")["id"]
        for each in self.api.all(self.notes):
            if each["author"]["id"] == me:
                yield f"{self.notes}/{each['id']}", each["body"]

    def create(self, text: str) -> None:
        """Write a new one."""
        self.api.ask("POST", self.notes, {"body": text})

    def update(self, address: str, text: str) -> None:
        """Write one anew."""
        self.api.ask("PUT", address, {"body": text})


def forge(environment: Mapping[str, str]) -> Forge:
    """The one whose pipeline this is, by its variables. Raises `CommentError` for one that lacks something."""
    try:
        return _gitlab(environment) if "GITLAB_CI" in environment else _github(environment)
    except KeyError as error:
        raise CommentError(f"{error.args[0]} is not set; docs/pipelines.md says where it comes from") from None


def _gitlab(environment: Mapping[str, str]) -> GitLab:
    api = Api(url=environment["CI_API_V4_URL"], headers={"PRIVATE-TOKEN": environment["COMMENT_TOKEN"]})
    project, number = environment["CI_PROJECT_ID"], environment["CI_MERGE_REQUEST_IID"]
    return GitLab(api=api, notes=f"/projects/{project}/merge_requests/{number}/notes")


def _github(environment: Mapping[str, str]) -> GitHub:
    headers = {"Authorization": f"Bearer {environment['COMMENT_TOKEN']}", "Accept": "application/vnd.github+json"}
    api, repository = Api(url=environment["GITHUB_API_URL"], headers=headers), environment["GITHUB_REPOSITORY"]
    return GitHub(api=api, repository=repository, number=_pull_request(api, repository, environment))


def _pull_request(api: Api, repository: str, environment: Mapping[str, str]) -> int:
    """The open one with the branch and the commit that the event names: what its own run says is not to be trusted."""
    commit, query = environment["HEAD_COMMIT"], urlencode({"state": "open", "head": environment["HEAD_BRANCH"]})
    found = [
        each["number"] for each in api.ask("GET", f"/repos/{repository}/pulls?{query}") if each["head"]["sha"] == commit
    ]
    if not found:
        raise CommentError(f"no open pull request of {environment['HEAD_BRANCH']} is at {commit}; a newer run comments")
    return found[0]
