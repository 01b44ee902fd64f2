"""A batch's rows, checked before anything starts."""

from pathlib import Path
from typing import Any

import pytest

from models.batch.results import RowResult, RowStatus, as_csv
from models.batch.work import Batch, make_batch
from models.errors import InvalidRequest
from models.storage import LocalStore

TEMPLATE: dict[str, Any] = {
    "portrait": {"image": "{{portrait}}"},
    "speech": {"script": "Hello {{ name }}.", "rate": "{{rate}}"},
}


def batch(folder: Path, text: str, name: str = "talks.csv", **changes: object) -> Batch:
    (folder / "face.png").write_bytes(b"a face")
    content = text.replace("FACE", str(folder / "face.png")).encode()
    return make_batch(name, content, TEMPLATE | changes, LocalStore(folder / "store"))


def problems(found: Batch) -> list[str]:
    assert not found.groups
    return [str(problem) for problem in found.problems]


def test_each_row_fills_the_template(tmp_path: Path) -> None:
    found = batch(tmp_path, "name,portrait,rate\nAnna,FACE,1.5\nBob,FACE,\n")
    speech = [items[0].request.speech for items in found.groups.values()]
    assert [(one.script, one.rate) for one in speech] == [  # type: ignore[union-attr]
        ("Hello Anna.", 1.5),
        ("Hello Bob.", 1.0),  # an empty cell leaves the default
    ]


def test_json_lines_say_the_same(tmp_path: Path) -> None:
    table = batch(tmp_path, "name,portrait,rate\nAnna,FACE,1.5\n")
    lines = batch(tmp_path, '{"name": "Anna", "portrait": "FACE", "rate": 1.5}\n', "talks.jsonl")
    assert table.groups.keys() == lines.groups.keys()


def test_rows_that_ask_for_the_same_are_one(tmp_path: Path) -> None:
    (items,) = batch(tmp_path, "name,portrait,rate\nA,FACE,1\nA,FACE,1\n").groups.values()
    assert [item.line for item in items] == [2, 3]


def test_another_picture_under_the_same_name_is_another_row(tmp_path: Path) -> None:
    before = batch(tmp_path, "name,portrait,rate\nA,FACE,1\n")
    item = next(iter(before.groups.values()))[0]
    Path(item.request.portrait.image).write_bytes(b"another face")
    from models.batch.work import name_of

    assert name_of(item.request) not in before.groups


def test_every_wrong_row_is_told_by_line_and_column(tmp_path: Path) -> None:
    text = "name,portrait,rate\n,FACE,1\nBob,FACE,9\nEve,none.png,1\nDan,FACE\n"
    empty, rate, missing, short = problems(batch(tmp_path, text))
    assert empty == "line 2, column name: it is empty: write a value"
    assert rate.startswith("line 3, column rate: speech.rate: ")
    assert missing == "line 4: portrait.image: there is no file none.png"
    assert short.startswith("line 5: 2 cells for 3 columns")


def test_a_column_that_is_not_there_is_told(tmp_path: Path) -> None:
    (told,) = problems(batch(tmp_path, "name,portrait\nAnna,FACE\n"))
    assert told == "line 2, column rate: there is no such column: there are name, portrait"


def test_two_rows_cannot_go_to_one_place(tmp_path: Path) -> None:
    text = "name,portrait,rate\nA,FACE,1\nB,FACE,1\n"
    (told,) = problems(batch(tmp_path, text, delivery={"key_prefix": "videos/one"}))
    assert "videos/one is line 2's too" in told


@pytest.mark.parametrize(
    ("text", "name"), [("", "a.csv"), ("name\n", "a.csv"), ("a", "a.txt"), ("\n", "a.jsonl")]
)
def test_what_is_no_manifest_is_refused(tmp_path: Path, text: str, name: str) -> None:
    with pytest.raises(InvalidRequest, match="manifest a"):
        batch(tmp_path, text, name)


def test_no_cell_of_the_results_is_a_formula() -> None:
    row = RowResult(line=2, digest="d", status=RowStatus.FAILED, message="=1+1")
    assert ",'=1+1," in as_csv([row])
