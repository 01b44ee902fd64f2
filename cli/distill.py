"""`avatar distill`: a smaller network that draws what a larger one does, for your own faces."""

from pathlib import Path
from typing import Annotated

import typer
from typer import Option


def distill(
    portraits: Annotated[
        list[Path], Option("--portraits", help="A picture, or a folder of them; may be repeated.")
    ],
    audio: Annotated[
        list[Path], Option("--audio", help="A recording, or a folder of them; may be repeated.")
    ],
    out: Annotated[Path, Option(help="Folder for the student, its report, and checkpoints.")],
    teacher: Annotated[
        str, Option(help="Weights to learn from: `avatar weights list`.")
    ] = "wav2lip",
    name: Annotated[str, Option(help="Of the student, among the weights.")] = "wav2lip-student",
    share: Annotated[float, Option(help="Of the teacher's weights that the student has.")] = 0.5,
    steps: Annotated[int, Option(help="Of training, 16 pictures each.")] = 20_000,
    every: Annotated[int, Option(help="Steps between scores and checkpoints.")] = 500,
    seed: Annotated[int, Option(min=0, max=2**31 - 1, help="Of what each step learns from.")] = 0,
) -> None:
    """Train a smaller wav2lip network on your portraits and recordings; again to go on."""
    from models.distill.distil import SHEET, Order, distil
    from tasks.settings import limit_threads, settings

    limit_threads()
    order = Order(
        portraits=portraits,
        recordings=audio,
        out=out,
        models=settings().models,
        teacher=teacher,
        name=name,
        share=share,
        steps=steps,
        every=every,
        seed=seed,
        device=settings().device,
    )
    report = distil(order, typer.echo)
    allowed = "commercial use" if report.commercial_use else "no commercial use"
    typer.echo(
        f"{report.name}: {report.student_parameters / 1e6:.1f} of "
        f"{report.teacher_parameters / 1e6:.1f} million parameters, {report.speed.ratio:.2f} times "
        f"as fast, {report.scores[-1].psnr_db:.2f} dB from its teacher\n"
        f"licence: {report.licence} ({allowed}), as {report.teacher}\n"
        f"look at {out / SHEET}"
    )
