"""Every hostile request is refused with its code, and leaves nothing behind."""

import httpx
import pytest

from tests.api.hostile.conftest import Target
from tests.api.hostile.corpus import JSON, UPLOAD, Hostile, every

CORPUS = {one.what: one for one in every()}


def test_the_corpus_is_large() -> None:
    assert len(CORPUS) == len(list(every())), "two of them have one name"
    assert len(CORPUS) >= 200


@pytest.mark.parametrize("what", CORPUS)
def test_it_is_refused_with_its_code(target: Target, what: str) -> None:
    one = CORPUS[what]
    answer = sent(target, one)
    assert answer.status_code == one.status, answer.text
    if answer.request.method != "HEAD":
        problem = answer.json()
        assert problem["code"] == one.code, problem
        assert problem["status"] == one.status
        assert problem["request_id"] == answer.headers["x-request-id"]
    assert answer.headers["content-type"] == "application/problem+json"
    target.is_unmoved()


def sent(target: Target, one: Hostile) -> httpx.Response:
    content = one.content.replace(UPLOAD.encode(), target.upload.encode())
    headers = {"Content-Type": JSON, "Authorization": f"Bearer {target.key}", **one.headers}
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    url = httpx.URL(target.url, raw_path=one.path.encode())
    request = target.http.build_request(one.method, url, content=content, headers=raw)
    return target.http.send(request)
