"""What the CronJobs run brings everything back: their own commands, with a real PostgreSQL and a real restic."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from infra.backups.kept import Kept, PostgresDatabase
from infra.backups.pods import DUMPS, backup_pod, restore_pod
from infra.clusters.cluster import BackupStore
from infra.settings.backups import BackupSettings
from tests.backups.postgres import HOW_TO_GET, IS_MISSING, PASSWORD, Postgres, as_nobody, give, postgres
from tests.processes import free_port
from tests.programs.built import MissingProgramError, program

pytestmark = [pytest.mark.slow, pytest.mark.skipif(IS_MISSING, reason=HOW_TO_GET)]

# The shape of MLflow's own tables: keys that point at each other, numbers that no text keeps, a sequence, an index.
TABLES = """
CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY);
CREATE TABLE experiments (experiment_id serial PRIMARY KEY, name varchar(256) UNIQUE NOT NULL);
CREATE TABLE runs (run_uuid varchar(32) PRIMARY KEY, experiment_id int REFERENCES experiments, model bytea);
CREATE TABLE metrics (run_uuid varchar(32) REFERENCES runs, key varchar(250), value double precision, step bigint,
    PRIMARY KEY (run_uuid, key, step));
CREATE INDEX by_step ON metrics (step);
INSERT INTO alembic_version VALUES ('1b5f0d9ad7c1');
INSERT INTO experiments (name) VALUES ('digits'), ('naïve ''quoted'' — 数');
INSERT INTO runs SELECT md5(n::text), 1 + n % 2, decode(md5(n::text), 'hex') FROM generate_series(1, 200) AS n;
INSERT INTO metrics SELECT md5(n::text), 'loss', CASE n % 3 WHEN 0 THEN 'NaN' ELSE 1.0 / n END, n
    FROM generate_series(1, 200) AS n;
"""
EMPTY = """
DROP SCHEMA public CASCADE; CREATE SCHEMA public AUTHORIZATION pg_database_owner;
GRANT USAGE ON SCHEMA public TO PUBLIC;
"""
EVERY_ROW = """
SELECT * FROM alembic_version; SELECT * FROM experiments ORDER BY 1; SELECT * FROM runs ORDER BY 1;
SELECT * FROM metrics ORDER BY 1, 2, 4; SELECT last_value FROM experiments_experiment_id_seq;
SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1;
SELECT nspowner::regrole, nspacl FROM pg_namespace WHERE nspname = 'public';
"""


@dataclass(frozen=True, kw_only=True)
class Place:
    """A workload on this machine: its database, its folder of files, and the repository of its backups."""

    folder: Path
    server: Postgres
    restic: Path

    @property
    def kept(self) -> Kept:
        database = PostgresDatabase(
            host="127.0.0.1", port=self.server.port, name="mlflow", login="login", key="password", size="1Gi", peer={}
        )
        return Kept(namespace="mlflow", folders={"artifacts": str(self.artifacts)}, database=database)

    @property
    def artifacts(self) -> Path:
        return self.folder / "artifacts"

    @property
    def repository(self) -> Path:
        return self.folder / "repository"

    @property
    def _store(self) -> BackupStore:
        return BackupStore(repository=str(self.repository), egress=[])

    def back_up(self, keep_days: int = 35) -> str:
        """What the scheduled CronJob's pod does; what it wrote. Raises CalledProcessError."""
        settings = BackupSettings.model_validate({"keepDays": keep_days}, strict=False)
        return self._run(backup_pod(settings, self.kept, self._store, "backup"))

    def restore(self, snapshot: str | None = None) -> str:
        """What the other one's does. Raises CalledProcessError."""
        return self._run(restore_pod(self.kept, self._store, "backup"), snapshot)

    def _run(self, pod: Any, snapshot: str | None = None) -> str:
        """A pod's containers, one after the other, each beginning with an empty folder for the dump."""
        dumps = self.folder / "dump"
        shutil.rmtree(dumps, ignore_errors=True)
        dumps.mkdir()
        give(dumps)
        said = ""
        for container in [*pod["init_containers"], *pod["containers"]]:
            values = {each["name"]: each.get("value", PASSWORD) for each in container["env"]}
            if snapshot:
                values["SNAPSHOT"] = snapshot
            said += self.execute(container["command"], values)
        return said

    def execute(self, command: Sequence[str], values: dict[str, str]) -> str:
        """Run a container's command here. Raises CalledProcessError."""
        here = {name: value.replace(DUMPS, f"{self.folder}{DUMPS}", 1) for name, value in values.items()}
        arguments = [part if "\n" in part else part.replace(DUMPS, f"{self.folder}{DUMPS}") for part in command]
        path = f"{self.restic.parent}{os.pathsep}{self.server.environment['PATH']}"
        environment = {**here, "PATH": path, "HOME": str(self.folder / "home")}
        done = subprocess.run(
            as_nobody(arguments), env=environment, check=False, capture_output=True, text=True, timeout=120
        )
        if done.returncode:
            raise subprocess.CalledProcessError(done.returncode, command[0], done.stdout, done.stderr)
        return done.stdout

    def ask_restic(self, *arguments: str) -> str:
        """What restic itself says of the repository."""
        values = {"RESTIC_REPOSITORY": str(self.repository), "RESTIC_HOST": "mlflow"}
        return self.execute(["restic", "--insecure-no-password", *arguments], values)

    def snapshots(self) -> list[str]:
        """IDs, the oldest first."""
        listed = self.ask_restic("snapshots", "--compact").splitlines()
        return [line.split()[0] for line in listed if line.split()[1:2] and line.split()[1].startswith("20")]


@pytest.fixture(scope="module")
def server() -> Generator[tuple[Path, Postgres]]:
    """A server, and the folder that all can see where it is; pytest's is root's alone where root runs the tests."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "postgres").mkdir()
        with postgres(folder / "postgres", "mlflow") as running:
            yield folder, running


@pytest.fixture
def filled(server: tuple[Path, Postgres]) -> Generator[Place]:
    """A workload with some rows and a file, and no backup yet."""
    try:
        restic = program("restic")
    except MissingProgramError as missing:
        pytest.skip(str(missing))
    parent, running = server
    with tempfile.TemporaryDirectory(dir=parent) as name:
        found = Place(folder=Path(name), server=running, restic=restic)
        found.server.ask(EMPTY + TABLES)
        model = found.artifacts / "1" / "abc" / "model.onnx"
        model.parent.mkdir(parents=True)
        model.write_bytes(bytes(range(256)) * 400)
        (found.folder / "home").mkdir()
        for path in [found.folder, *found.folder.rglob("*")]:
            give(path)
        yield found


def test_every_row_and_every_file_comes_back(filled: Place) -> None:
    rows, model = filled.server.ask(EVERY_ROW), filled.artifacts / "1" / "abc" / "model.onnx"
    content = model.read_bytes()
    filled.back_up()

    filled.server.ask("DROP TABLE metrics; DELETE FROM runs WHERE experiment_id = 2; CREATE TABLE later (id int);")
    model.write_bytes(b"damaged")
    filled.restore()

    assert len(rows) > 400
    assert filled.server.ask(EVERY_ROW) == rows
    assert filled.server.ask("SELECT to_regclass('later');") == [""], "what came after the backup is gone again"
    assert filled.server.ask("INSERT INTO experiments (name) VALUES ('next') RETURNING experiment_id;") == ["3"]
    assert model.read_bytes() == content


def test_a_new_database_and_a_new_volume_are_filled(filled: Place) -> None:
    rows = filled.server.ask(EVERY_ROW)
    filled.back_up()

    filled.server.ask("DROP SCHEMA public CASCADE; CREATE SCHEMA public;")
    shutil.rmtree(filled.artifacts / "1")
    filled.restore()
    filled.back_up()
    filled.restore()

    assert filled.server.ask(EVERY_ROW) == rows, "also from a backup of what was restored"
    assert (filled.artifacts / "1" / "abc" / "model.onnx").is_file()


def test_the_newest_backup_is_taken_unless_another_is_named(filled: Place) -> None:
    filled.back_up()
    filled.server.ask("INSERT INTO experiments (name) VALUES ('second');")
    filled.back_up()
    filled.server.ask("DELETE FROM metrics; DELETE FROM runs; DELETE FROM experiments;")

    filled.restore()
    newest = filled.server.ask("SELECT count(*) FROM experiments;")
    filled.restore(filled.snapshots()[0])
    oldest = filled.server.ask("SELECT count(*) FROM experiments;")

    assert (newest, oldest) == (["3"], ["2"])


def test_only_what_is_older_than_was_asked_for_is_forgotten(filled: Place) -> None:
    filled.back_up()
    (last,) = filled.snapshots()
    for age in (40, 20, 3):
        when = subprocess.run(
            ["date", "-d", f"-{age} days", "+%F %T"], check=True, capture_output=True, text=True
        ).stdout.strip()
        filled.ask_restic("backup", "--time", when, str(filled.artifacts))
    old = set(filled.snapshots()) - {last}

    filled.back_up(keep_days=35)
    left = filled.snapshots()

    assert len(old & set(left)) == 2
    assert last in left
    assert len(left) == 4


def test_a_database_that_does_not_answer_leaves_the_old_backups_and_says_so(filled: Place) -> None:
    filled.back_up()
    before = filled.snapshots()
    away = replace(filled, server=replace(filled.server, port=free_port()))

    with pytest.raises(subprocess.CalledProcessError) as failed:
        away.back_up(keep_days=1)

    assert "pg_dump: error" in failed.value.stderr
    assert filled.snapshots() == before


def test_a_backup_that_lost_a_byte_is_refused_and_nothing_changes(filled: Place) -> None:
    filled.back_up()
    packs = [path for path in (filled.repository / "data").rglob("*") if path.is_file()]
    largest = max(packs, key=lambda path: path.stat().st_size)
    content = bytearray(largest.read_bytes())
    content[len(content) // 2] ^= 1
    largest.chmod(0o600)
    largest.write_bytes(content)
    filled.server.ask("INSERT INTO experiments (name) VALUES ('since');")
    rows = filled.server.ask(EVERY_ROW)

    with pytest.raises(subprocess.CalledProcessError) as refused:
        filled.restore()

    assert "decrypting blob" in refused.value.stderr
    assert filled.server.ask(EVERY_ROW) == rows


def test_a_dump_that_breaks_off_is_refused_and_nothing_changes(filled: Place) -> None:
    pod: Any = restore_pod(filled.kept, BackupStore(repository="", egress=[]), "backup")
    (load,) = pod["containers"]
    dump = filled.folder / "broken.dump"
    subprocess.run(
        ["pg_dump", "--format=custom", f"--file={dump}"], env=dict(filled.server.environment), check=True, timeout=60
    )
    dump.write_bytes(dump.read_bytes()[:-500])
    dump.chmod(0o644)
    rows = filled.server.ask(EVERY_ROW)

    with pytest.raises(subprocess.CalledProcessError) as refused:
        filled.execute(load["command"], {**filled.server.environment, "DUMP": str(dump)})

    assert "pg_restore: error" in refused.value.stderr
    assert filled.server.ask(EVERY_ROW) == rows
