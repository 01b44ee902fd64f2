"""NVIDIA's library as a small one of the same functions, read through NVIDIA's own binding."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

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


def library(folder: Path, lost: int = 0) -> dict[str, str]:
    """The environment of a process that finds two cards, or where it is `lost`, one."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("needs Debian's package gcc")
    source = folder / "nvml.c"
    source.write_text(LIBRARY, encoding="utf-8")
    options = ("-shared", "-fPIC", f"-DLOST={lost}", "-o", folder / "libnvidia-ml.so.1")
    subprocess.run([str(part) for part in (compiler, *options, source)], check=True)
    return {"LD_LIBRARY_PATH": str(folder)}


def cards(folder: Path, *devices: str, lost: int = 0) -> str:
    """What a worker with those cards tells of the ones that are named."""
    done = subprocess.run(
        [sys.executable, "-c", TELL, *devices],
        env=os.environ | library(folder, lost),
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout
