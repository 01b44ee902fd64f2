"""`terraform validate` and `terraform test`, against mock providers: nothing is made.

TF_PLUGIN_MIRROR names a folder with registry.terraform.io/hashicorp/aws: nothing is fetched.
"""

import re
from pathlib import Path

import pytest

from tests.infra.terraform.modules import FOLDER, initialised, run

SIZES = ("small", "medium", "large")


@pytest.fixture(scope="module")
def terraform(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return initialised(tmp_path_factory.mktemp("terraform") / "modules")


def test_it_is_valid_and_formatted(terraform: Path) -> None:
    # with its tests it looks for the storage module's second provider in a state that there is not
    for command, *arguments in (("validate", "-no-tests"), ("fmt", "-check", "-recursive")):
        done = run(terraform, command, *arguments)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("size", SIZES)
def test_a_size_keeps_its_promises(terraform: Path, size: str) -> None:
    promised = len(re.findall(r"^run ", (FOLDER / "tests/promises.tftest.hcl").read_text(), re.M))
    done = run(terraform, "test", f"-var-file=sizes/{size}.tfvars")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"Success! {promised} passed" in done.stdout
