"""`avatar check`: what `avatar render` would say of a portrait and a recording."""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from typer import Argument, Option

from models.contracts import Contract, PortraitReport, PortraitSource, RecordedSpeech
from models.errors import InputError
from models.validation import made

REFUSED = 1
Finding = Contract | InputError


def check(
    portrait: Annotated[str, Argument(help="A picture.")],
    audio: Annotated[str | None, Argument(help="A recording.")] = None,
    face: Annotated[int | None, Option(help="Which face speaks, 0 the largest.")] = None,
    as_json: Annotated[bool, Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Say whether the portrait (and the recording) will do; exit code 1 if not."""
    findings = {"portrait": _finding(lambda: _portrait(portrait, face))}
    if audio is not None:
        findings["recording"] = _finding(lambda: _recording(audio))
    if as_json:
        document = {name: _json(found) for name, found in findings.items()}
        typer.echo(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        console = Console(highlight=False, markup=False)
        for name, found in findings.items():
            console.print("\n".join(_lines(name, found)), soft_wrap=True)
    if any(isinstance(found, InputError) for found in findings.values()):
        raise typer.Exit(REFUSED)


def _finding(examine: Callable[[], Contract]) -> Finding:
    try:
        return examine()
    except InputError as error:
        return error


def _portrait(image: str, face: int | None) -> Contract:
    from models.portrait.analyser import FaceAnalyser
    from models.portrait.image import load_picture
    from models.portrait.preflight import preflight
    from tasks.settings import settings

    source = made(PortraitSource, image=image, face_index=face)
    picture = load_picture(Path(source.image))
    return preflight(picture, FaceAnalyser(settings().models), source.face_index)


def _recording(audio: str) -> Contract:
    from models.media.recording import load_recording

    with tempfile.TemporaryDirectory() as folder:
        source = made(RecordedSpeech, audio=audio)
        return load_recording(Path(source.audio), Path(folder) / "speech.wav")[1]


def _json(found: Finding) -> dict[str, object]:
    if isinstance(found, InputError):
        return {"ok": False, "code": found.code, "message": str(found)}
    return {"ok": True, "report": found.model_dump(mode="json")}


def _lines(name: str, found: Finding) -> list[str]:
    if isinstance(found, InputError):
        return [f"{name}: refused, {found.code}: {found}"]
    lines = [f"{name}: ok, {_facts(found, {'faces', 'warnings'})}"]
    if isinstance(found, PortraitReport):
        for face in found.faces:
            lines.append(f"  face {face.index}: {_facts(face, {'index', 'warnings'})}")
            lines += [f"    warning: {warning}" for warning in face.warnings]
    return [*lines, *(f"  warning: {warning}" for warning in getattr(found, "warnings", ()))]


def _facts(report: Contract, without: set[str]) -> str:
    facts = report.model_dump(mode="json", exclude=without)
    return ", ".join(f"{name} {_short(value)}" for name, value in facts.items())


def _short(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list):
        return "(" + " ".join(map(_short, value)) + ")"
    return str(value)
