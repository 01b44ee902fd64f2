"""Receipts: each quantity at its rate, nothing where nothing was used."""

from pathlib import Path

import pytest

from models.contracts import Usage
from models.errors import InvalidRequest
from models.usage import Rates, load_rates, receipt, total


def test_each_line_is_its_quantity_at_its_rate() -> None:
    rates = Rates(
        cpu_hour=3.6,
        gpu_hour=36,
        prompt_million=1,
        completion_million=2,
        speech_million=4,
        gb_month=8,
    )
    used = Usage(
        cpu_s=10,
        gpu_s=5,
        prompt_tokens=1_000_000,
        completion_tokens=500_000,
        speech_chars=250_000,
        stored_bytes=500_000_000,
    )
    made = receipt(used, rates, "EUR")
    amounts = {item.name: item.amount for item in made.items}
    assert amounts == pytest.approx(
        {
            "CPU": 0.01,
            "GPU": 0.05,
            "LLM input": 1,
            "LLM output": 1,
            "speech": 1,
            "storage, a month": 4,
        }
    )
    assert made.total == pytest.approx(7.06)
    assert made.currency == "EUR"


def test_what_was_not_used_is_no_line() -> None:
    assert [item.name for item in receipt(Usage(cpu_s=1), Rates()).items] == ["CPU"]
    assert receipt(Usage(), Rates()).total == 0


def test_usage_adds_up() -> None:
    parts = [Usage(cpu_s=1, speech_chars=2), Usage(cpu_s=0.5, gpu_s=3)]
    assert total(parts) == Usage(cpu_s=1.5, gpu_s=3, speech_chars=2)


def test_rates_of_a_file_change_only_what_it_names(tmp_path: Path) -> None:
    file = tmp_path / "rates.json"
    file.write_text('{"gpu_hour": 9.5}')
    assert load_rates(file) == Rates(gpu_hour=9.5)
    for content in ('{"gpu": 1}', '{"gpu_hour": -1}', "[]", ""):
        file.write_text(content)
        with pytest.raises(InvalidRequest, match="no rates"):
            load_rates(file)
