"""The owner's side of the speech process: started when first needed, kept, restarted if it dies."""

import atexit
import os
import signal
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from models.errors import SpeechFailed
from models.speech.espeak_protocol import Json, read_reply, write_message

ROOT = Path(__file__).resolve().parents[2]
COMMAND = (sys.executable, "-m", "models.speech.espeak_process")
REPLY_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Utterance:
    """One text as the engine spoke it; positions are samples and characters from its start."""

    pcm: bytes  # mono little-endian 16-bit
    sample_rate_hz: int
    phonemes: tuple[tuple[int, str], ...]  # (first sample, IPA), "" a pause
    words: tuple[tuple[int, int], ...]  # (first sample, first character)


class EspeakProcess:
    """One speech process, shared by the threads of this one. Raises SpeechFailed when it dies."""

    def __init__(
        self, command: tuple[str, ...] = COMMAND, reply_timeout_s: float = REPLY_TIMEOUT_S
    ) -> None:
        self._command = command
        self._reply_timeout_s = reply_timeout_s
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._owner_pid = os.getpid()
        self._log: IO[bytes] | None = None
        self._listing: Json | None = None
        atexit.register(self.close)

    def listing(self) -> Json:
        """The library's voices and variants, asked for once."""
        if self._listing is None:
            self._listing = self._ask({"op": "voices"})[0]
        return self._listing

    def speak(
        self, text: str, voice: str, rate_wpm: int, pitch: int, pitch_range: int
    ) -> Utterance:
        """`voice` is the library's own file name; pitch and range are 0..99."""
        request = {"op": "speak", "text": text, "voice": voice}
        reply, pcm = self._ask(
            {**request, "rate_wpm": rate_wpm, "pitch": pitch, "range": pitch_range}
        )
        return Utterance(
            pcm=pcm,
            sample_rate_hz=reply["sample_rate_hz"],
            phonemes=tuple((sample, ipa) for sample, ipa in reply["phonemes"]),
            words=tuple((sample, character) for sample, character in reply["words"]),
        )

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def close(self) -> None:
        """End the process; the next request starts another."""
        process, self._process = self._process, None
        if process is None or self._owner_pid != os.getpid():
            return
        _kill(process)
        process.wait()
        for stream in (process.stdin, process.stdout, self._log):
            if stream:
                with suppress(BrokenPipeError):  # closing flushes what a dead process never read
                    stream.close()
        self._log = None

    def _ask(self, request: Json) -> tuple[Json, bytes]:
        with self._lock:
            reply = self._exchange(self._running(), request)
        if "error" in reply[0]:
            raise SpeechFailed(f"espeak-ng failed: {reply[0]['error']}; try another voice")
        return reply

    def _running(self) -> "subprocess.Popen[bytes]":
        if self._owner_pid != os.getpid():  # a fork shares the pipes: leave them to the parent
            self._owner_pid, self._process = os.getpid(), None
        if self._process is not None and self._process.poll() is not None:
            self.close()
        if self._process is None:
            self._log = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._log,
                cwd=ROOT,
                start_new_session=True,
            )
        return self._process

    def _exchange(self, process: "subprocess.Popen[bytes]", request: Json) -> tuple[Json, bytes]:
        if process.stdin is None or process.stdout is None:
            raise SpeechFailed("the speech process has no pipes; try again")
        watchdog = threading.Timer(self._reply_timeout_s, _kill, (process,))
        watchdog.start()
        try:
            write_message(process.stdin, request)
            reply = read_reply(process.stdout)
        except BrokenPipeError:
            reply = None
        except BaseException:  # a cancel, say: the next request must not read this one's reply
            self.close()
            raise
        finally:
            watchdog.cancel()
        if reply is None:
            raise self._death(process)
        return reply

    def _death(self, process: "subprocess.Popen[bytes]") -> SpeechFailed:
        _kill(process)
        code = process.wait()
        last_words = self._last_words()
        self.close()
        return SpeechFailed(
            f"the speech process ended with code {code}{last_words}; try again, it starts anew"
        )

    def _last_words(self) -> str:
        if self._log is None:
            return ""
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        return f" ({lines[-1][:200]})" if lines else ""


def _kill(process: "subprocess.Popen[bytes]") -> None:
    """Ends the process and the fork in which it answers."""
    if process.returncode is None:  # else its number may already be another's
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
