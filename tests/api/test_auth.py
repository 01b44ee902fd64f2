"""Keys and tokens: what opens, and what only looks as if it did."""

import base64
import json
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from pydantic import ValidationError
from sqlalchemy import update

from api.clock import now
from api.database import Database
from api.settings import Settings
from api.tables import ApiKey
from tests.api.conftest import settings_for
from tests.api.running import Api, eventually, gateway

ISSUER, AUDIENCE = "https://id.example.com", "avatar"
SECRET = "a secret of more than thirty-two bytes"
Claims = dict[str, Any]


@pytest.fixture(scope="module")
def rsa() -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": "one"})


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """A gateway that takes tokens signed with a secret."""
    folder = tmp_path_factory.mktemp("hs")
    given = {"jwt_secret": SECRET, "jwt_issuer": ISSUER, "jwt_audience": AUDIENCE}
    with gateway(settings_for(f"sqlite:///{folder}/g.db", folder, **given)) as api:
        yield api


@pytest.fixture(scope="module")
def public(rsa: RSAKey, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """A gateway that takes tokens of a private key, and knows the public one."""
    folder = tmp_path_factory.mktemp("rs")
    keys = folder / "jwks.json"
    keys.write_text(json.dumps({"keys": [rsa.as_dict(private=False)]}))
    given = {"jwt_jwks": str(keys), "jwt_issuer": ISSUER, "jwt_audience": AUDIENCE}
    with gateway(settings_for(f"sqlite:///{folder}/g.db", folder, **given)) as api:
        yield api


def claims(**more: object) -> Claims:
    good = {"iss": ISSUER, "aud": AUDIENCE, "sub": "anna", "exp": int(time.time()) + 300}
    return {name: value for name, value in (good | more).items() if value is not None}


def signed(key: OctKey | RSAKey, algorithm: str, told: Claims, **header: str) -> str:
    return jwt.encode({"alg": algorithm, **header}, told, key, algorithms=[algorithm])


def status_of(api: Api, token: str) -> int:
    return api.with_token(token).get("/v1/videos").status_code


def test_a_good_token_opens(shared: Api, public: Api, rsa: RSAKey) -> None:
    secret = OctKey.import_key(SECRET)
    assert status_of(shared, signed(secret, "HS256", claims())) == 200
    assert status_of(public, signed(rsa, "RS256", claims(), kid="one")) == 200


@pytest.mark.parametrize(
    "wrong",
    [
        {"exp": int(time.time()) - 3600},
        {"exp": None},
        {"aud": "another"},
        {"aud": None},
        {"iss": "https://evil.example.com"},
        {"iss": None},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"nbf": int(time.time()) + 3600},
    ],
)
def test_a_token_that_says_the_wrong_thing_is_refused(shared: Api, wrong: Claims) -> None:
    assert status_of(shared, signed(OctKey.import_key(SECRET), "HS256", claims(**wrong))) == 401


def test_a_token_without_a_signature_is_refused(shared: Api, public: Api) -> None:
    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    for none in ("none", "None", "NONE"):
        token = f"{part({'alg': none})}.{part(claims())}."
        assert (status_of(shared, token), status_of(public, token)) == (401, 401)


def test_the_public_key_is_no_secret_to_sign_with(public: Api, rsa: RSAKey) -> None:
    """Key confusion: HS256 keyed with the bytes of what everybody may read."""
    for pem in (rsa.as_pem(private=False), json.dumps(rsa.as_dict(private=False)).encode()):
        # joserfc refuses such a key by itself, so it is signed by hand
        token = _hs256(pem, claims())
        assert status_of(public, token) == 401


def _hs256(key: bytes, told: Claims) -> str:
    import hashlib
    import hmac

    def part(value: bytes) -> str:
        return base64.urlsafe_b64encode(value).rstrip(b"=").decode()

    header = json.dumps({"alg": "HS256", "kid": "one"}).encode()
    message = f"{part(header)}.{part(json.dumps(told).encode())}"
    return f"{message}.{part(hmac.new(key, message.encode(), hashlib.sha256).digest())}"


def test_another_algorithm_of_the_same_key_is_refused(
    shared: Api, public: Api, rsa: RSAKey
) -> None:
    assert status_of(shared, signed(OctKey.import_key(SECRET), "HS512", claims())) == 401
    assert status_of(public, signed(rsa, "PS256", claims(), kid="one")) == 401


def test_another_private_key_is_refused(public: Api) -> None:
    stranger = RSAKey.generate_key(2048, {"kid": "one"})
    assert status_of(public, signed(stranger, "RS256", claims(), kid="one")) == 401


def test_a_changed_token_is_refused(shared: Api) -> None:
    header, body, signature = signed(OctKey.import_key(SECRET), "HS256", claims()).split(".")
    other = base64.urlsafe_b64encode(json.dumps(claims(sub="eve")).encode()).rstrip(b"=")
    assert status_of(shared, f"{header}.{other.decode()}.{signature}") == 401
    assert status_of(shared, f"{header}.{body}.{signature[:-2]}AA") == 401


def test_a_subject_is_not_a_key_s_owner(shared: Api) -> None:
    """Whoever may choose their subject does not become who owns a key of that name."""
    by_key = shared.client("anna")
    by_key.post("/v1/uploads", content=b"ID3")
    by_token = shared.with_token(signed(OctKey.import_key(SECRET), "HS256", claims()))
    assert len(by_key.get("/v1/uploads").json()["data"]) == 1
    assert by_token.get("/v1/uploads").json()["data"] == []


def test_a_token_s_scopes_bound_it(shared: Api) -> None:
    reader = signed(OctKey.import_key(SECRET), "HS256", claims(scope="openid read"))
    client = shared.with_token(reader)
    assert client.get("/v1/videos").status_code == 200
    answer = client.post("/v1/uploads", content=b"x")
    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")


def test_tokens_are_refused_where_none_are_configured(sqlite_api: Api) -> None:
    assert status_of(sqlite_api, signed(OctKey.import_key(SECRET), "HS256", claims())) == 401


@pytest.mark.parametrize(
    "wrong",
    [
        {"jwt_secret": "short", "jwt_issuer": ISSUER, "jwt_audience": AUDIENCE},
        {"jwt_secret": SECRET, "jwt_issuer": ISSUER},
        {"jwt_secret": SECRET, "jwt_audience": AUDIENCE},
        {"jwt_secret": SECRET, "jwt_jwks": "f", "jwt_issuer": ISSUER, "jwt_audience": AUDIENCE},
        {
            "jwt_secret": SECRET,
            "jwt_algorithm": "RS256",
            "jwt_issuer": ISSUER,
            "jwt_audience": AUDIENCE,
        },
        {
            "jwt_jwks": "f",
            "jwt_algorithm": "HS256",
            "jwt_issuer": ISSUER,
            "jwt_audience": AUDIENCE,
        },
        {
            "jwt_jwks": "f",
            "jwt_algorithm": "none",
            "jwt_issuer": ISSUER,
            "jwt_audience": AUDIENCE,
        },
    ],
)
def test_settings_that_would_let_tokens_through_are_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="JWT_"):
        Settings.model_validate(wrong)


def test_a_key_is_kept_only_as_a_hash(sqlite_api: Api) -> None:
    secret = sqlite_api.key("hidden")
    place = Path(sqlite_api.settings.database_url.partition("///")[2])
    kept = b"".join(file.read_bytes() for file in place.parent.glob("gateway.db*"))
    assert b"hidden" in kept
    assert secret.encode() not in kept
    assert secret[20:].encode() not in kept


@pytest.mark.parametrize(
    "credentials",
    [
        "",
        "Bearer",
        "Bearer av_live_",
        "Bearer av_live_" + "A" * 43,
        "Bearer " + "x" * 20_000,
        "Basic YTpi",
        "Bearer a.b.c",
        "Bearer é",
        "bearer null",
    ],
)
def test_what_is_no_key_is_refused(sqlite_api: Api, credentials: str) -> None:
    headers = {b"Authorization": credentials.encode()}
    answer = sqlite_api.http.get("/v1/videos", headers=headers)
    assert answer.status_code in (400, 401)  # a line of 20,000 letters never gets to us
    if answer.status_code == 401:
        assert answer.headers["www-authenticate"] == "Bearer"


def test_an_expired_and_a_revoked_key_are_refused(sqlite_api: Api) -> None:
    old = sqlite_api.client("old", expires_at=now() - timedelta(seconds=1))
    assert old.get("/v1/videos").status_code == 401
    ended = sqlite_api.client("ended")
    assert ended.get("/v1/videos").status_code == 200

    async def revoke(database: Database) -> None:
        async with database.writing() as session:
            await session.execute(
                update(ApiKey).where(ApiKey.owner == "ended").values(revoked_at=now())
            )

    sqlite_api.in_database(revoke)
    eventually(lambda: ended.get("/v1/videos").status_code == 401, within_s=10)


def test_open_access_is_for_this_machine_s_own_page_only(tmp_path: Path) -> None:
    with gateway(settings_for(f"sqlite:///{tmp_path}/g.db", tmp_path, open_access=True)) as api:
        own = {"Origin": api.url}
        assert api.http.get("/v1/videos", headers=own).status_code == 200
        evil = {"Origin": "https://evil.example.com"}
        assert api.http.get("/v1/videos", headers=evil).status_code == 401
        rebound = {"Host": "evil.example.com"}
        assert api.http.get("/v1/videos", headers=rebound).status_code == 401
        assert api.with_token("wrong").get("/v1/videos").status_code == 401
