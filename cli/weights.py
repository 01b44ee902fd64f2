"""`avatar weights`: networks that you bring, under their own licences."""

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from models.wav2lip.layout import RELU, Activation

if TYPE_CHECKING:
    from models.weights.folder import WeightsFolder

weights = typer.Typer(name="weights", help="Weights of neural renderers.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Their name: that of the renderer, such as wav2lip.")]


@weights.command("list")
def show() -> None:
    """List what is here, and what it may be used for."""
    folder = _folder()
    table = Table("name", "layout", "licence", "commercial use", "MB", "here", "source", box=None)
    for pin in folder.pins():
        allowed, here = (
            "yes" if fact else "no" for fact in (pin.commercial_use, folder.has(pin.name))
        )
        size = str(round(pin.size / 1e6))
        table.add_row(pin.name, pin.layout, pin.licence, allowed, size, here, " ".join(pin.sources))
    Console(highlight=False).print(table)


@weights.command()
def add(
    name: Name,
    sources: Annotated[
        list[str],
        typer.Argument(help="A path, https:// or s3://; of musetalk UNet, VAE and Whisper."),
    ],
    licence: Annotated[str, typer.Option(help="What they are licensed under.")],
    commercial_use: Annotated[
        bool, typer.Option("--commercial-use/--research-only", help="What the licence allows.")
    ],
    layout: Annotated[str | None, typer.Option(help="Whose layout; default: the name's.")] = None,
    activation: Annotated[
        Activation, typer.Option(help="Of a wav2lip network: files don't tell. Leaky: 0.01.")
    ] = RELU,
    sha256: Annotated[str | None, typer.Option(help="Accept only this file.")] = None,
) -> None:
    """Import a checkpoint: checked, converted to safetensors, its hash pinned."""
    pin = _folder().add(
        name,
        *sources,
        licence=licence,
        commercial_use=commercial_use,
        layout=layout,
        activation=activation,
        sha256=sha256,
    )
    typer.echo(f"{pin.name}: {pin.size / 1e6:.0f} MB, sha256 {pin.source_sha256}")


@weights.command()
def verify(
    names: Annotated[list[str] | None, typer.Argument(help="Which; without, all.")] = None,
) -> None:
    """Check that the files are those that were added."""
    folder = _folder()
    for name in names or [pin.name for pin in folder.pins()]:
        typer.echo(f"{folder.verify(name).name}: ok")


@weights.command()
def pull(
    names: Annotated[list[str] | None, typer.Argument(help="Which; without, all.")] = None,
) -> None:
    """Fetch pinned weights that are not on this machine from where they came."""
    folder = _folder()
    for name in names or [pin.name for pin in folder.pins()]:
        typer.echo(f"{folder.pull(name).name}: ok")


def _folder() -> "WeightsFolder":
    from models.weights.folder import FOLDER, WeightsFolder
    from tasks.settings import settings

    return WeightsFolder(settings().models / FOLDER)
