"""Terraform on a copy of the modules, with the provider out of a mirror."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[3] / "infra" / "terraform"


def initialised(copy: Path) -> Path:
    """Skips without terraform, or without TF_PLUGIN_MIRROR, a folder with hashicorp/aws."""
    mirror = os.environ.get("TF_PLUGIN_MIRROR")
    if shutil.which("terraform") is None or not mirror:
        pytest.skip("needs terraform, and TF_PLUGIN_MIRROR with the provider hashicorp/aws")
    shutil.copytree(FOLDER, copy, ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*"))
    done = run(copy, "init", "-backend=false", "-input=false", f"-plugin-dir={mirror}")
    assert done.returncode == 0, done.stderr
    return copy


def run(
    folder: Path, command: str, *arguments: str, **given: str
) -> subprocess.CompletedProcess[str]:
    """`given` goes into the environment."""
    kept = {name: value for name, value in os.environ.items() if name != "TF_CLI_CONFIG_FILE"}
    return subprocess.run(
        ["terraform", command, "-no-color", *arguments],
        cwd=folder,
        env=kept | {"CHECKPOINT_DISABLE": "1"} | given,
        capture_output=True,
        text=True,
    )
