"""Cards are read through NVIDIA's own binding; its library is a small one of the same functions."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from infra.worker.gpus import Gpus
from infra.worker.metrics import text

LIBRARY = """
#include <string.h>
typedef struct { unsigned long long total, free, used; } memory;
typedef struct { unsigned int gpu, memory; } utilization;
static int card[2] = {0, 1};
int nvmlInit_v2(void) { return 0; }
int nvmlInitWithFlags(unsigned int flags) { return 0; }
int nvmlDeviceGetCount_v2(unsigned int *count) { *count = 2; return 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned int index, void **device) {
    if (index > 1) return 2;
    *device = &card[index];
    return 0;
}
int nvmlDeviceGetHandleByUUID(const char *uuid, void **device) {
    if (strcmp(uuid, "GPU-second")) return 6;
    *device = &card[1];
    return 0;
}
int nvmlDeviceGetMemoryInfo(void *device, memory *found) {
    found->total = 16ull << 30;
    found->used = *(int *)device ? 9ull << 30 : 1ull << 30;
    found->free = found->total - found->used;
    return 0;
}
int nvmlDeviceGetUtilizationRates(void *device, utilization *found) {
    if (LOST && *(int *)device == 0) return 15;
    found->gpu = *(int *)device ? 75 : 5;
    return 0;
}
"""
TELL = """
import sys
from infra.worker.gpus import Gpus
from infra.worker.metrics import text
print(text(Gpus([name for name in sys.argv[1:]] or [None]).measure()), end="")
"""


def told(folder: Path, *devices: str, lost: int = 0) -> dict[str, float]:
    """The samples of a process that finds the library, by name and labels."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("needs Debian's package gcc")
    source = folder / "nvml.c"
    source.write_text(LIBRARY, encoding="utf-8")
    options = ["-shared", "-fPIC", f"-DLOST={lost}", "-o", folder / "libnvidia-ml.so.1"]
    subprocess.run([str(part) for part in (compiler, *options, source)], check=True)
    done = subprocess.run(
        [sys.executable, "-c", TELL, *devices],
        env=os.environ | {"LD_LIBRARY_PATH": str(folder)},
        capture_output=True,
        text=True,
        check=True,
    )
    lines = (line for line in done.stdout.splitlines() if line and not line.startswith("#"))
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


def test_every_card_tells_its_memory_and_how_busy_it_is(tmp_path: Path) -> None:
    found = told(tmp_path)
    assert found['avatar_worker_gpu_memory_used_bytes{gpu="0"}'] == 1 << 30
    assert found['avatar_worker_gpu_memory_used_bytes{gpu="1"}'] == 9 << 30
    assert found['avatar_worker_gpu_memory_bytes{gpu="1"}'] == 16 << 30
    assert found['avatar_worker_gpu_busy_ratio{gpu="1"}'] == 0.75


@pytest.mark.parametrize("name", ["1", "GPU-second"])
def test_a_worker_tells_of_its_own_cards_only(tmp_path: Path, name: str) -> None:
    found = told(tmp_path, name)
    assert found[f'avatar_worker_gpu_busy_ratio{{gpu="{name}"}}'] == 0.75
    assert len(found) == 3


def test_a_card_that_is_lost_hides_no_other(tmp_path: Path) -> None:
    found = told(tmp_path, lost=1)
    assert {name.partition("{")[2] for name in found} == {'gpu="1"}'}


def test_a_machine_without_a_card_tells_of_none() -> None:
    assert text(Gpus([None]).measure()) == "\n"
