"""What the quality gate lets through and what it catches.

`python -m tests.perf.bench_gate [PORTRAITS [SPEECH]] [--good PIECES]`, folders of pictures and of
WAV files; the astronaut and our own speech are always among them. Each portrait says several pieces
at two sizes, once as it should be and one also in each way made wrong (`tests/perf/spoilt.py`).
"Told" are videos whose command is as wrong as they are: the renderer did what it was told. With
`--good` each says so many pieces, and none is made wrong.
"""

import argparse
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from pathlib import Path
from typing import Any

import cv2
import torch

from models.clip import Scene
from models.contracts import Look, QualityReport
from models.media.probe import sample_frames
from models.media.recording import load_recording
from models.media.waveform import SpokenAudio
from models.motion.tracks import MotionTrack
from models.portrait.analyser import FaceAnalyser
from models.portrait.face import Face, Picture
from models.portrait.image import load_picture
from models.quality.gate import assess
from models.quality.likeness import Photo, span_px
from models.renderer import Renderer
from models.renderers import load_renderer
from models.speech.mouth import follow
from models.speech.synthesis import EspeakSynthesiser
from tests.perf import scenes, spoilt
from tests.perf.spoilt import LATE_FRAMES, Judged
from tests.perf.table import report

SIZES = (256, 512)
TEXTS = (
    ("en-us", "Papa may buy a blue map, but mama may keep it."),
    ("en-us", "Hello there! My name does not matter."),
    ("en-us", "Five wizards box, and a quick brown fox jumps."),
    ("en-gb", "Good morning, and welcome to our weekly report from the harbour."),
    ("en-us", "Your parcel will arrive between two and four on Friday afternoon."),
    ("de", "Guten Tag, hier sind die wichtigsten Meldungen vom Abend."),
    ("fr", "Bonjour à tous, voici les nouvelles de la semaine."),
    ("es", "Buenas tardes, el tren para Sevilla sale del andén número ocho."),
    ("it", "Benvenuti al museo, la visita comincia tra pochi minuti."),
    ("pt", "Obrigado por esperar, a sua mesa já está pronta."),
)
EACH = 3  # pieces of speech a portrait says, at each size
GOOD = "as it should be"


@dataclass(frozen=True)
class Stage:
    """One portrait that says one piece at one size."""

    scene: Scene
    other: SpokenAudio
    stranger: Photo
    renderer: Renderer[Any]
    finder: FaceAnalyser
    folder: Path
    mark: int

    @property
    def fps(self) -> Fraction:
        return self.scene.look.fps.rational

    def judged(self, motion: MotionTrack, **changed: Any) -> Judged:  # noqa: ANN401
        """A video of the motion, and as the gate's command the scene's own unless `told`."""
        told, renderer = changed.pop("told", False), changed.pop("renderer", self.renderer)
        out = self.folder / "video.mp4"
        video = spoilt.made(renderer, self.scene, motion, out, self.mark, **changed)
        own = self.scene.spoken.recording
        heard = changed.get("recording", own) if told else own
        return Judged(video, heard, motion if told else self.scene.motion())

    def changed(self, spoil: Callable[[Any], Any]) -> Judged:
        return self.judged(self.scene.motion(), renderer=spoilt.Spoiling(self.renderer, spoil))


def good(stage: Stage) -> Judged:
    return stage.judged(stage.scene.motion())


def sound_late(stage: Stage) -> Judged:
    seconds = LATE_FRAMES / float(stage.fps)
    sound = spoilt.shifted(stage.scene.spoken.recording, seconds, stage.folder / "late.wav")
    return stage.judged(stage.scene.motion(), recording=sound)


def lips_late(stage: Stage) -> Judged:
    return stage.judged(spoilt.late(stage.scene.motion(), LATE_FRAMES), told=True)


def lips_early(stage: Stage) -> Judged:
    return stage.judged(spoilt.late(stage.scene.motion(), -LATE_FRAMES), told=True)


def frozen(stage: Stage) -> Judged:
    return stage.judged(spoilt.frozen(stage.scene.motion()))


def frozen_told(stage: Stage) -> Judged:
    return stage.judged(spoilt.frozen(stage.scene.motion()), told=True)


def other_sound(stage: Stage) -> Judged:
    return stage.judged(stage.scene.motion(), recording=_other(stage))


def other_sound_told(stage: Stage) -> Judged:
    return stage.judged(stage.scene.motion(), recording=_other(stage), told=True)


def _other(stage: Stage) -> Any:  # noqa: ANN401
    own = stage.scene.spoken.recording
    return spoilt.as_long_as(stage.other.recording, own, stage.folder / "other.wav")


def swapped(stage: Stage) -> Judged:
    return stage.changed(spoilt.swapped(stage.fps))


def blurred(stage: Stage) -> Judged:
    (_, first), *_ = sample_frames(good(stage).video, [0])
    face = stage.finder.landmarks(first)
    if face is None:
        raise LookupError("the first frame shows no face")
    return stage.changed(spoilt.blurred(face.landmarks, span_px(face.landmarks)))


def flickering(stage: Stage) -> Judged:
    return stage.changed(spoilt.flickering)


WAYS: dict[str, Callable[[Stage], Judged]] = {
    GOOD: good,
    "sound 2 frames late": sound_late,
    "lips 2 frames late, told": lips_late,
    "lips 2 frames early, told": lips_early,
    "frozen mouth": frozen,
    "frozen mouth, told": frozen_told,
    "other sound": other_sound,
    "other sound, told": other_sound_told,
    "swapped frames": swapped,
    "blurred mouth": blurred,
    "flicker": flickering,
}
FACE = "another's face"  # a good video beside the wrong photo
_WHICH = ("video", "size", "portrait")


def main() -> None:
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    asked = arguments()
    caught, refusals, figures = Counter[str](), defaultdict[str, Counter[str]](Counter), []
    total = Counter[str]()
    with scenes.work_folder() as name:
        for number, stage in enumerate(stages(asked.folders, Path(name), asked.good or EACH)):
            spoil = not asked.good and number % EACH == 0
            for way, found in judgements(stage, spoil=spoil):
                total[way] += 1
                caught[way] += not found.passed
                refusals[way].update(check.name for check in found.failures())
                figures.append(_row(way, stage, found))
    rows = [
        [
            way,
            total[way],
            caught[way] / total[way],
            ", ".join(f"{n} {c}" for n, c in by.most_common(4)),
        ]
        for way in total
        for by in (refusals[way],)
    ]
    report("gate", ["video", "number", "refused", "by"], rows)
    report("gate-figures", ["figure", "videos", "least", "most"], ranges(figures))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--good", type=int, default=0, metavar="PIECES")
    return parser.parse_args()


def ranges(figures: list[dict[str, Any]]) -> list[list[object]]:
    """Of what good videos measure."""
    found: list[list[object]] = []
    for name in dict.fromkeys(key for row in figures for key in row if key not in _WHICH):
        good = [row[name] for row in figures if row["video"] == GOOD and name in row]
        found.append([name, len(good), min(good, default=None), max(good, default=None)])
    return found


def judgements(stage: Stage, *, spoil: bool) -> Iterator[tuple[str, QualityReport]]:
    own = Photo(stage.scene.picture.rgb, stage.scene.face.landmarks)
    for way, make in WAYS.items() if spoil else [(GOOD, good)]:
        judged = make(stage)
        yield way, _assessed(stage, judged, own)
        if way == GOOD:
            yield FACE, _assessed(stage, judged, stage.stranger)


def _assessed(stage: Stage, judged: Judged, photo: Photo) -> QualityReport:
    words = stage.scene.spoken.words
    return assess(
        judged.video,
        judged.recording,
        judged.motion,
        stage.fps,
        stage.finder,
        photo=photo,
        words=words,
    )


def stages(folders: list[Path], work: Path, each: int) -> Iterator[Stage]:
    """Portraits take turns with the pieces, so that every piece is said by several."""
    finder, renderer = scenes.analyser(), load_renderer("mesh")
    pictures = [scenes.astronaut(), *(sorted(folders[0].glob("*.jpg")) if folders else ())]
    portraits = [_portrait(path, finder) for path in pictures]
    pieces = [(spoken, follow(spoken)) for spoken in _pieces(folders[1:], work)]
    for (number, (picture, face)), size, turn in product(enumerate(portraits), SIZES, range(each)):
        place = (number * each + turn + SIZES.index(size)) % len(pieces)
        (spoken, mouth), (other, _) = pieces[place], pieces[(place + 1) % len(pieces)]
        stranger = portraits[(number + 1) % len(portraits)]
        look = Look.model_validate({"resolution": size, "seed": number})
        yield Stage(
            scene=Scene(spoken, mouth, look, picture, face),
            other=other,
            stranger=Photo(stranger[0].rgb, stranger[1].landmarks),
            renderer=renderer,
            finder=finder,
            folder=work,
            mark=7919 * (number + 1) * (turn + 1) * size,
        )


def _portrait(path: Path, finder: FaceAnalyser) -> tuple[Picture, Face]:
    picture = load_picture(path)
    return picture, finder.faces(picture)[0]


def _pieces(folders: list[Path], work: Path) -> Iterator[SpokenAudio]:
    for number, (voice, text) in enumerate(TEXTS):
        yield EspeakSynthesiser().speak(text, voice, 1.0, 1.0, work / f"{number}.wav")
    for path in (path for folder in folders for path in sorted(folder.glob("*.wav"))):
        yield SpokenAudio(load_recording(path, work / f"{path.stem}-16.wav")[0])


def _row(way: str, stage: Stage, found: QualityReport) -> dict[str, object]:
    size, seed = stage.scene.look.resolution, stage.scene.look.seed
    figures = {check.name: round(check.value, 4) for check in found.checks if check.measured}
    return {"video": way, "size": size, "portrait": seed, **figures}


if __name__ == "__main__":
    main()
