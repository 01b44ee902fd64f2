"""What people get wrong: each mistake through the real command, with its code and its sentence."""

import resource
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from cli.main import run
from models.contracts import MAX_AUDIO_BYTES, MAX_IMAGE_BYTES
from tests import bad_files
from tests.prefect_here import portrait_file, prefect_server, store_here

__all__ = ["portrait_file", "prefect_server", "store_here"]

HELLO = ["--script", "Papa may buy a map."]
SMALL = ["--resolution", "256", "--fps", "24"]


@dataclass(frozen=True)
class Places:
    portrait: Path  # a good one
    folder: Path  # to make files in
    out: Path  # where the video should go


@dataclass(frozen=True)
class Row:
    mistake: str
    code: str
    arguments: Callable[[Places], list[str]]
    exit: int = 2


def picture(mistake: str, code: str, make: Callable[[Path], object]) -> Row:
    """A portrait that `make` writes to the path it is given."""

    def arguments(at: Places) -> list[str]:
        path = at.folder / mistake.replace(" ", "-")
        make(path)
        return [str(path), *HELLO, "-o", str(at.out / "v.mp4")]

    return Row(mistake, code, arguments)


def recording(mistake: str, code: str, make: Callable[[Path], object]) -> Row:
    def arguments(at: Places) -> list[str]:
        path = at.folder / mistake.replace(" ", "-")
        make(path)
        return [str(at.portrait), "--audio", str(path), "-o", str(at.out / "v.mp4")]

    return Row(mistake, code, arguments)


def output(mistake: str, code: str, name: Callable[[Places], object], *more: str) -> Row:
    def arguments(at: Places) -> list[str]:
        return [str(at.portrait), *HELLO, "-o", str(name(at)), *more]

    return Row(mistake, code, arguments)


def speech(mistake: str, code: str, *options: str, exit: int = 2) -> Row:
    def arguments(at: Places) -> list[str]:
        told = [option.replace("FOLDER", str(at.folder)) for option in options]
        return [str(at.portrait), "-o", str(at.out / "v.mp4"), *told]

    return Row(mistake, code, arguments, exit)


def look(mistake: str, *options: str, code: str = "invalid_request") -> Row:
    return speech(mistake, code, *HELLO, *options)


def nothing(path: Path) -> None:
    """Leaves the path without a file."""


ROWS = (
    picture("no such file.jpg", "image_unreadable", nothing),
    picture("folder.png", "image_unreadable", Path.mkdir),
    picture("empty.jpg", "image_unreadable", Path.touch),
    picture(
        "truncated.jpg",
        "image_unreadable",
        lambda path: path.write_bytes(bad_files.jpeg(bad_files.astronaut())[:9_000]),
    ),
    picture("400 megapixels.png", "image_too_large", bad_files.huge_png),
    picture(
        "too many bytes.jpg",
        "image_too_large",
        lambda path: bad_files.sparse(path, MAX_IMAGE_BYTES + 1),
    ),
    picture(
        "drawing.svg", "image_unsupported", lambda path: bad_files.written(path, bad_files.SVG)
    ),
    picture(
        "polyglot.gif",
        "image_unreadable",
        lambda path: path.write_bytes(b"GIF89a/*" + bad_files.WEB_PAGE + b"*/=1;"),
    ),
    picture(
        "document around a picture.jpg",
        "image_unsupported",
        lambda path: path.write_bytes(b"%PDF-1.7\n" + bad_files.jpeg(bad_files.astronaut())),
    ),
    picture("text.jpg", "image_unsupported", lambda path: path.write_text("I am a picture.")),
    picture("black.png", "face_not_found", lambda path: bad_files.flat(path, 0)),
    picture("white.png", "face_not_found", lambda path: bad_files.flat(path, 255)),
    picture("noise.png", "face_not_found", bad_files.noise),
    picture(
        "cat.png",
        "face_not_found",
        lambda path: bad_files.saved(bad_files.cat(), path),
    ),
    picture(
        "rocket.png",
        "face_not_found",
        lambda path: bad_files.saved(bad_files.rocket(), path),
    ),
    picture("back of a head.png", "face_not_found", bad_files.back_of_a_head),
    picture("crowd.png", "face_too_small", bad_files.crowd),
    picture(
        "tiny.png",
        "face_too_small",
        lambda path: bad_files.astronaut().resize((160, 160)).save(path),
    ),
    picture("blurred.png", "face_blurred", bad_files.blurred),
    picture("control\x1b[31m\ncharacters.png", "image_unreadable", nothing),
    picture("null\0byte.png", "invalid_request", nothing),
    Row(
        "traversal to a text file",
        "image_unsupported",
        lambda at: ["../" * 30 + "etc/passwd", *HELLO, "-o", str(at.out / "v.mp4")],
    ),
    look("a face that is not there", "--face", "5", code="face_index_out_of_range"),
    look("face minus one", "--face", "-1"),
    recording("no such file.wav", "audio_unreadable", nothing),
    recording("folder.wav", "audio_unreadable", Path.mkdir),
    recording("empty.wav", "audio_empty", Path.touch),
    recording("no samples.wav", "audio_empty", bad_files.wav_without_samples),
    recording("lying header.wav", "audio_silent", bad_files.lying_wav),
    recording(
        "not a number.wav",
        "audio_invalid_samples",
        lambda path: bad_files.sound(path, bad_files.tone(1, float("nan"))),
    ),
    recording(
        "silence.wav",
        "audio_silent",
        lambda path: bad_files.sound(path, bad_files.tone(1, 0)),
    ),
    recording(
        "clipped.flac",
        "audio_clipped",
        lambda path: bad_files.sound(path, bad_files.tone(1, 20).clip(-1, 1)),
    ),
    recording("text.mp3", "audio_unreadable", lambda path: path.write_text("La la la.")),
    recording(
        "picture.mp3",
        "audio_unreadable",
        lambda path: path.write_bytes(bad_files.jpeg(bad_files.astronaut())),
    ),
    recording("three hours.flac", "audio_too_long", bad_files.three_hours),
    recording("silent film.mp4", "audio_no_track", bad_files.silent_film),
    recording(
        "too many bytes.wav",
        "audio_too_large",
        lambda path: bad_files.sparse(path, MAX_AUDIO_BYTES + 1),
    ),
    output("no place for files", "output_not_writable", lambda at: "/proc/v.mp4"),
    output("below a file", "output_not_writable", lambda at: at.portrait / "v.mp4"),
    output("is a folder", "output_not_writable", lambda at: at.folder),
    output("wrong suffix", "output_not_writable", lambda at: at.out / "v.avi"),
    output("no suffix", "output_not_writable", lambda at: at.out / "v"),
    output("name too long", "output_not_writable", lambda at: at.out / ("v" * 300 + ".mp4")),
    output("null byte", "invalid_request", lambda at: at.out / "v\0.mp4"),
    output(
        "traversal",
        "output_not_writable",
        lambda at: at.out / ("../" * 30) / "proc" / "v.mp4",
    ),
    output(
        "no transparency in MP4",
        "output_not_writable",
        lambda at: at.out / "v.mp4",
        "--background",
        "transparent",
    ),
    output("over the portrait", "invalid_request", lambda at: at.portrait),
    speech("nothing to say", "invalid_request"),
    speech("two ways to speak", "invalid_request", *HELLO, "--topic", "Bees"),
    speech("empty script", "script_empty", "--script", " \n "),
    speech("emoji only", "script_empty", "--script", "😀🎉👍"),
    speech("dots only", "script_empty", "--script", "... !?"),
    speech("endless script", "script_too_long", "--script", "la " * 20_000),
    speech("script file that is not there", "invalid_request", "--script", "@FOLDER/none.txt"),
    speech("script file that is a folder", "invalid_request", "--script", "@FOLDER"),
    speech("script file that is a picture", "invalid_request", "--script", "@FOLDER/binary"),
    speech("script file with null bytes", "invalid_request", "--script", "@FOLDER/nulls"),
    speech("unknown voice", "voice_unknown", *HELLO, "--voice", "martian"),
    speech("voice that is a path", "voice_unknown", *HELLO, "--voice", "../../etc/passwd"),
    speech("topic without a key", "key_missing", "--topic", "Bees", exit=3),
    speech("transcript of a script", "invalid_request", *HELLO, "--transcript", "Hello"),
    look("too fast", "--rate", "9"),
    look("resolution", "--resolution", "300"),
    look("resolution in words", "--resolution", "large"),
    look("aspect", "--aspect", "4:3"),
    look("frames a second", "--fps", "60"),
    look("colour", "--background", "#12345"),
    look("background that is not there", "--background", "beach.png"),
    look("background that is text", "--background", "FOLDER/nulls", code="image_unsupported"),
    look("captions", "--captions", "loud"),
    look("head motion", "--head-motion", "9"),
    look("expressiveness", "--expressiveness", "nan"),
    look("seed", "--seed", "-1"),
    look("renderer", "--renderer", "magic"),
    look("renderer that is a path", "--renderer", "../mesh"),
    look("unknown option", "--colour", "red"),
)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.mistake)
def test_a_mistake_is_said_in_one_sentence_and_leaves_nothing(
    row: Row,
    store_here: Path,
    portrait_file: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("MISTRAL_API_KEY", raising=False)
    at = Places(portrait_file, tmp_path / "files", tmp_path / "out")
    at.folder.mkdir()
    (at.folder / "binary").write_bytes(bytes(range(256)))
    (at.folder / "nulls").write_bytes(b"Hello\0there")
    portrait = portrait_file.read_bytes()

    assert run(["render", *row.arguments(at)]) == row.exit

    said = capsys.readouterr()
    errors = [line for line in said.err.splitlines() if line.strip()]
    assert len(errors) == 1, said.err
    assert errors[0].startswith(f"{row.code}: ")
    assert errors[0].isprintable()
    assert said.out == ""
    assert not at.out.exists()
    assert portrait_file.read_bytes() == portrait
    assert not list(store_here.glob(".work/*"))


def test_there_are_forty_mistakes_and_each_has_its_own_name() -> None:
    names = [row.mistake for row in ROWS]
    assert len(names) >= 40
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(("room", "where"), [(100_000, "portrait"), (20_000, "clip")])
def test_a_full_disk_is_said_and_leaves_nothing(
    room: int,
    where: str,
    store_here: Path,
    portrait_file: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A limit on the size of files is the disk that is full after so many bytes."""
    arguments = [
        "render",
        str(portrait_file),
        *HELLO,
        *SMALL,
        "-o",
        str(tmp_path / "out" / "v.mp4"),
    ]
    if where == "clip":  # everything before it is there already
        assert run([*arguments, "--seed", "1"]) == 0
        capsys.readouterr()
        for file in (tmp_path / "out").iterdir():
            file.unlink()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        code = run([*arguments, "--seed", "2"])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert code == 2
    assert capsys.readouterr().err.strip().startswith("disk_full: no room left")
    assert not list((tmp_path / "out").glob("*"))
    assert not list(store_here.glob(".work/*"))


@pytest.mark.parametrize(
    ("script", "voice"), [("שלום, אבא בא הביתה.", "he"), ("مرحبا، بابا في البيت.", "ar")]
)
def test_a_script_from_right_to_left_is_no_mistake(
    script: str, voice: str, store_here: Path, portrait_file: Path, tmp_path: Path
) -> None:
    out = tmp_path / "v.mp4"
    told = ["--script", script, "--voice", voice, "--captions", "burned"]
    assert run(["render", str(portrait_file), *told, *SMALL, "-o", str(out)]) == 0
    assert script.split()[0] in out.with_suffix(".srt").read_text()
