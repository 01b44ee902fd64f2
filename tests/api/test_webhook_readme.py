"""The receiver that the README tells people to paste does what it says."""

import asyncio
import re
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from api.clock import now
from api.webhooks.signing import headers, new_secret
from tests.api.running import ROOT

BODY = b'{"type":"video.done","timestamp":"2026-11-24T12:00:00Z","data":{"id":"vid_1"}}'


def test_the_receiver_of_the_readme_takes_each_message_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = new_secret()
    monkeypatch.setenv("WEBHOOK_SECRET", secret)
    app = pasted(ROOT / "README.md")
    good = headers("evt_1", now(), BODY, [secret])
    forged = headers("evt_2", now(), BODY, [new_secret()])
    assert [sent(app, signed) for signed in (good, good, forged, {})] == [204, 204, 400, 400]
    assert capsys.readouterr().out == "video.done vid_1\n"


def pasted(readme: Path) -> FastAPI:
    blocks = re.findall(r"```python\n(.*?)```", readme.read_text(), re.DOTALL)
    (code,) = (block for block in blocks if "standardwebhooks" in block)
    names: dict[str, object] = {}
    exec(code, names)
    app = names["app"]
    assert isinstance(app, FastAPI)
    return app


def sent(app: FastAPI, signed: dict[str, str]) -> int:
    async def send() -> int:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://us") as client:
            return (await client.post("/hooks/avatar", content=BODY, headers=signed)).status_code

    return asyncio.run(send())
