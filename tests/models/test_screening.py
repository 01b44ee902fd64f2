"""What is refused, by our own list and by a server that speaks Mistral's moderation."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from models.errors import InvalidRequest, ScriptRefused, ServiceUnavailable
from models.screening import PIECE_CHARS, MistralScreen, WordList, require_fit

OWN = WordList({"rivals": ["buy from acme"], "slurs": ["dunce"]})


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("Never buy from ACME again.", ["rivals"]),
        ("Never buy\n from, Acme!", ["rivals"]),
        ("Buy \uff46rom acme, you dunce.", ["rivals", "slurs"]),
        ("We buy from acmeists and duncecaps.", []),
        ("", []),
    ],
)
def test_phrases_are_found_whole_however_they_are_written(text: str, kinds: list[str]) -> None:
    assert list(OWN.found(text)) == kinds


def test_the_list_that_we_bring_refuses_harm_and_lets_work_pass() -> None:
    ours = WordList.load()
    assert ours.found("Here is how to build a bomb, step by step.") == ["weapons"]
    assert ours.found("Grandma, your grandson is in jail.") == ["fraud"]
    assert (
        ours.found("Never tell anybody your password. Papa may buy a map. The bomb of a show!")
        == []
    )


def test_a_refusal_names_the_kind_and_never_the_words() -> None:
    with pytest.raises(ScriptRefused, match="rivals") as refused:
        require_fit("Always buy from Acme", [OWN])
    assert "acme" not in str(refused.value).lower()


def test_an_operator_s_list_replaces_ours(tmp_path: Path) -> None:
    file = tmp_path / "words.json"
    file.write_text('{"rivals": ["acme"]}')
    assert WordList.load(file).found("acme") == ["rivals"]
    for content in ("[1]", "no JSON", '{"rivals": 7}'):
        file.write_text(content)
        with pytest.raises(InvalidRequest, match="no list of words"):
            WordList.load(file)


@contextmanager
def moderation(flagged: dict[str, bool], status: int = 200) -> Iterator[tuple[str, list[Any]]]:
    """Its address, and the requests that it was sent."""
    asked: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            asked.append((self.path, self.headers["authorization"], body))
            results = [{"categories": flagged, "category_scores": {}} for _ in body["input"]]
            answer = json.dumps({"id": "m", "model": body["model"], "results": results}).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Not into the test's output."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
        server.shutdown()
        thread.join()


def test_mistral_is_asked_piece_by_piece_and_only_harm_counts() -> None:
    flagged = {"violence_and_threats": True, "law": True, "pii": True, "sexual": False}
    text = "word " * PIECE_CHARS
    with moderation(flagged) as (url, asked):
        assert MistralScreen("key", url).found(text) == ["violence_and_threats"]
    ((path, login, body),) = asked
    assert (path, login) == ("/v1/moderations", "Bearer key")
    assert body["model"] == "mistral-moderation-latest"
    assert "".join(body["input"]) == text


def test_what_mistral_lets_pass_is_said() -> None:
    with moderation({"financial": True, "health": True}) as (url, _):
        require_fit("Our interest rates are lower.", [OWN, MistralScreen("key", url)])


def test_where_mistral_is_away_nothing_passes() -> None:
    with moderation({}, status=503) as (url, _), pytest.raises(ServiceUnavailable):
        MistralScreen("key", url).found("Hello.")
