"""`make walk`: the README's commands, pasted into a fresh clone one after another.

Only Python's own library is used: nothing is set up before the README says so. What cannot run on
any machine is told with its reason; a command that fails ends the walk.
"""

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
API = "http://127.0.0.1:8005"  # where the README says that `make up` serves it
COMMAND_S, READY_S, STOP_S, WATCH_S = 1800.0, 600.0, 120.0, 15.0
OURS = re.compile(r"AVATAR_|PREFECT_|DATABASE_URL|REDIS_URL|VIRTUAL_ENV|PYTHON|MAKE|PYTEST|COV_")
NOT_HERE = {  # first word: why
    "docker": "needs a container engine: see `make images`",
    "kubectl": "needs a cluster",
    "terraform": "needs an account",
}
MAKE_INPUTS = """
import av, sys
from PIL import Image
Image.open("out/astronaut.png").convert("RGB").save("portrait.jpg")
with av.open("out/demo.mp4") as film, av.open("talk.mp3", "w") as out:
    stream = out.add_stream("mp3", 44100)
    resampler = av.AudioResampler(format=stream.format, layout="mono", rate=44100)
    for frame in film.decode(audio=0):
        for part in resampler.resample(frame):
            out.mux(stream.encode(part))
    out.mux(stream.encode(None))
"""


@dataclass
class Walk:
    """In a clone, with an environment in which nothing of ours is set."""

    folder: Path
    env: dict[str, str]

    def paste(self, command: str, **more: str) -> str:
        """Run it as a shell does; its standard output. Raises SystemExit where it fails."""
        began = time.monotonic()
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-ec", command],
            cwd=self.folder,
            env=self.env | more,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=COMMAND_S,
            check=False,
        )
        shown = command if "\n" not in command else command.splitlines()[0] + " …"
        if done.returncode:
            tell(f"FAILED {shown}\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
            raise SystemExit(1)
        tell(f"{time.monotonic() - began:7.1f} s  {shown}")
        return done.stdout

    def paste_all(self, commands: list[str]) -> None:
        for command in commands:
            reason = not_here(command, self.env)
            if reason:
                tell(f"{'skipped':>9}  {command}: {reason}")
            else:
                self.paste(command)

    @contextmanager
    def going_on(self, command: str, until_said: str = "") -> Iterator[None]:
        """In a terminal of its own; Ctrl-C at the end, and then it must end well."""
        log = self.folder.with_name("terminal.log")
        with log.open("wb") as out:
            process = subprocess.Popen(
                ["bash", "-c", f"exec {command}"],
                cwd=self.folder,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            began = time.monotonic()
            while until_said not in log.read_text(encoding="utf-8", errors="replace"):
                if process.poll() is not None or time.monotonic() - began > READY_S:
                    raise SystemExit(f"FAILED {command}\n{log.read_text()[-4000:]}")
                time.sleep(0.5)
            tell(f"{time.monotonic() - began:7.1f} s  {command}")
            yield
            os.killpg(process.pid, signal.SIGINT)
            process.wait(STOP_S)
            tell(f"{'Ctrl-C':>9}  {command}: status {process.returncode}")
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def walk(readme: str, here: Walk) -> None:
    """Each section in its order; the one for programs against what `make up` started."""
    first, *rest = commands(section(readme, ""))
    here.paste(first)
    here.paste(
        f"python - <<'END'{MAKE_INPUTS}END\ncp portrait.jpg me.jpg; cp demo/script.txt talk.txt"
    )
    (here.folder / "speech.txt").write_text("Hello, I am new here.", encoding="utf-8")
    here.paste_all(rest)
    here.paste_all(commands(section(readme, "What it does")))
    up, *beside = commands(section(readme, "On a server"))
    with here.going_on(up, "all      ready"):
        for command in beside:
            if "autoscale" in command:
                with here.going_on(command):
                    time.sleep(WATCH_S)
            else:
                here.paste(command)
        programs(readme, here)
    here.paste_all(commands(section(readme, "On a fleet")))


def programs(readme: str, here: Walk) -> None:
    text = section(readme, "From a program")
    key = here.paste("avatar keys create newcomer").strip()
    given = {"AVATAR_API": API, "AVATAR_API_KEY": key}
    here.paste(blocks(text, "sh")[0], **given)
    here.paste(f"python - <<'END'\n{blocks(text, 'python')[0]}END", **given)


def section(readme: str, heading: str) -> str:
    """Up to the next heading of any kind; the empty heading is the beginning."""
    text = readme if not heading else readme.partition(f"\n## {heading}\n")[2]
    if not text:
        raise SystemExit(f"the README has no section {heading!r}")
    return re.split(r"\n##+ ", text)[0]


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def commands(text: str) -> list[str]:
    """One a line, a continued one joined, without the remark behind it."""
    joined = "\n".join(blocks(text, "sh")).replace("\\\n", " ")
    lines = (re.sub(r"\s{2,}#.*|\s+$", "", line) for line in joined.splitlines())
    return [" ".join(line.split()) for line in lines if line]


def not_here(command: str, env: Mapping[str, str]) -> str | None:
    if "--topic" in command and "MISTRAL_API_KEY" not in env:
        return "needs MISTRAL_API_KEY"
    return NOT_HERE.get(command.split()[0])


def environment(folder: Path) -> dict[str, str]:
    """This one without what is ours: pip's settings and certificates stay."""
    kept = {name: value for name, value in os.environ.items() if not OURS.match(name)}
    return kept | {"PATH": f"{folder}/.venv/bin:{os.environ['PATH']}"}


def tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--keep", type=Path, help="clone here, and leave it")
    kept: Path | None = parser.parse_args().keep
    for program in ("git", "make", "curl", "jq"):
        if shutil.which(program) is None:
            sys.exit(f"the walk needs {program}")
    # a shell's background jobs ignore Ctrl-C, and so would all that is started here
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="avatar-walk-") as name:
        folder = (kept or Path(name) / "clone").absolute()
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
        began = time.monotonic()
        here = Walk(folder, environment(folder))
        walk((folder / "README.md").read_text(encoding="utf-8"), here)
    tell(f"{time.monotonic() - began:7.1f} s  the README's commands work")


if __name__ == "__main__":
    main()
