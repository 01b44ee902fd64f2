""".env.example against the classes that read the environment."""

import re
from itertools import pairwise
from pathlib import Path

import pytest
from pydantic import AliasChoices
from pydantic_settings import BaseSettings

import api.settings
import tasks.settings
from infra.automations import AutomationSettings
from infra.autoscaler.drain import DrainSettings
from infra.autoscaler.service import AutoscalerSettings
from infra.pools import PoolSettings
from infra.results import ResultSettings
from infra.worker.settings import WorkerSettings

ROOT = Path(__file__).resolve().parents[3]
CLASSES: tuple[type[BaseSettings], ...] = (
    tasks.settings.Settings,
    api.settings.Settings,
    WorkerSettings,
    PoolSettings,
    AutomationSettings,
    AutoscalerSettings,
    DrainSettings,
    ResultSettings,
)
OTHERS = {  # read by Compose, prefect.yaml, the commands, Prefect and AWS's libraries
    *("POSTGRES_PASSWORD", "GRAFANA_PASSWORD", "AVATAR_VERSION", "AVATAR_BACKUP"),
    *("AVATAR_API", "AVATAR_API_KEY", "PREFECT_HOME", "PREFECT_LOCAL_STORAGE_PATH"),
    "PREFECT_LOGGING_SETTINGS_PATH",
    *("PREFECT_DEFAULT_RESULT_STORAGE_BLOCK", "AWS_ENDPOINT_URL_S3", "AWS_REGION"),
    *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
}
LINES = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
NAMES = [found[1] for line in LINES if (found := re.match(r"#?([A-Z][A-Z0-9_]+)=", line))]


def variables(settings: type[BaseSettings]) -> set[str]:
    found = set()
    for name, field in settings.model_fields.items():
        alias = field.validation_alias
        if isinstance(alias, AliasChoices):
            alias = str(alias.choices[0])
        found.add(str(alias or f"{settings.model_config['env_prefix']}{name.upper()}"))
    return found


@pytest.mark.parametrize("settings", CLASSES, ids=lambda one: f"{one.__module__}.{one.__name__}")
def test_every_variable_is_documented(settings: type[BaseSettings]) -> None:
    assert variables(settings) <= set(NAMES)


def test_nothing_is_documented_that_nobody_reads() -> None:
    assert set(NAMES) == OTHERS.union(*map(variables, CLASSES))


def test_each_stands_once_behind_its_explanation() -> None:
    assert len(NAMES) == len(set(NAMES))
    for before, line in pairwise(LINES):
        if re.match(r"#?[A-Z][A-Z0-9_]+=", line):
            assert before.startswith("# "), line


def test_it_holds_no_secret() -> None:
    secret = re.compile(r"#?\w*(PASSWORD|SECRET|KEY|TOKEN|AUTH_STRING)\w*=(.+)")
    assert not [line for line in LINES if secret.match(line)]
