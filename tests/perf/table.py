"""Every benchmark ends here: one table on the screen, the same figures in out/bench/NAME.json."""

import json
import platform
from datetime import UTC, datetime
from os import cpu_count
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

FOLDER = Path("out/bench")


def report(name: str, columns: list[str], rows: list[list[object]]) -> None:
    """Print the rows under the columns and write them, with the machine, to out/bench/NAME.json."""
    table = Table(*columns, title=name, title_justify="left")
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    Console(width=None if Console().is_terminal else 160).print(table)
    FOLDER.mkdir(parents=True, exist_ok=True)
    record = {
        "name": name,
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{platform.machine()}, {cpu_count()} cores, Python {platform.python_version()}",
        "rows": [dict(zip(columns, row, strict=True)) for row in rows],
    }
    text = json.dumps(record, indent=2, default=str, ensure_ascii=False)
    (FOLDER / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else escape(str(value))
