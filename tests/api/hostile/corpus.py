"""Requests that are refused, each with its status and its code."""

import gzip
import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from api.bodies import BATCH_BYTES, JSON_BYTES

JSON = "application/json"
UPLOAD = "upl_" + "5" * 32  # stands for the caller's own portrait
NO_UPLOAD = "upl_" + "0" * 32
ID = "0" * 32


@dataclass(frozen=True)
class Hostile:
    what: str
    status: int
    code: str
    method: str = "POST"
    path: str = "/v1/videos"
    content: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


def every() -> Iterator[Hostile]:
    yield from _bodies()
    yield from _values()
    yield from _media_types()
    yield from _compressed()
    yield from _addresses()
    yield from _headers()
    yield from _methods()


def _bodies() -> Iterator[Hostile]:
    """What is no JSON, or more than JSON."""
    huge = b'{"a": "' + b"x" * JSON_BYTES + b'"}'
    texts: dict[str, bytes] = {
        "a brace": b"{",
        "spaces": b"   ",
        "a comma too many": b'{"a": 1,}',
        "single quotes": b"{'a': 1}",
        "a comment": b'{"a": 1} // b',
        "two values": b"{} {}",
        "a word": b"portrait",
        "an open string": b'{"a": "b',
        "a control character": b'{"a": "\x01"}',
        "a null byte": b'{"a": 1}\0',
        "a byte order mark": b"\xef\xbb\xbf{}",
        "UTF-16": "{}".encode("utf-16"),
        "UTF-16 without its mark": "{}".encode("utf-16-le"),
        "UTF-32": "{}".encode("utf-32-be"),
        "Latin-1": '{"a": "é"}'.encode("latin-1"),
        "an overlong slash": b'{"a": "\xc0\xaf"}',
        "a surrogate as bytes": b'{"a": "\xed\xa0\x80"}',
        "half a character": b'{"a": "\xf0\x9f"}',
        "NaN": b'{"max_price": NaN}',
        "Infinity": b'{"max_price": Infinity}',
        "minus Infinity": b'{"max_price": -Infinity}',
        "five thousand digits": b'{"max_price": 1' + b"0" * 5_000 + b"}",
        "a hexadecimal number": b'{"max_price": 0x10}',
        "a leading zero": b'{"max_price": 010}',
        "a name twice": b'{"portrait": 1, "portrait": 2}',
        "a name twice, once escaped": b'{"portrait": 1, "p\\u006frtrait": 2}',
        "a name twice, further in": b'{"look": {"seed": 1, "seed": 2}}',
        "a thousand names twice": b"{" + b",".join([b'"a": 1'] * 1_000) + b"}",
        "deep lists": b"[" * 200_000,
        "deep closed lists": b"[" * 100_000 + b"]" * 100_000,
        "deep objects": b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
        "a picture": b"\x89PNG\r\n\x1a\n\0\0",
        "XML": b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>',
        "a form": b"portrait=1&speech=2",
    }
    for what, text in texts.items():
        yield Hostile(f"body: {what}", 400, "json_invalid", content=text)
    for what, value in (
        ("a list", b"[]"),
        ("null", b"null"),
        ("a number", b"1"),
        ("true", b"true"),
    ):
        yield Hostile(f"body: {what}", 422, "invalid_request", content=value)
    yield Hostile("body: nothing", 422, "invalid_request")
    too_large = (413, "content_too_large")
    yield Hostile("body: half a megabyte", *too_large, content=huge)
    for path in ("/v1/quotes", "/v1/preflight"):
        yield Hostile(f"body: half a megabyte to {path}", *too_large, path=path, content=huge)
    yield Hostile(
        "body: 8 MB of videos",
        *too_large,
        path="/v1/batches",
        content=b'{"name": "' + b"x" * BATCH_BYTES + b'"}',
    )


def video(**more: Any) -> dict[str, Any]:  # noqa: ANN401, JSON
    good = {"portrait": {"upload": UPLOAD}, "speech": {"type": "script", "script": "Papa."}}
    return {**good, **more}


def script(**more: Any) -> dict[str, Any]:  # noqa: ANN401, JSON
    return video(speech={"type": "script", "script": "Papa.", **more})


def look(**more: Any) -> dict[str, Any]:  # noqa: ANN401, JSON
    return video(look=more)


def _values() -> Iterator[Hostile]:
    """JSON that says what cannot be."""
    bodies: dict[str, Any] = {
        "nothing in it": {},
        "a portrait of text": video(portrait="me.jpg"),
        "a portrait of nothing": video(portrait=None),
        "a portrait of a list": video(portrait=[UPLOAD]),
        "an upload that is a number": video(portrait={"upload": 5}),
        "an upload that is an object": video(portrait={"upload": {"$ne": None}}),
        "an upload that is a path": video(portrait={"upload": "../../etc/passwd"}),
        "an upload that is a URL": video(portrait={"upload": "file:///etc/passwd"}),
        "an upload with a line's end": video(portrait={"upload": UPLOAD + "\n"}),
        "an upload with a null byte": video(portrait={"upload": UPLOAD[:-1] + "\0"}),
        "an upload in capitals": video(portrait={"upload": "UPL_" + "A" * 32}),
        "an upload in wide digits": video(portrait={"upload": "upl_" + "０" * 32}),
        "an upload in Arabic digits": video(portrait={"upload": "upl_" + "٣" * 32}),
        "an upload of a million letters": video(portrait={"upload": "upl_" + "0" * 400_000}),
        "an upload of SQL": video(portrait={"upload": "' OR 1=1 --"}),
        "an upload of nobody": video(portrait={"upload": NO_UPLOAD}),
        "a video's id for an upload": video(portrait={"upload": "vid_" + ID}),
        "face -1": video(portrait={"upload": UPLOAD, "face_index": -1}),
        "face 100": video(portrait={"upload": UPLOAD, "face_index": 100}),
        "face 1.5": video(portrait={"upload": UPLOAD, "face_index": 1.5}),
        "face 2^70": video(portrait={"upload": UPLOAD, "face_index": 2**70}),
        "face 'x'": video(portrait={"upload": UPLOAD, "face_index": "x"}),
        "face true": video(portrait={"upload": UPLOAD, "face_index": True}),
        "a surprise in the portrait": video(portrait={"upload": UPLOAD, "path": "/etc/passwd"}),
        "no kind of speech": video(speech={"script": "Papa."}),
        "an unknown kind of speech": video(speech={"type": "song", "script": "la"}),
        "a kind of speech that is a list": video(speech={"type": ["script"], "script": "la"}),
        "two kinds of speech": script(topic="bees"),
        "speech as text": video(speech="Papa."),
        "an empty script": script(script=""),
        "a script of spaces": script(script=" \n\t "),
        "a script of 40,001 letters": script(script="a" * 40_001),
        "a script with a null byte": script(script="a\0b"),
        "a script with half a surrogate": script(script="\ud800"),
        "a script that is a list": script(script=["Papa."]),
        "a script that is a number": script(script=5),
        "an empty voice": script(voice=""),
        "a voice with a null byte": script(voice="en\0us"),
        "a voice of markup": script(voice="<speak>"),
        "a voice of commands": script(voice="en;id"),
        "a voice of 65 letters": script(voice="a" * 65),
        "rate 0.49": script(rate=0.49),
        "rate 2.01": script(rate=2.01),
        "rate 'nan'": script(rate="nan"),
        "rate null": script(rate=None),
        "rate true": script(rate=True),
        "rate []": script(rate=[]),
        "pitch -1": script(pitch=-1),
        "pitch 1e308": script(pitch=1e308),
        "a topic of 2,001 letters": video(speech={"type": "topic", "topic": "a" * 2_001}),
        "a topic for an hour": video(speech={"type": "topic", "topic": "a", "duration_s": 3600}),
        "a recording of nobody": video(speech={"type": "recording", "upload": NO_UPLOAD}),
        "a picture for a recording": video(speech={"type": "recording", "upload": UPLOAD}),
        "loudness 'yes'": video(
            speech={"type": "recording", "upload": UPLOAD, "normalise_loudness": "yes"}
        ),
        "resolution 513": look(resolution=513),
        "resolution -512": look(resolution=-512),
        "resolution 2^64": look(resolution=2**64),
        "resolution '512'": look(resolution="512"),
        "aspect 4:3": look(aspect="4:3"),
        "aspect 0:0": look(aspect="0:0"),
        "fps 1000": look(fps="1000"),
        "fps 1/0": look(fps="1/0"),
        "captions of markup": look(captions="<b>"),
        "head motion -0.1": look(head_motion=-0.1),
        "head motion 1.6": look(head_motion=1.6),
        "head motion 'nan'": look(head_motion="nan"),
        "expressiveness 0": look(expressiveness=0),
        "seed -1": look(seed=-1),
        "seed 2^31": look(seed=2**31),
        "seed 0.5": look(seed=0.5),
        "a colour without its kind": look(background={"colour": "#000000"}),
        "a kind without its colour": look(background={"kind": "colour"}),
        "a colour by name": look(background={"kind": "colour", "colour": "red"}),
        "a colour of five digits": look(background={"kind": "colour", "colour": "#12345"}),
        "a colour with a line's end": look(background={"kind": "colour", "colour": "#123456\n"}),
        "a colour of a filter": look(background={"kind": "colour", "colour": "#123456,movie=x"}),
        "a picture without its kind": look(background={"upload": UPLOAD}),
        "a picture of nobody": look(background={"kind": "picture", "upload": NO_UPLOAD}),
        "a picture by path": look(background={"kind": "picture", "upload": "/etc/passwd"}),
        "a background of text": look(background="blur"),
        "a surprise in the look": look(output="/tmp/x.mp4"),
        "an empty renderer": video(renderer=""),
        "a renderer by path": video(renderer="../mesh"),
        "a renderer nobody knows": video(renderer="nothing"),
        "a renderer of 41 letters": video(renderer="a" * 41),
        "priority now": video(priority="now"),
        "priority 1": video(priority=1),
        "21 labels": video(metadata={f"a{number}": "b" for number in range(21)}),
        "a label of 41 letters": video(metadata={"a" * 41: "b"}),
        "a label with a space": video(metadata={"a b": "c"}),
        "a label that is markup": video(metadata={"<script>": "c"}),
        "a label's value of 501 letters": video(metadata={"a": "b" * 501}),
        "a label's value with a null byte": video(metadata={"a": "b\0"}),
        "a label's value that is a number": video(metadata={"a": 1}),
        "a label's value that is an object": video(metadata={"a": {"b": "c"}}),
        "labels as a list": video(metadata=["a"]),
        "a price of -1": video(max_price=-1),
        "a price of 'abc'": video(max_price="abc"),
        "a price of 'NaN'": video(max_price="NaN"),
        "a price of 'Infinity'": video(max_price="Infinity"),
        "a price of '1e400'": video(max_price="1e400"),
        "a price of two million": video(max_price=2_000_000),
        "a price of true": video(max_price=True),
        "a delivery of one's own": video(delivery={"output": "/etc/cron.d/x"}),
        "an owner of one's own": video(owner="root"),
        "a status of one's own": video(status="done"),
        "a prototype": video(__proto__={"admin": True}),
    }
    for what, body in bodies.items():
        yield Hostile(f"video: {what}", 422, "invalid_request", content=json.dumps(body).encode())
    yield Hostile(
        "video: 1e400 for a price",
        422,
        "invalid_request",
        content=json.dumps(video(max_price="@")).replace('"@"', "1e400").encode(),
    )
    yield Hostile(
        "video: 1e400 for a rate",
        422,
        "invalid_request",
        content=json.dumps(script(rate="@")).replace('"@"', "1e400").encode(),
    )
    others: dict[tuple[str, str], Any] = {
        ("/v1/batches", "no videos"): {"videos": []},
        ("/v1/batches", "101 videos"): {"videos": [video()] * 101},
        ("/v1/batches", "videos as an object"): {"videos": {"0": video()}},
        ("/v1/batches", "a name of 129 letters"): {"name": "a" * 129, "videos": [video()]},
        ("/v1/batches", "a name with a null byte"): {"name": "a\0", "videos": [video()]},
        ("/v1/batches", "one wrong among good"): {"videos": [video(), video(renderer="x")]},
        ("/v1/quotes", "no speech"): {"portrait": {"upload": UPLOAD}},
        ("/v1/quotes", "a recording of nobody"): {
            "speech": {"type": "recording", "upload": NO_UPLOAD}
        },
        ("/v1/quotes", "a price"): {**video(), "max_price": 1},
        ("/v1/preflight", "no portrait"): {},
        ("/v1/preflight", "a portrait of nobody"): {"portrait": {"upload": NO_UPLOAD}},
        ("/v1/preflight", "a picture for a recording"): {
            "portrait": {"upload": UPLOAD},
            "recording": UPLOAD,
        },
    }
    for (path, what), body in others.items():
        content = json.dumps(body).encode()
        yield Hostile(f"{path}: {what}", 422, "invalid_request", path=path, content=content)


def _media_types() -> Iterator[Hostile]:
    content = json.dumps(video()).encode()
    for given in (
        "text/plain",
        "text/json",
        "application/jsonp",
        "application/xml",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=a",
        "multipart/form-data",
        "application/octet-stream",
        "nothing",
        "application/json, text/plain",
    ):
        yield Hostile(
            f"media type: {given}",
            415,
            "content_type_unsupported",
            content=content,
            headers={"Content-Type": given},
        )


def _compressed() -> Iterator[Hostile]:
    bomb = gzip.compress(b"[" + b" " * 50_000_000, 9)
    bodies = {
        "gzip": bomb,
        "x-gzip": bomb,
        "deflate": zlib.compress(b" " * 1_000),
        "br": b"\x0b\x02\x80[]\x03",
        "zstd": b"\x28\xb5\x2f\xfd\x04\x00",
        "gzip, gzip": gzip.compress(bomb),
        "identity, gzip": bomb,
    }
    for encoding, content in bodies.items():
        for path in ("/v1/videos", "/v1/uploads"):
            yield Hostile(
                f"compressed: {encoding} to {path}",
                415,
                "content_encoding_unsupported",
                path=path,
                content=content,
                headers={"Content-Encoding": encoding},
            )


def _addresses() -> Iterator[Hostile]:
    not_found = {
        "a path upwards": "/v1/videos/../../etc/passwd",
        "a path upwards, escaped": "/v1/videos/..%2f..%2fetc%2fpasswd",
        "a path upwards, escaped twice": "/v1/videos/%252e%252e%252f",
        "backslashes": "/v1/videos/..%5c..%5cwindows",
        "a null byte": "/v1/videos/vid_%00",
        "a line's end": "/v1/videos/vid_%0d%0aSet-Cookie:a=b",
        "no UTF-8": "/v1/videos/%ff%fe",
        "an overlong slash": "/v1/videos/%c0%af",
        "wide digits": "/v1/videos/vid_" + "%EF%BC%90" * 32,
        "right to left": "/v1/videos/%E2%80%AEvid",
        "an id of 5,000 letters": "/v1/videos/vid_" + "0" * 5_000,
        "an id of 31 digits": "/v1/videos/vid_" + "0" * 31,
        "an id in capitals": "/v1/videos/VID_" + "A" * 32,
        "an id with a line's end": "/v1/videos/vid_" + ID + "%0a",
        "an upload's id for a video": "/v1/videos/upl_" + ID,
        "a batch's id for a video": "/v1/videos/bat_" + ID,
        "SQL": "/v1/videos/'%20OR%201=1--",
        "a template": "/v1/videos/%7B%7B7*7%7D%7D",
        "a format": "/v1/videos/%25s%25n",
        "a trailing slash": "/v1/videos/",
        "two slashes": "//v1//videos",
        "another version": "/v2/videos",
        "in capitals": "/V1/VIDEOS",
        "the environment": "/.env",
        "the repository": "/.git/config",
        "the page's source": "/static/../app.py",
        "the page's source, escaped": "/static/..%2f..%2fapi%2fapp.py",
        "the page's source, by a full path": "/static/%2fetc%2fpasswd",
        "a file of the page with a null byte": "/static/index.html%00.css",
        "events of nobody": f"/v1/videos/vid_{ID}/events",
        "an upload of nobody": f"/v1/uploads/upl_{ID}",
        "a preflight of nobody": f"/v1/preflight/pre_{ID}",
        "a batch of nobody": f"/v1/batches/bat_{ID}",
    }
    for what, path in not_found.items():
        yield Hostile(f"address: {what}", 404, "not_found", "GET", path)
    signed = f"/v1/videos/vid_{ID}/files/video.mp4?expires=99999999999&signature="
    refused = {
        "a link nobody signed": (403, "link_invalid", signed + "0" * 64),
        "a link without its signature": (422, "invalid_request", signed),
        "a signature in capitals": (422, "invalid_request", signed + "A" * 64),
        "a signature with a line's end": (422, "invalid_request", signed + "0" * 64 + "%0a"),
        "a link that ends at -1": (
            422,
            "invalid_request",
            signed.replace("99999999999", "-1") + "0" * 64,
        ),
        "a link that ends at 2^40": (
            422,
            "invalid_request",
            signed.replace("99999999999", str(2**40)) + "0" * 64,
        ),
        "a file that videos have not": (
            422,
            "invalid_request",
            signed.replace("video.mp4", "result.json") + "0" * 64,
        ),
        "a file upwards": (404, "not_found", signed.replace("video.mp4", "..%2f..%2fx") + "0" * 64),
        "the metrics from behind a proxy": (403, "forbidden", "/metrics"),
    }
    for what, (status, code, path) in refused.items():
        headers = {"X-Forwarded-For": "203.0.113.9"} if path == "/metrics" else {}
        yield Hostile(f"address: {what}", status, code, "GET", path, headers=headers)
    for query in (
        "limit=0",
        "limit=-1",
        "limit=101",
        "limit=1e9",
        "limit=99999999999999999999",
        "limit=",
        "limit=1%00",
        "limit=%EF%BC%91x",
        "limit[]=1",
        "limit=1&limit=2",
        "statuses=done",
        "__proto__=1",
        "=1",
        "status=finished",
        "status=done&status=x",
        "status=' OR 1=1",
        "cursor=x",
        "cursor=" + "a" * 5_000,
        "cursor=vid_" + "0" * 31,
        "cursor=vid_" + "G" * 32,
        "cursor=vid_" + ID + "%0a%0a",
        "cursor=%00",
        "cursor=eyJpZCI6MX0=",
        "batch=" + "a" * 49,
    ):
        yield Hostile(
            f"query: {query[:40]} ({len(query)})",
            422,
            "invalid_request",
            "GET",
            f"/v1/videos?{query}",
        )
    for path in (
        "/v1/uploads?kind=video",
        "/v1/uploads?cursor=../..",
        "/v1/usage?since=0000-00-00",
        "/v1/usage?since=2026-02-30",
        "/v1/usage?until=99999-01-01",
        "/v1/usage?since=now",
        "/v1/usage?since=0.0",
        "/v1/usage?since=1764000000",
        "/v1/uploads?kind=image&kind=audio",
        "/v1/voices?language=../../etc",
        "/v1/voices?language=" + "a" * 21,
        "/v1/voices?language=",
        "/v1/batches?limit=x",
    ):
        yield Hostile(f"query: {path[4:60]} ({len(path)})", 422, "invalid_request", "GET", path)


def _headers() -> Iterator[Hostile]:
    content = json.dumps(video()).encode()
    for what, key in {
        "of nothing": "",
        "of 256 letters": "a" * 256,
        "with a space": "a b",
        "of 10,000 letters": "a" * 10_000,
        "in another alphabet": "ключ".encode().decode("latin-1"),
        "with a tab": "a\tb",
    }.items():
        yield Hostile(
            f"header: an Idempotency-Key {what}",
            422,
            "invalid_request",
            content=content,
            headers={"Idempotency-Key": key},
        )
    for value in ("-1", "x", "1e3", "1" * 19, "0x1", "٣".encode().decode("latin-1"), ""):
        yield Hostile(
            f"header: Last-Event-ID {value!r}",
            422,
            "invalid_request",
            "GET",
            f"/v1/videos/vid_{ID}/events",
            headers={"Last-Event-ID": value},
        )
    for what, value in {
        "of nothing": "",
        "of another scheme": "Basic YTpi",
        "without a key": "Bearer",
        "of a made-up key": "Bearer av_live_" + "A" * 43,
        "of a long key": "Bearer av_live_" + "A" * 8_000,
        "of three parts": "Bearer a.b.c",
        "of two keys": "Bearer a, Bearer b",
        "with quotes": 'Bearer "\' OR 1=1"',
        "in another alphabet": "Bearer é",
    }.items():
        yield Hostile(
            f"header: an Authorization {what}",
            401,
            "unauthorized",
            "GET",
            "/v1/videos",
            headers={"Authorization": value},
        )


def _methods() -> Iterator[Hostile]:
    for method, path in (
        ("PUT", "/v1/videos"),
        ("PATCH", "/v1/videos"),
        ("DELETE", "/v1/videos"),
        ("TRACE", "/v1/videos"),
        ("OPTIONS", "/v1/videos"),
        ("PROPFIND", "/v1/videos"),
        ("POST", f"/v1/videos/vid_{ID}"),
        ("GET", f"/v1/videos/vid_{ID}/cancel"),
        ("POST", f"/v1/videos/vid_{ID}/events"),
        ("PUT", "/v1/uploads"),
        ("POST", "/v1/usage"),
        ("POST", "/v1/voices"),
        ("DELETE", "/healthz"),
        ("POST", "/docs"),
        ("POST", "/"),
    ):
        yield Hostile(f"method: {method} {path[:60]}", 405, "method_not_allowed", method, path)
