import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from models.errors import SpeechFailed
from models.speech.espeak import COMMAND, ROOT, EspeakProcess, Utterance


@pytest.fixture
def process() -> Iterator[EspeakProcess]:
    process = EspeakProcess()
    yield process
    process.close()


def say(process: EspeakProcess, text: str, voice: str = "en-US") -> Utterance:
    return process.speak(text, voice, rate_wpm=160, pitch=50, pitch_range=50)


def ended(pid: int) -> bool:
    """Waits for a process that is no child of ours."""
    waiting = ("tail", f"--pid={pid}", "-f", "/dev/null")
    return subprocess.run(waiting, timeout=20, check=False).returncode == 0


def test_it_starts_when_first_asked_and_is_kept(process: EspeakProcess) -> None:
    assert process.pid is None
    say(process, "one")
    first = process.pid
    say(process, "two")
    assert first is not None
    assert process.pid == first


def test_phonemes_and_words_lie_within_the_sound(process: EspeakProcess) -> None:
    utterance = say(process, "Hello wide world")
    samples = len(utterance.pcm) // 2
    starts = [start for start, _ in utterance.phonemes]
    assert [character for _, character in utterance.words] == [0, 6, 11]
    assert starts == sorted(starts)
    assert 0 < starts[0] < starts[-1] <= samples


def test_the_same_text_sounds_the_same_whatever_was_said_before(process: EspeakProcess) -> None:
    before = say(process, "The same again.")
    say(process, "Etwas anderes", "de")
    assert say(process, "The same again.") == before


@pytest.mark.parametrize("voice", ["en-US", "en-US+f2", "uk+victor", "en-US+whisper"])
def test_another_process_says_it_the_same_breath_and_all(
    process: EspeakProcess, voice: str
) -> None:
    other = EspeakProcess()
    assert say(process, "She sells sea shells.", voice) == say(
        other, "She sells sea shells.", voice
    )
    other.close()


def test_a_killed_process_is_replaced(process: EspeakProcess) -> None:
    say(process, "before")
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert say(process, "after").pcm


def test_death_in_mid_request_is_said_and_survived() -> None:
    dies = (sys.executable, "-c", "import sys; sys.stdin.buffer.read(4); sys.exit('out of luck')")
    process = EspeakProcess(command=dies)
    with pytest.raises(SpeechFailed, match=r"code 1 \(out of luck\).*try again"):
        process.listing()
    assert process.pid is None


def test_after_an_interrupted_request_nobody_gets_another_s_reply(
    process: EspeakProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a cancelled run does it to the process that its worker keeps."""
    expected = say(process, "mine")

    def interrupted(stream: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("models.speech.espeak.read_reply", interrupted)
        with pytest.raises(KeyboardInterrupt):
            say(process, "another's")
    assert say(process, "mine") == expected


def test_a_process_that_hangs_is_ended() -> None:
    process = EspeakProcess(
        command=(sys.executable, "-c", "import time; time.sleep(600)"), reply_timeout_s=0.2
    )
    with pytest.raises(SpeechFailed, match="code -9"):
        process.listing()


def test_a_fork_that_hangs_is_ended_too(tmp_path: Path) -> None:
    forked = tmp_path / "pid"
    hangs = f"""
import os, pathlib, time
if os.fork() == 0:
    pathlib.Path({str(forked)!r}).write_text(str(os.getpid()))
    time.sleep(600)
os.wait()
"""
    process = EspeakProcess(command=(sys.executable, "-c", hangs), reply_timeout_s=2)
    with pytest.raises(SpeechFailed, match="code -9"):
        process.listing()
    assert ended(int(forked.read_text()))


def test_an_unknown_voice_is_refused_by_the_library(process: EspeakProcess) -> None:
    with pytest.raises(SpeechFailed, match="no voice 'atlantean'"):
        say(process, "hello", "atlantean")
    assert say(process, "hello").pcm


def test_threads_share_it_without_mixing(process: EspeakProcess) -> None:
    texts = ["one", "seventy seven", "a longer sentence than the others"] * 6
    with ThreadPoolExecutor(6) as pool:
        together = list(pool.map(lambda text: say(process, text), texts))
    assert together == [say(process, text) for text in texts]


def test_it_ends_with_its_owner() -> None:
    owner = subprocess.run(
        (
            sys.executable,
            "-c",
            "import os; from models.speech.espeak import EspeakProcess; p = EspeakProcess();"
            "p.listing(); print(p.pid, flush=True); os._exit(9)",
        ),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=False,
    )
    assert ended(int(owner.stdout))


def test_the_process_imports_nothing_heavy() -> None:
    probe = (
        "import sys, models.speech.espeak_process;"
        "print(sorted({'numpy', 'torch', 'pydantic', 'asyncio'} & set(sys.modules)))"
    )
    result = subprocess.run(
        (COMMAND[0], "-c", probe), cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
    )
    assert result.stdout.strip() == "[]"


def test_only_the_process_module_touches_the_library() -> None:
    loaders = {
        path.name
        for path in (ROOT / "models").rglob("*.py")
        if "import espeakng_loader" in path.read_text(encoding="utf-8")
    }
    assert loaders == {"espeak_process.py"}
