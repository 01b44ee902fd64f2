"""The gateway keeps to its OpenAPI document, whatever a generator of requests thinks of.

Prefect is real, so that preflights and dispatching happen; what a worker would do is done by hand.
CONTRACT_EXAMPLES in the environment asks for more than the few of every day.
"""

import os
import re
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import FlakyStrategyDefinition
from schemathesis import Case, GenerationMode
from schemathesis.config import SchemathesisConfig
from schemathesis.core.failures import FailureGroup
from schemathesis.core.transport import Response
from schemathesis.schemas import BaseSchema

from api.app import create_app
from api.settings import Settings
from tests.api.conftest import settings_for
from tests.api.finishing import MP4, finish
from tests.api.hostile.files import jpeg, wav
from tests.api.prefect_by_hand import PrefectByHand
from tests.api.running import Api, gateway

EXAMPLES = int(os.environ.get("CONTRACT_EXAMPLES", "10"))
STEPS = 8
CHAINS_S = 1.0  # an example
PATIENCE_S = 30
BOUNDED = settings(
    max_examples=EXAMPLES,
    stateful_step_count=STEPS,
    deadline=None,
    derandomize=EXAMPLES == 10,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
UPLOAD = re.compile(r"upl_[0-9a-f]{32}")
# no schema says that an upload must exist, that a budget must suffice
UNSAID = SchemathesisConfig.from_dict({"checks": {"positive_data_acceptance": {"enabled": False}}})
OPERATIONS = [
    (method.upper(), path)
    for path, operations in create_app(Settings()).openapi()["paths"].items()
    for method in operations
]


@pytest.fixture(scope="module")
def api(prefect_server: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    folder = tmp_path_factory.mktemp("contract")
    prefect = PrefectByHand.here(folder / "store")
    more = {"prefect_url": prefect.url, "prefect_auth": prefect.auth}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("api.routes.preflight.WAIT_S", 0.0)  # nobody will look at the portrait
        with gateway(settings_for(f"sqlite:///{folder}/g.db", folder / "store", **more)) as running:
            yield running
    prefect.http.close()


@pytest.fixture(scope="module")
def caller(api: Api) -> httpx.Client:
    return api.client("contract")


@pytest.fixture(scope="module")
def document(api: Api, caller: httpx.Client) -> BaseSchema:
    """With bodies that name uploads which exist, and files that can be decoded."""
    schemathesis.openapi.media_type(
        "application/octet-stream",
        st.sampled_from([jpeg(), wav(), wav(0.2, 16_000)]) | st.binary(max_size=200),
    )
    schema = schemathesis.openapi.from_url(f"{api.url}/openapi.json", config=UNSAID)
    picture = caller.post("/v1/uploads", content=jpeg()).json()["id"]
    sound = caller.post("/v1/uploads", content=wav()).json()["id"]

    @schema.hook
    def map_body(context: object, body: Any) -> Any:  # noqa: ANN401, JSON
        return _with_uploads(body, picture, sound)

    return schema


@pytest.fixture(scope="module")
def video(api: Api, caller: httpx.Client) -> str:
    """One that is done."""
    upload = caller.post("/v1/uploads", content=jpeg()).json()["id"]
    body = {"portrait": {"upload": upload}, "speech": {"type": "script", "script": "Papa."}}
    made = str(caller.post("/v1/videos", json=body).json()["id"])
    finish(api, made)
    return made


def _with_uploads(body: Any, picture: str, sound: str, place: str = "") -> Any:  # noqa: ANN401, JSON
    """Every well-formed id of an upload is one of the caller's."""
    if isinstance(body, dict):
        return {name: _with_uploads(value, picture, sound, name) for name, value in body.items()}
    if isinstance(body, list):
        return [_with_uploads(value, picture, sound, place) for value in body]
    if isinstance(body, str) and UPLOAD.fullmatch(body):
        return sound if place == "recording" else picture
    return body


@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_an_operation_keeps_to_the_document(
    api: Api,
    caller: httpx.Client,
    document: BaseSchema,
    method: str,
    path: str,
    mode: GenerationMode,
) -> None:
    headers = {"Authorization": caller.headers["authorization"]}

    @BOUNDED
    @given(case=document[path][method].as_strategy(mode))
    def keeps(case: Case[Any]) -> None:
        case.call_and_validate(base_url=api.url, headers=headers, timeout=PATIENCE_S)

    keeps()


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_an_operation_refuses_strangers(
    api: Api, document: BaseSchema, method: str, path: str
) -> None:
    headers = {"Authorization": "Bearer av_live_" + "A" * 43}

    @settings(BOUNDED, max_examples=max(2, EXAMPLES // 5))
    @given(case=document[path][method].as_strategy())
    def refuses(case: Case[Any]) -> None:
        for given_headers in (headers, {}):
            answer = case.call(base_url=api.url, headers=given_headers, timeout=PATIENCE_S)
            case.validate_response(answer)
            assert answer.status_code >= 400

    refuses()


def test_what_was_made_keeps_to_the_document(
    api: Api, caller: httpx.Client, document: BaseSchema
) -> None:
    """Chains of calls: an upload, a video of it, its events, its files, its end."""
    failures: list[FailureGroup] = []
    calls = Counter[str]()
    headers = {"Authorization": caller.headers["authorization"]}

    class Chain(document.as_state_machine()):  # type: ignore[misc]
        def get_call_kwargs(self, case: Case[Any]) -> dict[str, Any]:
            return {"headers": headers, "timeout": PATIENCE_S}

        def before_call(self, case: Case[Any]) -> None:
            _prepare(api, caller, case)

        def validate_response(self, response: Response, case: Case[Any], **kwargs: Any) -> None:  # noqa: ANN401
            calls[f"{case.method} {case.operation.path} {response.status_code}"] += 1
            try:
                super().validate_response(response, case, **kwargs)
            except FailureGroup as failure:
                failures.append(failure)
                raise

    end = time.monotonic() + EXAMPLES * CHAINS_S
    while not failures and time.monotonic() < end:
        # ids differ each time, which Hypothesis takes for a flaw of the strategies
        with suppress(FlakyStrategyDefinition):
            Chain.run(settings=settings(BOUNDED, max_examples=5, derandomize=False))
    assert not failures
    assert {"2", "4"} <= {call.rpartition(" ")[2][0] for call in calls}


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("GET", {}, 200),
        ("HEAD", {}, 200),
        ("GET", {"Range": "bytes=0-99"}, 206),
        ("GET", {"Range": "bytes=99999-"}, 416),
        ("GET", {"Range": "bytes=5-2"}, 400),
        ("GET", {"Range": "bytes=" + ",".join(["0-"] * 1_000)}, 200),
        ("GET", {"If-None-Match": "*"}, 200),
    ],
)
def test_a_file_keeps_to_the_document(
    api: Api,
    video: str,
    caller: httpx.Client,
    document: BaseSchema,
    method: str,
    headers: dict[str, str],
    status: int,
) -> None:
    link = caller.get(f"/v1/videos/{video}").json()["files"]["video"]
    case = document["/v1/videos/{video_id}/files/{name}"][method].Case(
        path_parameters={"video_id": video, "name": "video.mp4"},
        query=dict(parse_qsl(urlsplit(link).query)),
    )
    answer = case.call_and_validate(base_url=api.url, headers=headers)
    assert answer.status_code == status
    assert len(answer.content) <= 2 * len(MP4)  # many ranges of one file are no amplifier
    if status == 200 and method == "GET":
        etag = {"If-None-Match": answer.headers["etag"][0]}
        assert case.call_and_validate(base_url=api.url, headers=etag).status_code == 304


def test_a_stream_keeps_to_the_document(
    api: Api, video: str, caller: httpx.Client, document: BaseSchema
) -> None:
    authorization = {"Authorization": caller.headers["authorization"]}
    case = document["/v1/videos/{video_id}/events"]["GET"].Case(path_parameters={"video_id": video})
    answer = case.call_and_validate(base_url=api.url, headers=authorization)
    assert b"event: video.done" in answer.content
    known = {**authorization, "Last-Event-ID": "9" * 18}
    assert case.call_and_validate(base_url=api.url, headers=known).status_code == 204


def _prepare(api: Api, caller: httpx.Client, case: Case[Any]) -> None:
    """Streams of a video end when it does, and its files open by the links that it has."""
    path = case.operation.path
    if not path.endswith("/events") and "/files/" not in path:
        return
    video = str((case.path_parameters or {}).get("video_id", ""))
    known = caller.get(f"/v1/videos/{video}") if re.fullmatch(r"vid_\w{32}", video) else None
    if known is None or not known.is_success:
        return
    if known.json()["status"] in ("queued", "running"):
        finish(api, video)
    if "/files/" in path:
        link = caller.get(f"/v1/videos/{video}").json()["files"]["video"]
        case.path_parameters["name"] = "video.mp4"
        case.query = dict(parse_qsl(urlsplit(link).query))
