"""`terraform validate` and `terraform test`, against mock providers: nothing is made.

TF_PLUGIN_MIRROR names a folder with registry.terraform.io/hashicorp/aws: nothing is fetched.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[3] / "infra" / "terraform"
SIZES = ("small", "medium", "large")


@pytest.fixture(scope="module")
def terraform(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An initialised copy of the modules."""
    mirror = os.environ.get("TF_PLUGIN_MIRROR")
    if shutil.which("terraform") is None or not mirror:
        pytest.skip("needs terraform, and TF_PLUGIN_MIRROR with the provider hashicorp/aws")
    copy = tmp_path_factory.mktemp("terraform") / "modules"
    shutil.copytree(FOLDER, copy, ignore=shutil.ignore_patterns(".terraform*"))
    done = run(copy, "init", "-backend=false", "-input=false", f"-plugin-dir={mirror}")
    assert done.returncode == 0, done.stderr
    return copy


def run(folder: Path, command: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    given = {name: value for name, value in os.environ.items() if name != "TF_CLI_CONFIG_FILE"}
    return subprocess.run(
        ["terraform", command, "-no-color", *arguments],
        cwd=folder,
        env=given | {"CHECKPOINT_DISABLE": "1"},
        capture_output=True,
        text=True,
    )


def test_it_is_valid_and_formatted(terraform: Path) -> None:
    # with its tests it looks for the storage module's second provider in a state that there is not
    for command, *arguments in (("validate", "-no-tests"), ("fmt", "-check", "-recursive")):
        done = run(terraform, command, *arguments)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("size", SIZES)
def test_a_size_keeps_its_promises(terraform: Path, size: str) -> None:
    done = run(terraform, "test", f"-var-file=sizes/{size}.tfvars")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"Success! 5 passed", done.stdout)


def test_a_machine_starts_by_a_script_that_shells_read() -> None:
    text = (FOLDER / "start.sh").read_text(encoding="utf-8").replace("$${", "${")
    assert subprocess.run(["bash", "-n"], input=text, text=True).returncode == 0
    assert "aws_secret" not in text.lower()
