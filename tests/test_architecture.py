"""What must stay true of the tree as a whole."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
HEAVY = ("torch", "cv2", "av", "scipy", "skimage")
LIGHT = ("cli.main", "flows.avatar_video", "tasks.render", "models.contracts", "models.errors")


def imported_with(module: str) -> set[str]:
    """The modules that a fresh interpreter has loaded after importing this one."""
    program = f"import sys, {module}; print(*sys.modules, sep='\\n')"
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(run.stdout.split())


@pytest.mark.parametrize("module", LIGHT)
def test_what_only_orders_or_describes_loads_nothing_heavy(module: str) -> None:
    assert imported_with(module).isdisjoint(HEAVY)


def test_the_command_loads_prefect_only_to_render() -> None:
    assert {"prefect", "numpy"}.isdisjoint(imported_with("cli.main"))


def test_the_lock_holds_hashes_and_no_accelerator_s_packages() -> None:
    lines = (ROOT / "requirements" / "lock.txt").read_text().splitlines()
    pins = [line for line in lines if line and not line.startswith((" ", "#"))]
    assert all("==" in pin and pin.endswith("\\") for pin in pins)
    assert not [pin for pin in pins if pin.startswith(("torch==", "nvidia-c", "cuda", "triton"))]


def test_the_lock_names_no_index_and_no_folder() -> None:
    text = (ROOT / "requirements" / "lock.txt").read_text()
    assert not any(word in text for word in ("--index", "--extra-index", "--find-links", "file://"))


def test_every_error_has_a_code_of_its_own() -> None:
    from models.errors import AvatarError

    def below(kind: type[AvatarError]) -> list[type[AvatarError]]:
        return [kind, *(found for child in kind.__subclasses__() for found in below(child))]

    codes = [kind.code for kind in below(AvatarError)]
    assert len(set(codes)) == len(codes)
