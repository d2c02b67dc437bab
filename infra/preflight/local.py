"""What `up` needs on this machine."""

import shutil
import subprocess
from collections.abc import Iterator

from infra.preflight.answer import Answer, Question, Section, failed, ok
from infra.preview import Plan
from infra.pulumi_cli import missing

BLOCKS = {
    "aws:eks/cluster:Cluster": "eks",
    "azure-native:containerservice:ManagedCluster": "aks",
    "docker:index/container:Container": "local",
}
"""The block of the stack file that each type comes from."""

BUILT = "docker-build:index:Image"


def section(plan: Plan) -> Section:
    """The programs that the plan's blocks need, and the daemon that builds its images."""
    questions = [Question("programs", lambda: _programs(plan))]
    if plan.of_type(BUILT):
        questions.append(Question("Docker", _builds))
    return Section(title="This machine", questions=questions)


def _programs(plan: Plan) -> Iterator[Answer]:
    blocks = {block for token, block in BLOCKS.items() if plan.of_type(token)}
    lacking = list(missing(blocks))
    yield from (failed("programs", sentence, "install it") for sentence in lacking)
    if not lacking:
        yield ok("programs", f"{', '.join(sorted(blocks)) or 'nothing'} can be reached from here")


def _builds() -> Iterator[Answer]:
    asked, docker = "Docker builds images", shutil.which("docker")
    if docker is None:
        yield failed(asked, "docker is not on PATH", "install Docker, or name an image by digest in image.digest")
        return
    command = [docker, "version", "--format", "{{.Server.Version}}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    if done.returncode:
        yield failed(asked, " ".join(done.stderr.split())[:200], "start Docker, or set DOCKER_HOST")
    else:
        yield ok(asked, f"a daemon of version {done.stdout.strip()} answers")
