"""Attacks on JSON Web Tokens beside those of test_auth, and an issuer that is slow, down or odd."""

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from tests.api.conftest import settings_for
from tests.api.running import Api, gateway

ISSUER, AUDIENCE = "https://id.example.com", "avatar"
SECRET = "a secret of more than thirty-two bytes"
Claims = dict[str, Any]


class Issuer(ThreadingHTTPServer):
    """Serves its keys, late or not at all, and counts who asks."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.keys: object = {"keys": []}
        self.status, self.late_s, self.asked = 200, 0.0, 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/jwks.json"


class _Handler(BaseHTTPRequestHandler):
    server: Issuer

    def do_GET(self) -> None:
        self.server.asked += 1
        time.sleep(self.server.late_s)
        self.send_response(self.server.status)
        self.end_headers()
        self.wfile.write(json.dumps(self.server.keys).encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    server = Issuer()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@contextmanager
def trusting(place: str, folder: Path) -> Iterator[Api]:
    given = {"jwt_jwks": place, "jwt_issuer": ISSUER, "jwt_audience": AUDIENCE}
    with gateway(settings_for(f"sqlite:///{folder}/g.db", folder / "s", **given)) as api:
        yield api


@pytest.fixture(scope="module")
def rsa() -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": "one"})


@pytest.fixture(scope="module")
def other() -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": "two"})


@pytest.fixture(scope="module")
def api(rsa: RSAKey, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """Takes tokens of one private key."""
    folder = tmp_path_factory.mktemp("rs")
    place = folder / "jwks.json"
    place.write_text(json.dumps(public(rsa)))
    with trusting(str(place), folder) as running:
        yield running


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """Takes tokens signed with a secret."""
    folder = tmp_path_factory.mktemp("hs")
    given = {"jwt_secret": SECRET, "jwt_issuer": ISSUER, "jwt_audience": AUDIENCE}
    with gateway(settings_for(f"sqlite:///{folder}/g.db", folder / "s", **given)) as running:
        yield running


def public(*keys: RSAKey) -> object:
    return {"keys": [key.as_dict(private=False) for key in keys]}


def claims(**more: object) -> Claims:
    return {"iss": ISSUER, "aud": AUDIENCE, "sub": "anna", "exp": int(time.time()) + 300, **more}


def signed(key: RSAKey, **header: object) -> str:
    return jwt.encode({"alg": "RS256", **header}, claims(), key, algorithms=["RS256"])


def part(value: object) -> str:
    content = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def by_hand(header: object, told: object, key: bytes = SECRET.encode()) -> str:
    message = f"{part(header)}.{part(told)}"
    return f"{message}.{part(hmac.new(key, message.encode(), hashlib.sha256).digest())}"


def status_of(api: Api, token: str) -> int:
    return api.with_token(token).get("/v1/videos").status_code


HEADERS: dict[str, dict[str, object]] = {
    "a kid that is a path": {"kid": "../../../../dev/null"},
    "a kid of SQL": {"kid": "x' UNION SELECT 'key' --"},
    "a kid of a command": {"kid": "|id"},
    "a kid of nobody": {"kid": "nobody"},
    "a kid that is a number": {"kid": 1},
    "a kid that is a list": {"kid": ["one"]},
    "a kid that is an object": {"kid": {"a": 1}},
    "an unknown critical extension": {"crit": ["exp2"], "exp2": 1},
    "compression": {"zip": "DEF"},
}


@pytest.mark.parametrize("what", HEADERS)
def test_a_header_that_plays_tricks_is_refused(api: Api, other: RSAKey, what: str) -> None:
    """Signed by a key of the attacker's own, which the header is to make us take."""
    header = {"alg": "RS256", **HEADERS[what]}
    message = f"{part(header)}.{part(claims())}"
    assert other.private_key is not None
    signature = other.private_key.sign(message.encode(), padding.PKCS1v15(), hashes.SHA256())
    assert status_of(api, f"{message}.{part(signature)}") == 401


def test_a_key_that_the_token_brings_along_is_not_taken(
    api: Api, other: RSAKey, issuer: Issuer
) -> None:
    issuer.keys = public(other)
    brought = other.as_dict(private=False)
    for header in ({"jwk": brought}, {"jku": issuer.url}, {"x5u": issuer.url}, {"x5c": ["AAAA"]}):
        for kid in ({}, {"kid": "one"}, {"kid": "two"}):
            token = jwt.encode(
                {"alg": "RS256", **kid}, claims(), other, algorithms=["RS256"]
            ).split(".")
            tricked = part({"alg": "RS256", **kid, **header})
            assert status_of(api, ".".join([tricked, *token[1:]])) == 401
    assert issuer.asked == 0


def test_another_kind_of_key_is_refused(api: Api) -> None:
    curve = ECKey.generate_key("P-256", {"kid": "one"})
    token = jwt.encode({"alg": "ES256", "kid": "one"}, claims(), curve, algorithms=["ES256"])
    assert status_of(api, token) == 401
    empty = by_hand({"alg": "HS256", "kid": "one"}, claims(), b"")
    assert status_of(api, empty) == 401


MALFORMED: dict[str, str] = {
    "an algorithm that is a list": by_hand({"alg": ["HS256"]}, claims()),
    "an algorithm that is an object": by_hand({"alg": {"HS256": 1}}, claims()),
    "an algorithm that is nothing": by_hand({"alg": None}, claims()),
    "no algorithm": by_hand({"typ": "JWT"}, claims()),
    "an algorithm in small letters": by_hand({"alg": "hs256"}, claims()),
    "a header that is a list": by_hand(["HS256"], claims()),
    "a header that is text": by_hand("HS256", claims()),
    "a header that is null": by_hand(None, claims()),
    "a header of deep lists": by_hand(b"[" * 2_000, claims()),
    "a header that is not UTF-8": by_hand(b"\xff\xfe", claims()),
    "claims that are a list": by_hand({"alg": "HS256"}, [claims()]),
    "claims that are text": by_hand({"alg": "HS256"}, "anna"),
    "claims that are null": by_hand({"alg": "HS256"}, None),
    "claims that are no JSON": by_hand({"alg": "HS256"}, b"{"),
    "claims of deep lists": by_hand({"alg": "HS256"}, b"[" * 2_000),
    "an end that is text": by_hand({"alg": "HS256"}, claims(exp="tomorrow")),
    "an end that is a list": by_hand({"alg": "HS256"}, claims(exp=[2**40])),
    "an end that is no number": by_hand({"alg": "HS256"}, claims(exp=float("nan"))),
    "an end that is true": by_hand({"alg": "HS256"}, claims(exp=True)),
    "a beginning that is text": by_hand({"alg": "HS256"}, claims(nbf="tomorrow")),
    "an issuer in a list": by_hand({"alg": "HS256"}, claims(iss=[ISSUER])),
    "an issuer with more behind it": by_hand({"alg": "HS256"}, claims(iss=f"{ISSUER}.evil.com")),
    "an audience that begins so": by_hand({"alg": "HS256"}, claims(aud="avatar2")),
    "an audience that is an object": by_hand({"alg": "HS256"}, claims(aud={"avatar": 1})),
    "a subject that is a list": by_hand({"alg": "HS256"}, claims(sub=["anna"])),
    "a subject of 101 letters": by_hand({"alg": "HS256"}, claims(sub="a" * 101)),
    "a subject with a null byte": by_hand({"alg": "HS256"}, claims(sub="a\0b")),
    "a subject with a line's end": by_hand({"alg": "HS256"}, claims(sub="a\nb")),
    "a token of 9,000 letters": by_hand({"alg": "HS256"}, claims(more="a" * 6_500)),
    "two parts": "a.b",
    "four parts": by_hand({"alg": "HS256"}, claims()) + ".a",
    "five parts": "a.b.c.d.e",
    "no signature": by_hand({"alg": "HS256"}, claims()).rpartition(".")[0] + ".",
    "no base64": "!.!.!",
    "a space within": by_hand({"alg": "HS256"}, claims()).replace(".", ". ", 1),
}


@pytest.mark.parametrize("what", MALFORMED)
def test_a_malformed_token_is_refused(shared: Api, what: str) -> None:
    answer = shared.with_token(MALFORMED[what]).get("/v1/videos")
    assert answer.status_code == 401, answer.text
    assert answer.json()["code"] == "unauthorized"


def test_a_good_one_among_several_audiences_is_taken(shared: Api) -> None:
    assert status_of(shared, by_hand({"alg": "HS256"}, claims(aud=["x", AUDIENCE]))) == 200


@pytest.mark.parametrize(
    ("scope", "reads", "writes"),
    [(["read"], 200, 403), ({"read": 1}, 403, 403), (None, 403, 403), ([["read"]], 403, 403)],
)
def test_a_scope_of_another_shape_allows_no_more_than_it_says(
    shared: Api, scope: object, reads: int, writes: int
) -> None:
    """Only where there is none do all scopes hold."""
    client = shared.with_token(by_hand({"alg": "HS256"}, claims(scope=scope)))
    assert client.get("/v1/videos").status_code == reads
    assert client.post("/v1/uploads", content=b"ID3").status_code == writes


def test_an_issuer_that_is_away_at_first_is_waited_for(
    issuer: Issuer, rsa: RSAKey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.tokens.JWKS_AWAY_S", 0.0)
    issuer.status, issuer.keys = 500, public(rsa)
    with trusting(issuer.url, tmp_path) as api:
        away = api.with_token(signed(rsa, kid="one")).get("/v1/videos")
        assert (away.status_code, away.json()["code"]) == (503, "service_unavailable")
        assert int(away.headers["retry-after"]) > 0
        issuer.status = 200
        assert status_of(api, signed(rsa, kid="one")) == 200


def test_an_issuer_that_goes_away_leaves_its_keys(
    issuer: Issuer, rsa: RSAKey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.tokens.JWKS_KEPT_S", 0.0)
    issuer.keys = public(rsa)
    with trusting(issuer.url, tmp_path) as api:
        assert status_of(api, signed(rsa, kid="one")) == 200
        for issuer.status, issuer.keys in ((500, {}), (200, "no keys"), (200, {"keys": 5})):
            assert status_of(api, signed(rsa, kid="one")) == 200


def test_a_new_key_is_taken_and_an_old_one_forgotten(
    issuer: Issuer, rsa: RSAKey, other: RSAKey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.tokens.JWKS_UNKNOWN_KEY_S", 0.0)
    issuer.keys = public(rsa)
    with trusting(issuer.url, tmp_path) as api:
        assert status_of(api, signed(rsa, kid="one")) == 200
        issuer.keys = public(other)
        assert status_of(api, signed(other, kid="two")) == 200
        assert status_of(api, signed(rsa, kid="one")) == 401


def test_a_slow_issuer_is_asked_by_one_of_many(issuer: Issuer, rsa: RSAKey, tmp_path: Path) -> None:
    issuer.keys, issuer.late_s = public(rsa), 0.5
    good = signed(rsa, kid="one")
    with trusting(issuer.url, tmp_path) as api, ThreadPoolExecutor(20) as pool:
        assert set(pool.map(lambda _: status_of(api, good), range(20))) == {200}
        assert issuer.asked == 1


def test_strangers_do_not_make_us_ask_the_issuer_again_and_again(
    issuer: Issuer, rsa: RSAKey, other: RSAKey, tmp_path: Path
) -> None:
    issuer.keys = public(rsa)
    with trusting(issuer.url, tmp_path) as api:
        for number in range(30):
            assert status_of(api, signed(other, kid=f"made-up-{number}")) == 401
        assert issuer.asked <= 2
        assert status_of(api, signed(rsa, kid="one")) == 200


def test_an_issuer_that_never_ends_is_given_up(
    issuer: Issuer, rsa: RSAKey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.tokens.JWKS_WAIT_S", 0.2)
    issuer.keys, issuer.late_s = public(rsa), 3.0
    with trusting(issuer.url, tmp_path) as api:
        began = time.monotonic()
        assert status_of(api, signed(rsa, kid="one")) == 503
        assert status_of(api, signed(rsa, kid="one")) == 503
        assert time.monotonic() - began < 2.5  # not once a request
        assert api.client("keyed").get("/v1/videos").status_code == 200
