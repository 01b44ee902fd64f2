"""Trains the viseme net on the embedded engine's speech and writes it with its report.

    python -m models.speech.train [--steps 900] [--seed 1] [--out FOLDER]

One CPU core, about ten minutes. Nothing is downloaded: espeak-ng speaks, pocketsphinx's wheel
gives words and the spectra of human states.
"""

import argparse
import json
import logging
import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from models.arrays import F32
from models.speech.acoustic import CHANNELS, WEIGHTS, VisemeNet, acoustic_posteriors
from models.speech.augmentation import Augmentation, normalised_batch
from models.speech.corpus import (
    LANGUAGES,
    UNSEEN_LANGUAGES,
    UNSEEN_VARIANTS,
    Reader,
    Sample,
    training_variants,
)
from models.speech.espeak import EspeakProcess
from models.speech.human_spectra import PHONES, human_spectra
from models.speech.visemes import RATE_HZ, VISEMES

log = logging.getLogger("train")

UTTERANCES, HELD_OUT = 3_600, 60
BATCH, WINDOW_ROWS = 24, 400
LEARNING_RATE, WEIGHT_DECAY, LABEL_SMOOTHING = 2e-3, 1e-2, 0.05
CLASS_POWER = -0.3
AVERAGING = 0.98  # of the weights over the last steps: single steps differ much on people
_SAYABLE_ROWS = 120


@dataclass(frozen=True)
class Corpus:
    """Every utterance one after another; `starts` says where each begins."""

    log_mel: Tensor  # (N, 40) half precision
    visemes: Tensor  # (N, 15) half precision
    states: Tensor  # (N,)
    starts: Tensor  # (U + 1,)

    def batch(self, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """(B, T, 40), (B, T, 15), (B, T); windows reach into the next utterance at most."""
        last = len(self.log_mel) - WINDOW_ROWS
        chosen = torch.randint(len(self.starts) - 1, (BATCH,), generator=generator)
        offset = torch.rand(BATCH, generator=generator)
        spare = (self.starts[chosen + 1] - self.starts[chosen] - WINDOW_ROWS).clamp(min=0)
        first = (self.starts[chosen] + (offset * spare).long()).clamp(max=last)
        rows = first[:, None] + torch.arange(WINDOW_ROWS)
        return self.log_mel[rows].float(), self.visemes[rows].float(), self.states[rows]


def stack(samples: Sequence[Sample]) -> Corpus:
    lengths = [len(sample.log_mel) for sample in samples]
    return Corpus(
        torch.from_numpy(np.concatenate([sample.log_mel for sample in samples])).half(),
        torch.from_numpy(np.concatenate([sample.visemes for sample in samples])).half(),
        torch.from_numpy(np.concatenate([sample.states for sample in samples])),
        torch.from_numpy(np.concatenate([[0], np.cumsum(lengths)])),
    )


def engine_spectra(samples: Sequence[Sample]) -> Tensor:
    """(states, 40) the engine's mean of every state, relative to the utterance's mean."""
    total = np.zeros((3 * len(PHONES), samples[0].log_mel.shape[1]))
    count = np.zeros((3 * len(PHONES), 1))
    for sample in samples:
        spoken = sample.states >= 0
        relative = sample.log_mel[spoken] - sample.log_mel[spoken].mean(axis=0)
        np.add.at(total, sample.states[spoken], relative)
        np.add.at(count, sample.states[spoken], 1)
    return torch.from_numpy((total / np.maximum(count, 1)).astype(np.float32))


def train(
    corpus: Corpus,
    augment: Augmentation,
    steps: int,
    generator: torch.Generator,
    averaging: float = AVERAGING,
) -> VisemeNet:
    """The weights' running mean; `averaging` is how much of it every step keeps."""
    net = VisemeNet(CHANNELS).train()
    optimiser = torch.optim.AdamW(net.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, LEARNING_RATE, total_steps=steps)
    weights = corpus.visemes.float().mean(dim=0).clamp(min=1e-3) ** CLASS_POWER
    loss_of = nn.CrossEntropyLoss(weights / weights.mean(), label_smoothing=LABEL_SMOOTHING)
    running_mean = get_ema_multi_avg_fn(averaging)  # type: ignore[no-untyped-call]
    mean = AveragedModel(net, multi_avg_fn=running_mean, use_buffers=True)
    for step in range(steps):
        log_mel, visemes, states = corpus.batch(generator)
        features = normalised_batch(augment(log_mel, states)).transpose(1, 2)
        loss = loss_of(net(features), visemes.transpose(1, 2))
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 2.0)
        optimiser.step()
        schedule.step()
        mean.update_parameters(net)
        if step % 50 == 0:
            log.info("step %d loss %.3f", step, loss.item())
    net.load_state_dict(mean.module.state_dict())
    return net.eval()


def accuracy(net: VisemeNet, samples: Sequence[Sample]) -> float:
    """The share of rows whose likeliest viseme is the true one."""
    hits = [
        np.mean(acoustic_posteriors(sample.log_mel, net).argmax(1) == sample.visemes.argmax(1))
        for sample in samples
    ]
    return float(np.mean(hits))


def closure_recall(net: VisemeNet, samples: Sequence[Sample]) -> float:
    """The share of /p b m/ rows that the net gives to PP."""
    lips = VISEMES.index("PP")
    hits: list[F32] = []
    for sample in samples:
        true = sample.visemes.argmax(1) == lips
        hits.append(acoustic_posteriors(sample.log_mel, net).argmax(1)[true] == lips)
    return float(np.concatenate(hits).mean())


def main() -> None:
    arguments = _arguments()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(1)
    torch.manual_seed(arguments.seed)
    generator = torch.Generator().manual_seed(arguments.seed)
    began = time.monotonic()
    process = EspeakProcess()
    samples = _training_samples(process, arguments.utterances, arguments.seed)
    corpus = stack(samples)
    hours = len(corpus.log_mel) / (3_600 * RATE_HZ)
    data_s = time.monotonic() - began
    log.info("%d utterances, %.1f h, in %.0f s", len(samples), hours, data_s)
    augment = Augmentation(human_spectra(), engine_spectra(samples), generator)
    net = train(corpus, augment, arguments.steps, generator)
    report = {
        "seed": arguments.seed,
        "utterances": len(samples),
        "hours": round(hours, 2),
        "steps": arguments.steps,
        "batch": BATCH,
        "window_rows": WINDOW_ROWS,
        "parameters": sum(parameter.numel() for parameter in net.parameters()),
        **_held_out(net, process, arguments.seed + 1),
        "data_s": round(data_s, 1),
        "total_s": round(time.monotonic() - began, 1),
        "python": platform.python_version(),
        **{name: version(name) for name in ("torch", "numpy", "espeakng-loader", "pocketsphinx")},
    }
    write(net, report, arguments.out)
    log.info("%s", json.dumps(report, indent=2))


def _training_samples(process: EspeakProcess, utterances: int, seed: int) -> list[Sample]:
    variants = training_variants(process.listing()["variants"])
    read = Reader(process, seed).samples(utterances, LANGUAGES, variants)
    return [sample for sample in read if len(sample.log_mel) > _SAYABLE_ROWS]


def _held_out(net: VisemeNet, process: EspeakProcess, seed: int) -> dict[str, float]:
    """On voices, and on languages, that training never heard; unchanged and in silence."""
    reader = Reader(process, seed)
    seen = training_variants(process.listing()["variants"])
    figures = {}
    for name, languages, variants in (
        ("unseen_voices", LANGUAGES, UNSEEN_VARIANTS),
        ("unseen_languages", UNSEEN_LANGUAGES, seen),
    ):
        samples = list(reader.samples(HELD_OUT, languages, variants, plain=True))
        figures[f"accuracy_{name}"] = round(accuracy(net, samples), 4)
        figures[f"closure_recall_{name}"] = round(closure_recall(net, samples), 4)
    return figures


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Train the viseme net.")
    parser.add_argument("--steps", type=int, default=900)
    parser.add_argument("--utterances", type=int, default=UTTERANCES)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=WEIGHTS.parent)
    return parser.parse_args()


def write(net: VisemeNet, report: dict[str, object], folder: Path) -> None:
    """The weights in half precision, and the report as JSON and as a table."""
    state = {
        name: tensor.half()
        for name, tensor in net.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    save_file(state, folder / WEIGHTS.name)
    rows = "".join(f"| {name} | {value} |\n" for name, value in report.items())
    table = f"# How viseme_net.safetensors was made\n\n| what | value |\n|---|---|\n{rows}"
    base = folder / WEIGHTS.with_suffix("").name
    base.with_suffix(".report.json").write_text(json.dumps(report, indent=2) + "\n")
    base.with_suffix(".report.md").write_text(table)


if __name__ == "__main__":
    main()
