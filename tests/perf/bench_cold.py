"""`avatar` from the shell, nothing running before it: `python -m tests.perf.bench_cold`."""

import os
import subprocess
import sys
import time
from pathlib import Path

from tests.perf import scenes
from tests.perf.table import report

RUNS = 3
GOAL_S = 15.0
AVATAR = Path(sys.executable).with_name("avatar")


def main() -> None:
    portrait = str(scenes.astronaut())
    with scenes.work_folder() as folder:
        out, store = str(Path(folder) / "video.mp4"), str(Path(folder) / "store")
        seeds = range(RUNS)
        render = ["render", portrait, "--script", scenes.TEXT, "--output", out, "--seed"]
        cold = [seconds([*render, str(seed)], f"{store}-{seed}") for seed in seeds]
        again = [seconds([*render, str(seed)], f"{store}-{seed}") for seed in seeds]
        check = [seconds(["check", portrait], store) for _ in seeds]
        version = [seconds(["--version"], store) for _ in seeds]
    report(
        "cold",
        ["command", "best, seconds", "median, seconds", "goal"],
        [
            row("avatar render, 14 s of speech", cold, f"<= {GOAL_S} s"),
            row("the same request again", again),
            row("avatar check", check),
            row("avatar --version", version),
        ],
    )


def seconds(arguments: list[str], store: str) -> float:
    environment = os.environ | {"AVATAR_STORE": store}
    began = time.perf_counter()
    subprocess.run([AVATAR, *arguments], env=environment, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def row(name: str, runs: list[float], goal: str | None = None) -> list[object]:
    return [name, min(runs), sorted(runs)[len(runs) // 2], goal]


if __name__ == "__main__":
    main()
