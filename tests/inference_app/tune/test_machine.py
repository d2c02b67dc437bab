from pathlib import Path

from inference_app import execution
from inference_app.contract import ExecutionProvider
from inference_app.tune import machine


def test_the_processor_has_the_name_that_linux_gives_it(tmp_path: Path) -> None:
    source = tmp_path / "cpuinfo"
    source.write_text("processor\t: 0\nmodel name\t: Some CPU: v2\nprocessor\t: 1\nmodel name\t: Some CPU: v2\n")
    assert machine.cpu_name(source) == "Some CPU: v2"


def test_elsewhere_it_still_has_one(tmp_path: Path) -> None:
    assert machine.cpu_name(tmp_path / "missing") != ""


def test_a_machine_is_what_a_server_on_it_would_compare() -> None:
    here = machine.describe(ExecutionProvider.CPU)
    assert (here.execution_provider, here.cores) == (ExecutionProvider.CPU, execution.cores())
