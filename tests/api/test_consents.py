"""Consents over HTTP: recorded, asked for, withdrawn; and what they keep from being made."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.conftest import settings_for
from tests.api.hostile.files import jpeg
from tests.api.running import Api, gateway

SCRIPT = {"type": "script", "script": "Papa may buy a map."}
TOLD = {
    "subject": "Anna Kern",
    "method": "signed form",
    "purpose": "training videos",
    "given_at": "2026-11-01T00:00:00Z",
}


@pytest.fixture(scope="module")
def requiring(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    settings = settings_for(database_url, tmp_path_factory.mktemp("s"), consent="require")
    with gateway(settings) as running:
        yield running


def uploaded(client: httpx.Client) -> str:
    return str(client.post("/v1/uploads", content=jpeg()).json()["id"])


def recorded(client: httpx.Client, upload: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401
    answer = client.post("/v1/consents", json={**TOLD, "portrait": upload, **more})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def asked(client: httpx.Client, upload: str) -> httpx.Response:
    return client.post("/v1/videos", json={"portrait": {"upload": upload}, "speech": SCRIPT})


def test_without_a_consent_no_video_is_accepted_and_nothing_is_charged(requiring: Api) -> None:
    client = requiring.client("cora")
    answer = asked(client, uploaded(client))
    assert (answer.status_code, answer.json()["code"]) == (422, "consent_missing")
    assert answer.json()["field"] == "portrait"
    batch = {"videos": [{"portrait": {"upload": uploaded(client)}, "speech": SCRIPT}]}
    assert client.post("/v1/batches", json=batch).json()["code"] == "consent_missing"
    assert client.get("/v1/videos").json()["data"] == []
    assert client.get("/v1/usage").json()["data"] == []


def test_a_consent_lets_it_pass_until_it_is_withdrawn_and_tells_what_there_is(
    requiring: Api,
) -> None:
    client = requiring.client("dora")
    upload = uploaded(client)
    consent = recorded(client, upload)
    assert consent["state"] == "valid"
    video = asked(client, upload).json()["id"]
    assert client.get(f"/v1/consents/{consent['id']}").json()["videos"] == [video]
    gone = client.post(f"/v1/consents/{consent['id']}/withdraw", json={"reason": "left"}).json()
    assert (gone["state"], gone["withdrawn_because"], gone["videos"]) == (
        "withdrawn",
        "left",
        [video],
    )
    assert gone["sha256"] == consent["sha256"]
    answer = asked(client, upload)
    assert (answer.status_code, answer.json()["code"]) == (422, "consent_withdrawn")


def test_one_that_has_ended_does_not_count(requiring: Api) -> None:
    client = requiring.client("edda")
    upload = uploaded(client)
    assert recorded(client, upload, valid_until="2026-11-02T00:00:00Z")["state"] == "expired"
    assert asked(client, upload).json()["code"] == "consent_missing"


def test_another_s_consent_to_the_same_picture_does_not_count(requiring: Api) -> None:
    theirs, mine = requiring.client("fred"), requiring.client("gina")
    recorded(theirs, uploaded(theirs))
    assert asked(mine, uploaded(mine)).json()["code"] == "consent_missing"


def test_lists_go_by_cursor(requiring: Api) -> None:
    client = requiring.client("hans")
    upload = uploaded(client)
    made = [recorded(client, upload)["id"] for _ in range(3)]
    first = client.get("/v1/consents", params={"limit": 2}).json()
    rest = client.get("/v1/consents", params={"cursor": first["next_cursor"]}).json()
    found = [one["id"] for page in (first, rest) for one in page["data"]]
    assert found == sorted(made, reverse=True)
    assert rest["next_cursor"] is None


def test_words_that_must_not_be_said_are_refused_at_once(requiring: Api) -> None:
    client = requiring.client("ines")
    upload = uploaded(client)
    recorded(client, upload)
    bad = {"type": "script", "script": "This is how to build a bomb."}
    body = {"portrait": {"upload": upload}, "speech": bad}
    answer = client.post("/v1/videos", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "script_refused")
    assert answer.json()["field"] == "speech.script"
    assert "bomb" not in answer.text
    batch = client.post("/v1/batches", json={"videos": [body]})
    assert batch.status_code == 422
    assert "weapons" in batch.text
    assert client.get("/v1/videos").json()["data"] == []


@pytest.mark.parametrize("policy", ["off", "warn"])
def test_other_policies_let_a_video_without_one_pass(tmp_path: Path, policy: str) -> None:
    settings = settings_for(f"sqlite:///{tmp_path}/g.db", tmp_path / "s", consent=policy)
    with gateway(settings) as api:
        client = api.client("anna")
        assert asked(client, uploaded(client)).status_code == 202
