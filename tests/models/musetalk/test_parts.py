"""The published files become one state dict, whatever their order and age."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from models.errors import InvalidRequest, WeightsRefused
from models.musetalk.networks import networks
from models.musetalk.parts import joined
from models.weights.folder import WeightsFolder
from models.weights.pins import Pin
from tests.models.musetalk import published
from tests.models.musetalk.published import State

OLDER = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}


@pytest.fixture(scope="module")
def state() -> State:
    return published.random_state(published.TINY)


def add(folder: Path, *sources: str, name: str = "musetalk") -> Pin:
    return WeightsFolder(folder).add(name, *sources, licence="as published", commercial_use=True)


def part(state: State, prefix: str) -> State:
    found = {key: value for key, value in state.items() if key.startswith(prefix)}
    return {key.removeprefix(prefix): value for key, value in found.items()}


def whisper(state: State) -> State:
    """As a whole speech recogniser's file has it."""
    encoder = {f"model.encoder.{key}": value for key, value in part(state, "whisper.").items()}
    more = ("model.decoder.layers.0.fc1.weight", "model.decoder.layer_norm.bias", "proj_out.weight")
    return encoder | {key: torch.zeros(2) for key in more}


def older(vae: State) -> State:
    """The attention's names of before 2023."""
    found: State = {}
    for key, value in vae.items():
        for new, old in OLDER.items():
            if f"attentions.0.{new}." in key:
                key = key.replace(f".{new}.", f".{old}.")
        found[key] = value
    return found


@pytest.fixture(scope="module")
def files(state: State, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("published")
    torch.save(part(state, "unet."), folder / "unet.pth")
    torch.save(older(part(state, "vae.")), folder / "diffusion_pytorch_model.bin")
    torch.save(whisper(state), folder / "pytorch_model.bin")
    return [str(path) for path in sorted(folder.iterdir())]


def same(found: State, expected: State) -> bool:
    return set(found) == set(expected) and all(
        torch.equal(value, expected[key]) for key, value in found.items()
    )


def test_three_files_in_any_order_are_one_state_dict(state: State) -> None:
    parts = [part(state, "unet."), part(state, "vae."), whisper(state)]
    assert same(joined(parts), state)
    assert same(joined(parts[::-1]), state)


def test_one_file_with_prefixes_is_taken_as_it_is(state: State) -> None:
    assert same(joined([state]), state)


def test_older_names_and_convolutions_of_the_vae_s_attention_are_read(state: State) -> None:
    vae = older(part(state, "vae."))
    assert "decoder.mid_block.attentions.0.proj_attn.weight" in vae
    attention = [key for key in vae if ".query.weight" in key]
    squares = vae | {key: vae[key][:, :, None, None] for key in attention}
    found = joined([part(state, "unet."), squares, whisper(state)])
    assert same(found, state)
    networks(found)


def test_the_same_file_twice_is_refused_by_a_key_s_name(state: State) -> None:
    unet = part(state, "unet.")
    with pytest.raises(WeightsRefused, match=r"unet\.\S+ is in two files"):
        joined([unet, unet])


def test_a_file_of_something_else_is_refused() -> None:
    with pytest.raises(WeightsRefused, match=r"begins with lips\.weight"):
        joined([{"lips.weight": torch.zeros(1)}])


def test_weights_are_added_once_as_one_pinned_file(
    state: State, files: list[str], tmp_path: Path
) -> None:
    folder = WeightsFolder(tmp_path)
    pin = add(tmp_path, *files)
    assert pin.sources == tuple(files)
    assert same(folder.load("musetalk"), state)
    again = add(tmp_path, *files[::-1])
    assert (again.sha256, again.source_sha256) == (pin.sha256, pin.source_sha256)
    folder.file("musetalk").unlink()
    assert folder.pull("musetalk").sha256 == pin.sha256


def test_a_file_that_is_missing_is_told_by_its_first_key(files: list[str], tmp_path: Path) -> None:
    without_ears = [name for name in files if Path(name).name != "pytorch_model.bin"]
    with pytest.raises(WeightsRefused, match=r"whisper\.conv1\.weight is missing"):
        add(tmp_path, *without_ears)
    assert not list(tmp_path.glob("musetalk*"))


def test_a_safetensors_file_with_all_three_is_the_same_weights(
    state: State, files: list[str], tmp_path: Path
) -> None:
    save_file(state, tmp_path / "all.safetensors")
    one = add(tmp_path / "one", str(tmp_path / "all.safetensors"))
    three = add(tmp_path / "three", *files)
    assert one.sha256 == three.sha256


def test_other_layouts_are_one_file(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="wav2lip are one file"):
        add(tmp_path, "a.pth", "b.pth", name="wav2lip")
