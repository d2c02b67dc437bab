import re

import pytest

from benchmarks.serving import contenders, environments
from benchmarks.serving.contenders import CONTENDERS

FOLDERS = sorted({contender.folder for contender in CONTENDERS if contender.folder})


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_peer_s_folder_holds_its_server_and_exact_versions(folder: str) -> None:
    assert (environments.PEERS / folder / "server.py").is_file()
    lines = (environments.PEERS / folder / "requirements.txt").read_text().splitlines()
    packages = [line for line in lines if not line.startswith("#")]
    assert packages
    assert [line for line in packages if not re.fullmatch(r"[a-z0-9.-]+==[^ ]+( ; .*)?", line)] == []


def test_every_peer_runs_the_model_with_the_same_onnx_runtime() -> None:
    lines = [(environments.PEERS / folder / "requirements.txt").read_text().splitlines() for folder in FOLDERS]
    pins = [line for packages in lines for line in packages if line.startswith("onnxruntime==")]
    assert len(pins) == len(FOLDERS)
    assert len(set(pins)) == 1


def test_ours_and_the_limit_run_beside_the_named_peers() -> None:
    assert [each.name for each in contenders.named(["triton"])] == ["ours", "limit", "triton"]


def test_all_run_when_none_is_named() -> None:
    assert contenders.named(None) == list(CONTENDERS)


def test_an_unknown_peer_is_refused_with_those_there_are() -> None:
    with pytest.raises(SystemExit, match="no peer is named nginx; there are ours, limit"):
        contenders.named(["nginx"])
