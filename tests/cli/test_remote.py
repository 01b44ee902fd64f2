"""`avatar submit --api` against a real gateway; the test does what the workers would."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from api.database import Database
from api.tables import Video
from cli.main import run
from models.contracts import Failure
from tests.api.conftest import settings_for
from tests.api.finishing import FILES, finishing
from tests.api.running import Api, gateway

WORDS = "Papa may buy a map."


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    folder = tmp_path_factory.mktemp("remote")
    with gateway(settings_for(f"sqlite:///{folder}/g.db", folder / "store")) as running:
        yield running


def submit(
    api: Api, monkeypatch: pytest.MonkeyPatch, owner: str, portrait: Path, *more: str
) -> int:
    monkeypatch.setenv("AVATAR_API", api.url)
    monkeypatch.setenv("AVATAR_API_KEY", api.key(owner))
    return run(["submit", str(portrait), "--script", WORDS, *more])


def test_a_video_is_asked_for_and_fetched(
    api: Api,
    monkeypatch: pytest.MonkeyPatch,
    portrait_file: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    output = tmp_path / "me.mp4"
    with finishing(api):
        code = submit(api, monkeypatch, "anna", portrait_file, "-o", str(output), "--queue", "high")
    assert code == 0, capsys.readouterr().err
    assert output.read_bytes() == FILES["video.mp4"]
    assert (tmp_path / "me.vtt").read_bytes() == FILES["captions.vtt"]
    assert "512x512" in capsys.readouterr().out
    (video,) = api.client("anna").get("/v1/videos").json()["data"]
    assert video["request"]["priority"] == "high"
    assert video["request"]["speech"]["script"] == WORDS


def test_what_is_for_commerce_stays_so(
    api: Api, monkeypatch: pytest.MonkeyPatch, portrait_file: Path, tmp_path: Path
) -> None:
    output = str(tmp_path / "me.mp4")
    more = ("-o", output, "--no-wait", "--commercial")
    assert submit(api, monkeypatch, "shop", portrait_file, *more) == 0

    async def ordered(database: Database) -> list[bool]:
        query = select(Video.order).where(Video.owner == "shop")
        async with database.reading() as session:
            return [order["commercial"] for order in await session.scalars(query)]

    assert api.in_database(ordered) == [True]


def test_the_same_again_fetches_what_was_asked_for(
    api: Api,
    monkeypatch: pytest.MonkeyPatch,
    portrait_file: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    output = str(tmp_path / "me.mp4")
    assert submit(api, monkeypatch, "ben", portrait_file, "-o", output, "--no-wait") == 0
    assert "the same command again" in capsys.readouterr().out
    with finishing(api):
        assert submit(api, monkeypatch, "ben", portrait_file, "-o", output) == 0
    assert submit(api, monkeypatch, "ben", portrait_file, "-o", output) == 0
    assert len(api.client("ben").get("/v1/videos").json()["data"]) == 1


def test_a_failure_is_told_with_its_code(
    api: Api,
    monkeypatch: pytest.MonkeyPatch,
    portrait_file: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    failure = Failure(code="face_turned", message="the face is turned: use a frontal one")
    with finishing(api, failure):
        code = submit(api, monkeypatch, "cara", portrait_file, "-o", str(tmp_path / "me.mp4"))
    assert code == 2
    assert capsys.readouterr().err == f"face_turned: {failure.message}\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("more", "code", "words"),
    [
        (("--api", "http://127.0.0.1:9"), 4, "does not answer"),
        (("--api", "nowhere"), 2, "no address"),
        (("--caller", "me"), 2, "the key says who asks"),
        (("-o", "me.avi"), 2, "me.avi"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(
    api: Api,
    monkeypatch: pytest.MonkeyPatch,
    portrait_file: Path,
    capsys: pytest.CaptureFixture[str],
    more: tuple[str, ...],
    code: int,
    words: str,
) -> None:
    monkeypatch.setattr("api.calling.time.sleep", lambda _: None)
    monkeypatch.setattr("api.calling.FIRST_WAIT_S", 0.0)
    assert submit(api, monkeypatch, "dora", portrait_file, "-o", "me.mp4", *more) == code
    told = capsys.readouterr().err
    assert words in told
    assert told.count("\n") == 1


def test_a_wrong_key_is_named(
    api: Api,
    monkeypatch: pytest.MonkeyPatch,
    portrait_file: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("AVATAR_API_KEY", "av_live_" + "A" * 43)
    line = ["submit", str(portrait_file), "--script", WORDS, "-o", "me.mp4", "--api", api.url]
    assert run(line) == 3
    assert "AVATAR_API_KEY" in capsys.readouterr().err
