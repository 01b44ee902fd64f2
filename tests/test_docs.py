"""What the documents tell people to type exists: commands, options, targets, modules and files."""

import importlib.util
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from cli.main import app as avatar

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = (
    *("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "technical_analysis.md"),
    *(str(path.relative_to(ROOT)) for path in sorted((ROOT / "docs").glob("*.md"))),
)
PROGRAMS = ("avatar", "make", "prefect", "python")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def texts() -> Iterator[tuple[str, str]]:
    for name in DOCUMENTS:
        yield name, (ROOT / name).read_text(encoding="utf-8")


def typed() -> list[tuple[str, list[str]]]:
    """Document and words of each command of our own programs, in blocks and in running text."""
    found = []
    for name, text in texts():
        blocks = re.findall(r"^```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
        lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
        spans = re.findall(r"`([^`]+)`", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.M))
        for line in [*lines, *(" ".join(span.split()) for span in spans)]:
            words = words_of(line)
            if len(words) > 1 and words[0] in PROGRAMS:
                found.append((name, words))
    return found


def words_of(line: str) -> list[str]:
    """Without settings before it, what is piped after it, the remark and whatever it runs in."""
    try:
        words = shlex.split(re.split(r"\s\|\s|\s&&\s|;|\s#", line)[0])
    except ValueError:  # a quote that another line closes
        return []
    if "exec" in words[:-2] and words[0] in ("docker", "kubectl"):
        words = [word for word in words[words.index("exec") + 2 :] if word != "--"]
    while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
        words.pop(0)
    return [words[0].rpartition("/")[2], *words[1:]] if words else []


COMMANDS = typed()


def of(program: str) -> list[Any]:
    return [
        pytest.param(words, id=f"{name}: {' '.join(words)}")
        for name, words in COMMANDS
        if words[0] == program
    ]


@pytest.mark.parametrize("words", of("avatar"))
def test_an_avatar_command_and_its_options_exist(words: list[str]) -> None:
    command: Any = get_command(avatar)
    rest = words[1:]
    while rest and getattr(command, "commands", None):
        (name, *rest) = rest
        for one in name.split("|"):
            assert one in command.commands, f"avatar has no {one}"
        command = command.commands[name.split("|")[0]]
    known = {option for parameter in command.params for option in parameter.opts}
    known |= {option for parameter in command.params for option in parameter.secondary_opts}
    given = {word.partition("=")[0] for word in rest if re.match(r"--?[a-z]", word)}
    assert given <= known | {"--help", "--version", "--debug"}


@pytest.mark.parametrize("words", of("make"))
def test_a_target_exists(words: list[str]) -> None:
    for target in (word for word in words[1:] if "=" not in word):
        assert re.search(rf"^{re.escape(target)}:", MAKEFILE, re.MULTILINE), target


@pytest.mark.parametrize("words", of("python"))
def test_a_module_exists(words: list[str]) -> None:
    assert words[1] == "-m"
    assert importlib.util.find_spec(words[2]) is not None


@pytest.mark.parametrize("words", of("prefect"))
def test_a_command_of_prefect_exists(words: list[str]) -> None:
    asked = [word for word in words[1:] if not word.startswith("-")][:2]
    done = subprocess.run(
        [sys.executable, "-m", "prefect", *asked, "--help"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr + done.stdout


@pytest.mark.parametrize("name", DOCUMENTS)
def test_files_that_are_named_exist(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    folder = (ROOT / name).parent
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)(?:#[\w-]+)?\)", text)
    missing = [link for link in links if not (folder / link).exists()]
    named = re.findall(r"`((?:api|cli|docs|flows|infra|models|tasks|tests)/[\w./-]+)`", text)
    missing += [path for path in named if not (ROOT / path).exists()]
    assert not missing


def test_sections_that_are_linked_exist() -> None:
    for name, text in texts():
        for target, section in re.findall(r"\]\((?!https?:)([^)#]*)#([\w-]+)\)", text):
            other = ((ROOT / name).parent / target if target else ROOT / name).read_text("utf-8")
            headings = re.findall(r"^#+ (.*)$", other, re.MULTILINE)
            assert section in {slug(heading) for heading in headings}, f"{name}: {target}#{section}"


def slug(heading: str) -> str:
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def test_settings_that_are_named_exist() -> None:
    documented = (ROOT / ".env.example").read_text(encoding="utf-8")
    for name, text in texts():
        for setting in set(re.findall(r"`\$?(AVATAR_[A-Z_]+)(?:=[^`]*)?`", text)):
            assert f"{setting}=" in documented, f"{name}: {setting}"


def test_scripts_that_are_named_may_be_run() -> None:
    for script in ("infra/docker/images.sh", ".ci/run"):
        subprocess.run(["bash", "-n", str(ROOT / script)], check=True)
        assert (ROOT / script).stat().st_mode & 0o111
