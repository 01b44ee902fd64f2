"""Every portrait of a folder, and the astronaut, speaks: videos, contact sheets, one table.

`python -m tests.perf.bench_portraits [FOLDER]` writes to out/bench/portraits.
"""

import sys
from pathlib import Path

import numpy as np
import torch

from models.clip import Scene, write_clip
from models.contracts import Look
from models.errors import AvatarError
from models.motion.tracks import MOUTH_CHANNELS
from models.pictures import draw_pictures
from models.portrait.analyser import FaceAnalyser
from models.portrait.image import load_picture
from models.portrait.preflight import preflight
from models.quality.checks import judge, line_through
from models.quality.gate import measure_container, measure_speech
from models.quality.landmarks import measure_frames
from models.quality.sample import eyes_open, lips_together
from models.quality.sound import heard
from models.renderers import load_renderer
from models.speech.mouth import follow
from tests.perf import scenes
from tests.perf.table import report

OUT = scenes.FOLDER / "portraits"
COLUMNS = [
    "portrait",
    "lips r",
    "lips by",
    "closed, S",
    "blink",
    "blink by",
    "width r",
    "frames/s",
    "verdict",
]
PICTURES = {".jpg", ".jpeg", ".png", ".webp", ".heic"}
SAMPLED = 240


def main(folders: list[str]) -> None:
    torch.set_num_threads(1)
    OUT.mkdir(parents=True, exist_ok=True)
    found = [path for folder in folders for path in sorted(Path(folder).iterdir())]
    pictures = [scenes.astronaut(), *(path for path in found if path.suffix.lower() in PICTURES)]
    finder = scenes.analyser()
    report("portraits", COLUMNS, [measured(path, finder) for path in pictures])


def measured(path: Path, finder: FaceAnalyser) -> list[object]:
    try:
        return rendered(path, finder)
    except AvatarError as error:
        return [path.stem, *[None] * (len(COLUMNS) - 2), str(error)]


def rendered(path: Path, finder: FaceAnalyser) -> list[object]:
    picture = load_picture(path)
    chosen = preflight(picture, finder).chosen
    spoken = scenes.speech()
    scene = Scene(spoken, follow(spoken), Look(), picture, finder.faces(picture)[chosen])
    motion, fps = scene.motion(), scene.look.fps.rational
    video = OUT / f"{path.stem}.mp4"
    times = write_clip(load_renderer("mesh"), scene, motion, video)
    draw_pictures(video, motion, fps, finder, video.with_suffix(".jpg"), video.with_suffix(".png"))

    index = np.unique(np.linspace(0, len(motion) - 1, SAMPLED).round().astype(np.int64))
    shut, open_ = lips_together(motion)[index], eyes_open(motion)[index]
    pass_ = measure_frames(video, finder, index, shut, open_)
    frames, sound = pass_.frames, heard(video)
    container = measure_container(video, spoken.recording, sound)
    speech = measure_speech(sound, spoken.words)
    checks = {check.name: check for check in judge(pass_, container, speech, motion, fps)}
    closed, seen = checks["closed_lips_opening"], np.isfinite(frames.width)
    wide = motion.mouth[index, MOUTH_CHANNELS.index("wide")]
    _, width = line_through(wide[seen], frames.width[seen])
    failed = [name for name, check in checks.items() if not check.passed]
    return [
        path.stem,
        round(checks["lip_correlation"].value, 3),
        checks["lip_correlation"].detail,
        round(closed.value, 3) if closed.measured else "blind",
        round(checks["blink_depth"].value, 3),
        checks["blink_depth"].detail,
        round(width, 2),
        round(len(motion) / times.render_s),
        ", ".join(failed) or "passed",
    ]


if __name__ == "__main__":
    main(sys.argv[1:])
