"""Segments in a pool: a real server, warm workers in processes of their own, the real renderer."""

import json
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import psutil
import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.states import AwaitingRetry, Cancelled, Cancelling
from skimage import data, io

from flows.avatar_video import avatar_video
from models import renderers, segments
from models.contracts import VideoRequest, VideoResult
from models.errors import MissingModels, SegmentFailed, SetupError
from tasks import pool
from tasks.progress import listening
from tasks.settings import settings
from tests.flows import odd_renderers
from tests.flows.pools import CPU, GPU, IDLE, SEGMENTS, deploy, ended, eventually, subruns, worker

TEXT = "Papa may buy a blue map. Maybe mama keeps it. We both go home by bus, and she waves."


class Stage:
    """What the tests do."""

    def __init__(self, client: SyncPrefectClient, folder: Path, portrait: Path) -> None:
        self.client, self.folder, self.portrait = client, folder, portrait

    def request(self, seed: int, renderer: str = "counting", **changes: object) -> dict[str, Any]:
        """Each test has a seed of its own, so that none finds another's segments."""
        given: dict[str, object] = {
            "portrait": {"image": str(self.portrait)},
            "speech": {"script": TEXT},
            "look": {"resolution": 256, "fps": "24", "seed": seed},
            "delivery": {"key_prefix": f"videos/{seed}-{renderer}"},
            "renderer": renderer,
        }
        return VideoRequest.model_validate(given | changes).model_dump(mode="json")

    def here(self, request: dict[str, Any]) -> VideoResult:
        """The parent in this process."""
        return avatar_video(VideoRequest.model_validate(request))

    def there(self, request: dict[str, Any], **options: Any) -> UUID:  # noqa: ANN401
        """The parent on a worker of the CPU pool."""
        deployment = self.client.read_deployment_by_name("avatar-video/here")
        return self.client.create_flow_run_from_deployment(
            deployment.id, parameters={"request": request}, **options
        ).id

    def parts(self, run: UUID) -> list[FlowRun]:
        return subruns(self.client, run)

    def parts_in(self, run: UUID, kind: StateType, count: int = 1) -> list[FlowRun] | None:
        found = [part for part in self.parts(run) if part.state_type is kind]
        return found if len(found) >= count else None

    def tasks(self, run: UUID) -> list[tuple[str, str]]:
        """(name, state), of every life of the run."""
        mine = FlowRunFilter(id=FlowRunFilterId(any_=[run]))
        found = self.client.read_task_runs(flow_run_filter=mine)
        return [(task.name.rsplit("-", 1)[0], str(task.state_name)) for task in found]

    def stored(self, key: str) -> Path:
        return Path(settings().store) / key


@pytest.fixture(scope="module")
def stage(
    prefect_server: None, face_models: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("pool")
    portrait = folder / "astronaut.png"
    io.imsave(portrait, data.astronaut())  # type: ignore[no-untyped-call]
    lengths = (segments.TARGET_S, segments.SHORTEST_S, segments.LONGEST_S)
    known = dict(renderers.RENDERERS)
    with pytest.MonkeyPatch.context() as patch, get_client(sync_client=True) as client:
        patch.setenv("AVATAR_STORE", str(folder / "store"))
        patch.setenv("AVATAR_SEGMENT_DEPLOYMENT", SEGMENTS)
        patch.setenv("PREFECT_LOCAL_STORAGE_PATH", str(folder / "store" / "results"))
        patch.setenv(odd_renderers.FOLDER, str(folder))
        odd_renderers.install()
        settings.cache_clear()
        deploy(client)
        yield Stage(client, folder, portrait)
        settings.cache_clear()
    segments.TARGET_S, segments.SHORTEST_S, segments.LONGEST_S = lengths
    renderers.RENDERERS.clear()
    renderers.RENDERERS.update(known)


@pytest.fixture(scope="module")
def gpu(stage: Stage) -> Iterator[None]:
    """Two workers that render segments."""
    with worker(GPU, stage.folder / "gpu-0.log"), worker(GPU, stage.folder / "gpu-1.log"):
        yield


@pytest.fixture
def cpu(stage: Stage) -> Iterator[None]:
    """A worker for parents, gone after the test: another kills a worker to see its run go on."""
    with worker(CPU, stage.folder / "cpu.log"):
        yield


@contextmanager
def segments_by(deployment: str) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AVATAR_SEGMENT_DEPLOYMENT", deployment)
        settings.cache_clear()
        yield
    settings.cache_clear()


@pytest.fixture(autouse=True)
def clean_slate(stage: Stage) -> None:
    for note in (*stage.folder.glob("*-began-*"), *stage.folder.glob("died-*")):
        note.unlink()


def test_a_pool_makes_the_very_file_that_one_process_makes(stage: Stage, gpu: None) -> None:
    pooled = stage.here(stage.request(1))
    clip = stage.stored(pooled.video).read_bytes()
    began = odd_renderers.rendered()
    for kept in (*stage.stored("segments").iterdir(), *stage.stored("clips").iterdir()):
        kept.unlink()
    with segments_by(""):
        inline = stage.here(stage.request(1))
    assert len(began) > 1
    assert odd_renderers.rendered() == sorted(began * 2)
    assert stage.stored(inline.video).read_bytes() == clip


def test_what_is_stored_is_not_rendered_again(stage: Stage, gpu: None) -> None:
    stage.here(stage.request(2))
    began = odd_renderers.rendered()
    shutil.rmtree(stage.stored("clips"))
    stage.here(stage.request(2))
    assert len(began) == len(set(began)) > 1
    assert odd_renderers.rendered() == began


def test_queue_and_tags_are_handed_on(stage: Stage, gpu: None, cpu: None) -> None:
    tags = ["caller:ann", "video:v3", "other"]
    run = stage.there(stage.request(3), work_queue_name="high", tags=tags)
    assert ended(stage.client, run).state_type is StateType.COMPLETED
    for part in stage.parts(run):
        assert part.work_queue_name == "high"
        assert {"caller:ann", "video:v3"} <= set(part.tags)
        assert "other" not in part.tags


def test_the_parent_counts_the_frames_of_all(
    stage: Stage, gpu: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "EVERY_S", 0.5)
    monkeypatch.setattr("tasks.progress.EVERY_S", 0.5)
    heard: list[int] = []
    with listening(lambda stage, done, total: heard.append(done) if total else None):
        result = stage.here(stage.request(4, "slow"))
    whole = [done for done in heard if done in {0, result.frames}]
    assert heard == sorted(heard)
    assert heard[-1] == result.frames
    assert len(heard) > len(whole)


def test_a_segment_s_own_error_is_the_parent_s(stage: Stage, gpu: None) -> None:
    with pytest.raises(MissingModels, match="the weights are gone"):
        stage.here(stage.request(5, "never-works"))
    told = json.loads(stage.stored("videos/5-never-works/error.json").read_text())
    assert told == {
        "code": "models_missing",
        "message": "the weights are gone: run `make setup`",
        "retryable": False,
    }
    kept = {path.name for path in stage.stored("videos/5-never-works").iterdir()}
    assert kept == {"error.json", "journal.json"}


def test_a_hiccup_is_tried_again(stage: Stage, gpu: None) -> None:
    assert stage.here(stage.request(6, "fails-once")).quality.passed


def test_a_segment_whose_process_dies_arrives_all_the_same(stage: Stage, gpu: None) -> None:
    result = stage.here(stage.request(7, "dies-once"))
    assert result.quality.passed
    assert list(stage.folder.glob("died-*"))


def test_a_segment_that_takes_too_long_is_said(stage: Stage, gpu: None) -> None:
    with (
        segments_by("render-segment/brief"),
        pytest.raises(SegmentFailed, match=r"frames \d+-\d+ could not be rendered \(TimedOut"),
    ):
        stage.here(stage.request(8, "hangs"))


def test_a_cancelled_parent_takes_its_segments_along(stage: Stage, gpu: None, cpu: None) -> None:
    run = stage.there(stage.request(9, "hangs"))
    eventually(lambda: stage.parts_in(run, StateType.RUNNING, 2))
    asked = time.monotonic()
    stage.client.set_flow_run_state(run, Cancelling())
    every = len(stage.parts(run))
    eventually(lambda: stage.parts_in(run, StateType.CANCELLED, every), 20)
    assert time.monotonic() - asked < 10
    assert ended(stage.client, run).state_type is StateType.CANCELLED


def test_a_killed_parent_goes_on_elsewhere_with_what_is_there(stage: Stage, gpu: None) -> None:
    """The machine is gone; another one sees the same store under another name."""
    portrait = stage.folder / "only-on-the-first.png"
    shutil.copyfile(stage.portrait, portrait)
    request = stage.request(10, "slow", portrait={"image": str(portrait)})
    with worker(CPU, stage.folder / "cpu-1.log") as first:
        run = stage.there(request)
        eventually(lambda: stage.parts_in(run, StateType.COMPLETED))
        for process in (first, *psutil.Process(first.pid).children(recursive=True)):
            process.send_signal(signal.SIGKILL)
        first.wait()
    portrait.unlink()
    view = stage.folder / "the-same-store"
    view.symlink_to(stage.stored(""))
    stage.client.set_flow_run_state(run, AwaitingRetry(), force=True)
    with worker(CPU, stage.folder / "cpu-2.log", AVATAR_STORE=str(view)):
        assert ended(stage.client, run).state_type is StateType.COMPLETED
    began = odd_renderers.rendered()
    assert len(began) == len(set(began)) == len(stage.parts(run))
    cached = {"check-request", "check-portrait", "make-speech", "follow-mouth"}
    # the server learns of tasks by events, which may come after the end of their run
    eventually(
        lambda: cached <= {name for name, state in stage.tasks(run) if state == "Cached"} or None
    )
    assert stage.stored("videos/10-slow/result.json").exists()


UNSERVED = "nobody-here, queue default, has no worker"


def test_a_pool_without_workers_is_said_and_a_cancelled_segment_too(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(pool, "UNTAKEN_S", 1.0)

    def cancel_when_asked(client: SyncPrefectClient) -> None:
        waiting = eventually(lambda: client.get_scheduled_flow_runs_for_work_pool(IDLE) or None)
        try:
            eventually(lambda: UNSERVED in caplog.text or None, 30)
        finally:  # or the parent waits for ever
            client.set_flow_run_state(waiting[0].flow_run.id, Cancelled(), force=True)

    helper = threading.Thread(target=cancel_when_asked, args=(stage.client,))
    helper.start()
    with (
        segments_by("render-segment/nowhere"),
        pytest.raises(SegmentFailed, match="somebody cancelled it"),
    ):
        stage.here(stage.request(11))
    helper.join()
    assert not stage.client.get_scheduled_flow_runs_for_work_pool(IDLE)


def test_a_deployment_that_is_not_there_is_named(stage: Stage) -> None:
    with (
        segments_by("render-segment/lost"),
        pytest.raises(SetupError, match="no deployment 'render-segment/lost'"),
    ):
        stage.here(stage.request(12))


def test_nothing_is_left_behind(stage: Stage, gpu: None) -> None:
    stage.here(stage.request(13))
    assert list(stage.stored(".work").iterdir()) == []
    assert not stage.stored("failures").exists()
