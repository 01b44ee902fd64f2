"""Nobody sees or touches what is another's: every operation of the document, no route left out.

For each id that an operation takes, in its path, its query or its body, the stranger is answered
as for an id that does not exist. A new route, or a new field that names an id, fails here until it
is known.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from api.app import create_app
from api.settings import Settings
from tests.api.conftest import settings_for
from tests.api.finishing import finish
from tests.api.hostile.files import jpeg, wav
from tests.api.prefect_by_hand import PrefectByHand
from tests.api.running import Api, gateway

DOCUMENT = create_app(Settings()).openapi()
Json = dict[str, Any]
SCRIPT = {"type": "script", "script": "Papa may buy a map."}
CONSENT = {
    "subject": "Anna",
    "method": "signed form",
    "purpose": "training",
    "given_at": "2026-11-01T00:00:00Z",
}
AN_ID = re.compile(r"\b[a-z]{2,8}_[0-9a-f]{32}\b")
MOVING = re.compile(r'"(eta_s|queue_position|percent|stage|links_expire_at)":[^,]+')
CHANCE = re.compile(r"req_[0-9a-f]{24}")
NOT_IDS = frozenset({"name"})  # of a file of a video


@dataclass(frozen=True)
class Things:
    """One of everything that somebody can have."""

    video: str
    done: str  # a video with files
    batch: str
    upload: str
    recording: str
    preflight: str
    webhook: str
    delivery: str
    consent: str

    def of(self, parameter: str) -> tuple[str, ...]:
        """The real ids that a parameter of this name may be given."""
        known = {
            "video_id": (self.video, self.done),
            "batch_id": (self.batch,),
            "batch": (self.batch,),
            "upload_id": (self.upload, self.recording),
            "preflight_id": (self.preflight,),
            "video": (self.video, self.done),
            "webhook": (self.webhook,),
            "webhook_id": (self.webhook,),
            "delivery_id": (self.delivery,),
            "consent_id": (self.consent,),
        }
        return known[parameter]


def operations(method: str | None = None) -> Iterator[tuple[str, str, Json]]:
    for path, methods in DOCUMENT["paths"].items():
        for name, operation in methods.items():
            if method in (None, name):
                yield name, path, operation


WITH_ID = [(method, path) for method, path, _ in operations() if "{" in path]
LISTS = [path for _, path, _ in operations("get") if "{" not in path]
WITH_BODY = [(method, path) for method, path, one in operations() if "requestBody" in one]


@pytest.fixture(scope="module")
def api(prefect_server: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    folder = tmp_path_factory.mktemp("owners")
    prefect = PrefectByHand.here(folder / "store")
    more = {"prefect_url": prefect.url, "prefect_auth": prefect.auth}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("api.routes.preflight.WAIT_S", 0.0)
        with gateway(settings_for(f"sqlite:///{folder}/g.db", folder / "store", **more)) as running:
            yield running
    prefect.http.close()


@pytest.fixture(scope="module")
def theirs(api: Api) -> Things:
    client = api.client("anna")

    def made(path: str, body: object) -> str:
        answer = client.post(path, json=body)
        assert answer.is_success, answer.text
        return str(answer.json()["id"])

    upload = client.post("/v1/uploads", content=jpeg()).json()["id"]
    portrait = {"upload": upload}
    done = made("/v1/videos", {"portrait": portrait, "speech": SCRIPT})
    finish(api, done)
    webhook = made("/v1/webhooks", {"url": "https://hooks.invalid/avatar"})
    return Things(
        video=made("/v1/videos", {"portrait": portrait, "speech": SCRIPT}),
        done=done,
        batch=made("/v1/batches", {"videos": [{"portrait": portrait, "speech": SCRIPT}]}),
        upload=upload,
        recording=client.post("/v1/uploads", content=wav()).json()["id"],
        preflight=made("/v1/preflight", {"portrait": portrait}),
        webhook=webhook,
        delivery=made(f"/v1/webhooks/{webhook}/test", {}),
        consent=made("/v1/consents", {"portrait": upload, **CONSENT}),
    )


@pytest.fixture(scope="module")
def stranger(api: Api) -> httpx.Client:
    return api.client("ben")


@pytest.mark.parametrize(("method", "path"), WITH_ID)
def test_an_id_of_another_is_an_id_of_nobody(
    api: Api, theirs: Things, stranger: httpx.Client, method: str, path: str
) -> None:
    before = seen(api, theirs)
    for parameter in re.findall(r"{(\w+)}", path):
        if parameter in NOT_IDS:
            continue
        for real in theirs.of(parameter):
            nobody = f"{real.partition('_')[0]}_{'0' * 32}"
            answers = [asked(stranger, method, path, one) for one in (real, nobody)]
            assert answers[0].status_code in (403, 404), answers[0].text
            assert told(answers[0], real) == told(answers[1], nobody)
    assert seen(api, theirs) == before


def asked(client: httpx.Client, method: str, path: str, name: str) -> httpx.Response:
    place = path.replace("{name}", "video.mp4")
    place = re.sub(r"{\w+}", name, place)
    if "/files/" in path:
        place += f"?expires={2**33}&signature={'0' * 64}"
    body: Json | None = {} if "requestBody" in DOCUMENT["paths"][path][method] else None
    return client.request(method.upper(), place, json=body)


def told(answer: httpx.Response, name: str) -> tuple[int, str, list[str]]:
    """The answer without what is of this request alone."""
    varying = ("x-request-id", "date", "ratelimit-remaining", "ratelimit-reset", "content-length")
    headers = sorted(f"{key}: {text}" for key, text in answer.headers.items() if key not in varying)
    return answer.status_code, CHANCE.sub("", answer.text.replace(name, "ID")), headers


def seen(api: Api, things: Things) -> list[Any]:
    """What their owner sees of them; they are as before."""
    client = api.client("anna")
    paths = [
        f"/v1/videos/{things.done}",
        f"/v1/uploads/{things.upload}",
        "/v1/videos",
        "/v1/uploads",
    ]
    found = [client.get(path) for path in paths]
    assert all(answer.is_success for answer in found)
    return [re.sub(r"https?://\S+", "", MOVING.sub("", answer.text)) for answer in found]


@pytest.mark.parametrize("path", LISTS)
def test_a_list_shows_nothing_of_another(theirs: Things, stranger: httpx.Client, path: str) -> None:
    mine = set(AN_ID.findall(json.dumps(vars(theirs))))
    answer = stranger.get(path)
    assert answer.status_code == 200, answer.text
    assert not mine & set(AN_ID.findall(answer.text))


@pytest.mark.parametrize(
    ("path", "parameter"),
    [
        (path, parameter["name"])
        for _, path, one in operations("get")
        for parameter in one.get("parameters", ())
        if parameter["in"] == "query" and parameter["name"] not in ("expires", "signature")
    ],
)
def test_a_filter_finds_nothing_of_another(
    theirs: Things, stranger: httpx.Client, path: str, parameter: str
) -> None:
    """A cursor only says where a list of one's own goes on."""
    free = {"limit", "kind", "status", "since", "until", "language", "download"}
    if parameter in free or "{" in path:
        return
    given = vars(theirs).values() if parameter == "cursor" else theirs.of(parameter)
    for name in given:
        answer = stranger.get(path, params={parameter: name})
        assert answer.status_code == 200, answer.text
        assert answer.json()["data"] == []


def fields_of_ids(schema: Json, place: str = "") -> Iterator[str]:
    """Where in a body an id of something may stand."""
    if "$ref" in schema:
        schema = DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    if re.match(r"\^[a-z]{2,8}_\[0-9a-f\]", schema.get("pattern", "")):
        yield place
    for name, part in schema.get("properties", {}).items():
        yield from fields_of_ids(part, f"{place}.{name}" if place else name)
    for part in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        yield from fields_of_ids(part, place)
    if "items" in schema:
        yield from fields_of_ids(schema["items"], place)


def bodies(things: Things) -> dict[tuple[str, str], Json]:
    """For each field that names an id: a body in which that one alone is another's."""
    own = {"portrait": {"upload": "OWN"}, "speech": SCRIPT}
    portrait = {**own, "portrait": {"upload": things.upload}}
    recording = {**own, "speech": {"type": "recording", "upload": things.recording}}
    picture = {**own, "look": {"background": {"kind": "picture", "upload": things.upload}}}
    found: dict[tuple[str, str], Json] = {
        ("/v1/consents", "portrait"): {"portrait": things.upload, **CONSENT},
        ("/v1/preflight", "portrait.upload"): {"portrait": {"upload": things.upload}},
        ("/v1/preflight", "recording"): {
            "portrait": {"upload": "OWN"},
            "recording": things.recording,
        },
    }
    for field, body in (
        ("portrait.upload", portrait),
        ("speech.upload", recording),
        ("look.background.upload", picture),
    ):
        found["/v1/videos", field] = body
        found["/v1/batches", f"videos.{field}"] = {"videos": [body]}
        found["/v1/quotes", field] = body
    return found


@pytest.mark.parametrize(("method", "path"), WITH_BODY)
def test_a_body_with_an_id_of_another_is_refused(
    theirs: Things, stranger: httpx.Client, method: str, path: str
) -> None:
    content = DOCUMENT["paths"][path][method]["requestBody"]["content"]
    named = set(fields_of_ids(content.get("application/json", {}).get("schema", {})))
    known = {field: body for (place, field), body in bodies(theirs).items() if place == path}
    assert named == set(known), f"bodies() does not know {named ^ set(known)} of {path}"
    own = stranger.post("/v1/uploads", content=jpeg()).json()["id"]
    for field, body in known.items():
        text = json.dumps(body).replace("OWN", own)
        answers = []
        for name in (None, "0" * 32):
            given = text
            for other in (theirs.upload, theirs.recording):
                given = given.replace(other, f"upl_{name}") if name else given
            answers.append(posted(stranger, method, path, given))
        assert [one.status_code for one in answers] == [422, 422], (field, answers[0].text)
        texts = [CHANCE.sub("", AN_ID.sub("ID", answer.text)) for answer in answers]
        assert texts[0] == texts[1]


def posted(client: httpx.Client, method: str, path: str, text: str) -> httpx.Response:
    headers = {"Content-Type": "application/json"}
    return client.request(method.upper(), path, content=text, headers=headers)


def test_an_idempotency_key_of_another_replays_nothing(
    api: Api, theirs: Things, stranger: httpx.Client
) -> None:
    owner = api.client("anna")
    body = {"portrait": {"upload": theirs.upload}, "speech": SCRIPT}
    headers = {"Idempotency-Key": "shared"}
    assert owner.post("/v1/videos", json=body, headers=headers).status_code == 202
    answer = stranger.post("/v1/videos", json=body, headers=headers)
    assert answer.status_code == 422
    assert "idempotency-replayed" not in answer.headers


def test_a_link_opens_only_the_file_it_was_made_for(api: Api, theirs: Things) -> None:
    client = api.client("anna")
    files = client.get(f"/v1/videos/{theirs.done}").json()["files"]
    assert httpx.get(files["video"]).status_code == 200
    other = files["video"].replace(theirs.done, theirs.video)
    assert httpx.get(other).status_code == 403
    assert httpx.get(files["video"].replace("video.mp4", "captions.vtt")).status_code == 403
