"""The options of `avatar autoscale` are the settings of the autoscaler."""

import inspect

import pytest

from cli.autoscale import autoscale
from cli.main import run
from infra.autoscaler.service import AutoscalerSettings


def test_every_setting_is_an_option() -> None:
    own = {
        name
        for name, field in AutoscalerSettings.model_fields.items()
        if not field.validation_alias
    }
    assert set(inspect.signature(autoscale).parameters) == own


def test_bounds_out_of_order_are_said_before_anything_starts(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AVATAR_SCALE_AT_LEAST", "5")
    assert run(["autoscale", "--at-most", "2"]) == 2
    assert "out of order" in capsys.readouterr().err


def test_a_port_that_is_none_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["autoscale", "--port", "70000"]) == 2
    assert "port" in capsys.readouterr().err
