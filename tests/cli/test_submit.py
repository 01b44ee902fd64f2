"""`avatar submit` as a shell runs it, with a real Prefect server and a real warm worker."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import FlowRun
from prefect.states import Cancelled

from cli.requests import request_of
from cli.submit import cost_s, stored
from infra.pools import PoolSettings, make_pools
from models.contracts import VideoRequest
from models.errors import InputError
from tests.orchestra import Server, eventually, free_port, server_in, worker_for

AVATAR = str(Path(sys.executable).with_name("avatar"))
SMALL = ("--resolution", "256", "--fps", "24")
SENTENCE = "Papa may buy a blue map."


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("submit")
    with server_in(folder / "home", AVATAR_STORE=str(folder / "store")) as server:
        yield server


@pytest.fixture(scope="module")
def deployed(server: Server) -> Iterator[SyncPrefectClient]:
    with server.client() as client:
        make_pools(client, PoolSettings())
        client.create_deployment(
            client.create_flow_from_name("avatar-video"),
            "cpu",
            version="1",
            entrypoint="flows.avatar_video.avatar_video",
            work_pool_name="cpu",
            work_queue_name="default",
            parameter_openapi_schema={"type": "object", "properties": {}},
        )
        yield client


@pytest.fixture(scope="module")
def worker(
    server: Server, deployed: SyncPrefectClient, face_models: Path
) -> Iterator["subprocess.Popen[bytes]"]:
    with worker_for(server, "cpu") as process:
        yield process


@contextmanager
def submitting(server: Server, *arguments: object) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(
        [AVATAR, "submit", *map(str, arguments), *SMALL],
        env=server.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def submitted(server: Server, *arguments: object) -> tuple[int, str, str]:
    """Exit code, stdout, stderr."""
    with submitting(server, *arguments) as process:
        out, errors = process.communicate(timeout=120)
        return process.returncode, out, errors


def runs_of(client: SyncPrefectClient, caller: str) -> list[FlowRun]:
    return [run for run in client.read_flow_runs() if f"caller:{caller}" in run.tags]


def test_without_a_server_it_says_so(portrait_file: Path, tmp_path: Path) -> None:
    nowhere = Server(tmp_path / "home", free_port(), {"AVATAR_STORE": str(tmp_path / "store")})
    code, _, errors = submitted(
        nowhere, portrait_file, "--script", SENTENCE, "-o", tmp_path / "o.mp4"
    )
    assert code == 4
    assert errors.startswith("service_unavailable: Prefect's API does not answer")


def test_without_a_deployment_it_says_so(
    server: Server, portrait_file: Path, tmp_path: Path
) -> None:
    code, _, errors = submitted(
        server, portrait_file, "--script", SENTENCE, "-o", tmp_path / "o.mp4"
    )
    assert (code, "no deployment 'avatar-video/cpu'" in errors) == (2, True), errors


def test_ctrl_c_leaves_the_run_which_the_same_command_follows_again(
    server: Server, deployed: SyncPrefectClient, portrait_file: Path, tmp_path: Path
) -> None:
    arguments = (portrait_file, "--script", SENTENCE, "-o", tmp_path / "o.mp4", "--caller", "anna")
    with submitting(server, *arguments) as process:
        (run,) = eventually(lambda: runs_of(deployed, "anna") or None, 60)
        time.sleep(1)  # until it follows
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert f"prefect flow-run cancel {run.id}" in errors
    assert "Traceback" not in errors
    code, told, _ = submitted(server, *arguments, "--no-wait")
    assert (code, run.name in told) == (0, True), told
    assert [one.id for one in runs_of(deployed, "anna")] == [run.id]
    deployed.delete_flow_run(run.id)


def test_a_run_that_nobody_takes_is_explained_and_one_that_is_cancelled_fails(
    server: Server, deployed: SyncPrefectClient, portrait_file: Path, tmp_path: Path
) -> None:
    arguments = ("--script", SENTENCE, "-o", tmp_path / "o.mp4", "--caller", "bob")
    with submitting(server, portrait_file, *arguments, "--queue", "high") as process:
        (run,) = eventually(lambda: runs_of(deployed, "bob") or None, 60)
        assert run.work_queue_name == "high"
        assert process.stderr is not None
        told = process.stderr.readline()
        deployed.set_flow_run_state(run.id, Cancelled(message="Not today."), force=True)
        _, errors = process.communicate(timeout=30)
    assert "no worker polls the work pool cpu" in told
    assert process.returncode == 1
    assert errors == f"run_failed: the run {run.name} ended as Cancelled: Not today.\n"


def test_a_video_arrives_with_all_that_lies_beside_it(
    server: Server, worker: object, portrait_file: Path, tmp_path: Path
) -> None:
    mine = tmp_path / "mine.png"
    mine.write_bytes(portrait_file.read_bytes())
    out = tmp_path / "out" / "talk.mp4"
    code, told, errors = submitted(server, mine, "--script", SENTENCE, "-o", out)
    assert code == 0, errors
    assert "lip_correlation" in told
    assert str(out) in told
    beside = {path.name.removeprefix("talk") for path in out.parent.iterdir()}
    assert beside == {".mp4", ".srt", ".vtt", ".thumbnail.jpg", ".sheet.png", ".manifest.json"}
    assert str(mine) not in out.with_name("talk.manifest.json").read_text()  # sent, not pointed at


def test_a_portrait_refused_there_is_refused_here(
    server: Server, worker: object, tmp_path: Path
) -> None:
    from skimage import data, io

    io.imsave(tmp_path / "coins.png", data.coins())  # type: ignore[no-untyped-call]
    code, _, errors = submitted(
        server, tmp_path / "coins.png", "--script", SENTENCE, "-o", tmp_path / "o.mp4"
    )
    assert (code, errors.partition(":")[0]) == (2, "face_not_found"), errors
    assert not (tmp_path / "o.mp4").exists()


def test_a_file_that_cannot_be_sent_is_refused_before_anything_is_asked(
    store_here: Path, portrait_file: Path, tmp_path: Path
) -> None:
    def told(portrait: Path, audio: Path, output: str) -> str:
        given = request_of(str(portrait), str(tmp_path / output), audio=str(audio))
        with pytest.raises(InputError) as refused:
            stored(given)
        return refused.value.code

    assert told(tmp_path / "none.png", portrait_file, "o.mp4") == "image_unreadable"
    assert told(portrait_file, tmp_path / "none.wav", "o.mp4") == "audio_unreadable"
    assert told(portrait_file, portrait_file, "o.txt") == "output_not_writable"


def test_the_cost_is_about_the_seconds_of_speech(portrait_file: Path) -> None:
    def cost(**speech: object) -> float:
        return cost_s(
            VideoRequest.model_validate({"portrait": {"image": "me.jpg"}, "speech": speech})
        )

    assert cost(script="a" * 150) == pytest.approx(10)
    assert cost(script="a" * 150, rate=2) == pytest.approx(5)
    assert cost(topic="bees", duration_s=40) == 40
    assert cost(audio=str(portrait_file)) == portrait_file.stat().st_size / 16_000
