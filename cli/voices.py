"""`avatar voices`: the names that --voice takes."""

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from models.errors import InvalidRequest


def voices(
    language: Annotated[
        str | None, typer.Option(help="Only voices of this language, such as en or pt-br.")
    ] = None,
) -> None:
    """List the voices by name."""
    from models.speech.synthesis import EspeakSynthesiser

    wanted = (language or "").lower()
    found = [
        voice
        for voice in EspeakSynthesiser().voices()
        if voice.language == wanted or voice.language.startswith(wanted + "-") or not wanted
    ]
    if not found:
        raise InvalidRequest(f"no voice speaks {language!r}: `avatar voices` lists all languages")
    table = Table("name", "language", "gender", "description", box=None, pad_edge=False)
    for voice in found:
        table.add_row(voice.name, voice.language, voice.gender, voice.description)
    Console(highlight=False).print(table)
