"""The only module that touches espeak-ng (GPL-3); it runs as a process of its own.

    python -m models.speech.espeak_process

One request on stdin, one reply on stdout, until stdin ends; framed as espeak_protocol says.

    {"op": "voices"}
        -> {"voices": [{"identifier", "name", "languages": [[priority, tag]], "gender"}],
            "variants": [...]}
    {"op": "speak", "text", "voice", "rate_wpm", "pitch", "range"}
        -> {"sample_rate_hz", "phonemes": [[sample, ipa]], "words": [[sample, character]],
            "pcm_bytes"}, mono little-endian 16-bit
    anything that fails -> {"error": "..."}

The library keeps global state and is not thread-safe: one request at a time. Nothing heavy is
imported, so that the process starts in a few hundredths of a second.
"""

import ctypes
import os
import sys
from typing import IO

import espeakng_loader

from models.speech.espeak_protocol import Json, read_message, write_message

_SYNCHRONOUS, _BUFFER_MS = 2, 200
_PHONEME_EVENTS, _PHONEME_IPA, _DONT_EXIT = 0x1, 0x2, 0x8000
_RATE, _PITCH, _RANGE = 1, 3, 4
_CHARS_UTF8, _POSITION_CHARACTER = 1, 1
_WORD_EVENT, _PHONEME_EVENT = 1, 7
_SEED = 1
_GENDERS = ("unknown", "male", "female")


class _EventId(ctypes.Union):
    _fields_ = (
        ("number", ctypes.c_int),
        ("name", ctypes.c_char_p),
        ("string", ctypes.c_char * 8),
    )


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _EventId),
    )


class _Voice(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_void_p),
        ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte),
        ("age", ctypes.c_ubyte),
        ("variant", ctypes.c_ubyte),
        ("xx1", ctypes.c_ubyte),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    )


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


class Engine:
    """espeak-ng, loaded once."""

    def __init__(self) -> None:
        self._data = espeakng_loader.get_data_path()
        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        self._library.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(_Voice))
        options = _PHONEME_EVENTS | _PHONEME_IPA | _DONT_EXIT
        self.sample_rate_hz = int(
            self._library.espeak_Initialize(
                _SYNCHRONOUS, _BUFFER_MS, os.fsencode(self._data), options
            )
        )
        if self.sample_rate_hz <= 0:
            raise RuntimeError(f"espeak-ng cannot read its data in {self._data}")
        self._pcm = bytearray()
        self._phonemes: list[tuple[int, str]] = []
        self._words: list[tuple[int, int]] = []
        self._callback = _Callback(self._collect)
        self._library.espeak_SetSynthCallback(self._callback)

    def voices(self) -> Json:
        listed = self._library.espeak_ListVoices(None)
        voices = []
        index = 0
        while listed[index]:
            voices.append(_describe(listed[index].contents))
            index += 1
        folder = os.path.join(self._data, "voices", "!v")
        return {"voices": voices, "variants": sorted(os.listdir(folder))}

    def speak(self, text: str, voice: str, rate_wpm: int, pitch: int, pitch_range: int) -> Json:
        self._pcm, self._phonemes, self._words = bytearray(), [], []
        self._library.espeak_ng_SetRandSeed(ctypes.c_long(_SEED))  # breath is noise
        if self._library.espeak_SetVoiceByName(voice.encode()):
            raise LookupError(f"espeak-ng has no voice {voice!r}")
        for parameter, value in ((_RATE, rate_wpm), (_PITCH, pitch), (_RANGE, pitch_range)):
            self._library.espeak_SetParameter(parameter, value, 0)
        data = text.encode()
        code = self._library.espeak_Synth(
            data, len(data) + 1, 0, _POSITION_CHARACTER, 0, _CHARS_UTF8, None, None
        )
        if code:
            raise RuntimeError(f"espeak_Synth returned {code}")
        return {
            "sample_rate_hz": self.sample_rate_hz,
            "phonemes": self._phonemes,
            "words": self._words,
            "pcm_bytes": len(self._pcm),
        }

    @property
    def pcm(self) -> bytes:
        return bytes(self._pcm)

    def _collect(
        self, samples: "ctypes._Pointer[ctypes.c_short]", count: int, events: object
    ) -> int:
        if samples and count:
            self._pcm += ctypes.string_at(samples, 2 * count)
        index = 0
        while (event := events[index]).type:  # type: ignore[index]
            if event.type == _PHONEME_EVENT:
                name = event.id.string.decode(errors="ignore")  # eight bytes can cut a letter
                self._phonemes.append((event.sample, name))
            elif event.type == _WORD_EVENT:
                self._words.append((event.sample, event.text_position - 1))
            index += 1
        return 0


def _describe(voice: _Voice) -> Json:
    gender = _GENDERS[voice.gender] if voice.gender < len(_GENDERS) else _GENDERS[0]
    return {
        "identifier": voice.identifier.decode(),
        "name": voice.name.decode().strip(),
        "languages": _languages(voice.languages),
        "gender": gender,
    }


def _languages(address: int) -> list[tuple[int, str]]:
    """A run of (priority byte, zero-ended tag), closed by a priority of zero."""
    languages = []
    while priority := ctypes.c_ubyte.from_address(address).value:
        tag = ctypes.string_at(address + 1)
        languages.append((priority, tag.decode()))
        address += len(tag) + 2
    return languages


def _answer(engine: Engine, request: Json) -> tuple[Json, bytes]:
    if request.get("op") == "voices":
        return engine.voices(), b""
    if request.get("op") == "speak":
        reply = engine.speak(
            str(request["text"]),
            str(request["voice"]),
            int(str(request["rate_wpm"])),
            int(str(request["pitch"])),
            int(str(request["range"])),
        )
        return reply, engine.pcm
    raise ValueError(f"unknown op {request.get('op')!r}")


def serve(requests: IO[bytes], replies: IO[bytes]) -> None:
    """Answers each request in a fork of the fresh library.

    What it said before changes how it says the next text, by a sample here and a pitch there, and
    initialising it anew doesn't help; a fork has said nothing yet, so the same text always
    sounds the same.
    """
    engine = Engine()
    while (request := read_message(requests)) is not None:
        child = os.fork()
        if child == 0:
            _reply(engine, request, replies)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if status:
            sys.exit(f"espeak-ng died of {request.get('op')!r}, wait status {status}")


def _reply(engine: Engine, request: Json, replies: IO[bytes]) -> None:
    try:
        reply, pcm = _answer(engine, request)
    except (LookupError, RuntimeError, ValueError) as error:
        reply, pcm = {"error": str(error)}, b""
    write_message(replies, reply, pcm)


if __name__ == "__main__":
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what the library prints must not reach the protocol
    serve(sys.stdin.buffer, replies)
