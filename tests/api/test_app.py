"""What holds for every route: problems, headers, bounds, and what is written to the log."""

import io
import json
import logging

import httpx

from models.log_lines import JsonLines
from tests.api.running import Api


def test_the_first_day_there_is_has_no_usage(sqlite_api: Api) -> None:
    days = {"since": "0001-01-01", "until": "0001-01-01"}
    answer = sqlite_api.client("stray").get("/v1/usage", params=days)
    assert (answer.status_code, answer.json()["data"]) == (200, [])


def test_every_answer_carries_its_id_and_its_guards(sqlite_api: Api) -> None:
    answer = sqlite_api.http.get("/healthz", headers={"X-Request-ID": "mine-1"})
    assert answer.headers["x-request-id"] == "mine-1"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    forged = sqlite_api.http.get("/healthz", headers={"X-Request-ID": "a b\tc"})
    assert forged.headers["x-request-id"].startswith("req_")


def test_other_sites_pages_may_not_call(sqlite_api: Api) -> None:
    headers = {"Origin": "https://evil.example.com", "Access-Control-Request-Method": "GET"}
    answer = sqlite_api.http.options("/v1/videos", headers=headers)
    assert "access-control-allow-origin" not in answer.headers


def test_metrics_are_not_for_those_behind_a_proxy(sqlite_api: Api) -> None:
    assert sqlite_api.http.get("/metrics").status_code == 200
    forwarded = {"X-Forwarded-For": "203.0.113.9"}
    assert sqlite_api.http.get("/metrics", headers=forwarded).status_code == 403


def test_the_log_keeps_no_secrets() -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    log = logging.Logger("test")
    log.addHandler(handler)
    secret = "av_live_" + "s3cr3t" * 7
    log.info("Authorization: Bearer %s and %s", secret, "eyJhbGciOi.eyJzdWIi.c2lnbmF0dXJl")
    log.info("GET /v1/videos/x/files/video.mp4?expires=1&signature=abcdef0123")
    log.info("postgresql://user:passw0rd@host/db")
    for leaked in ("s3cr3t", "eyJhbG", "abcdef0123", "passw0rd"):
        assert leaked not in stream.getvalue()
    assert all(json.loads(line)["message"] for line in stream.getvalue().splitlines())


def test_the_documents_open_offline(sqlite_api: Api) -> None:
    page = sqlite_api.http.get("/docs")
    assert page.status_code == 200
    assert "/v1/videos/{video_id}/events" in page.text
    assert "https://" not in page.text.replace("https://example", "").replace("https://…", "")
    assert "<script" not in page.text
    document = sqlite_api.http.get("/openapi.json").json()
    assert "ProblemDocument" in document["components"]["schemas"]


def test_a_voice_is_found_by_language(sqlite_api: Api) -> None:
    client = sqlite_api.client("listener")
    voices: httpx.Response = client.get("/v1/voices", params={"language": "de"})
    assert {voice["language"].split("-")[0] for voice in voices.json()["data"]} == {"de"}


def test_renderers_show_their_cards(sqlite_api: Api) -> None:
    found = sqlite_api.client("chooser").get("/v1/renderers").json()["data"]
    mesh = next(one for one in found if one["name"] == "mesh")
    assert (mesh["licence"], mesh["commercial_use"], mesh["weights"]) == ("Apache-2.0", True, None)
    assert mesh["resolutions"] == [256, 512, 720, 1080]
