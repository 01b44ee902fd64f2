"""prefect.yaml: `prefect deploy` hides what cannot be imported, so that this must not."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect.flows import Flow, load_flow_from_entrypoint

ROOT = Path(__file__).resolve().parents[2]
DEPLOYMENTS: list[dict[str, Any]] = yaml.safe_load((ROOT / "prefect.yaml").read_text())[
    "deployments"
]


def loaded(entrypoint: str) -> Flow[..., Any]:
    return load_flow_from_entrypoint(entrypoint, use_placeholder_flow=False)


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda each: str(each["entrypoint"]))
def test_every_entrypoint_loads_by_its_name(deployment: dict[str, Any]) -> None:
    flow = loaded(deployment["entrypoint"])
    assert flow.name == deployment["entrypoint"].split(".")[1].replace("_", "-")
    assert flow.description


def test_the_names_are_those_that_others_call() -> None:
    found = {f"{loaded(each['entrypoint']).name}/{each['name']}" for each in DEPLOYMENTS}
    assert found == {
        "avatar-video/cpu",
        "render-segment/gpu",
        "preflight/cpu",
        "batch-videos/scheduled",
        "expire-uploads/daily",
        "backup-models/daily",
        "optimize-engines/on-demand",
    }


def test_the_version_is_the_projects() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert {each["version"] for each in DEPLOYMENTS} == {project["version"]}


def test_a_schedule_gives_only_parameters_that_the_flow_has() -> None:
    for each in DEPLOYMENTS:
        known = loaded(each["entrypoint"]).parameters.properties
        for schedule in each.get("schedules", []):
            assert schedule["parameters"].keys() <= known.keys()


@pytest.mark.parametrize("name", ["batch_videos", "expire_uploads", "backup_models"])
def test_every_field_of_a_form_is_described(name: str) -> None:
    for field in loaded(f"flows.{name}.{name}").parameters.properties.values():
        assert field["description"]


def test_the_form_offers_the_ways_of_speaking_as_tabs() -> None:
    definitions = loaded("flows.avatar_video.avatar_video").parameters.definitions
    speech = definitions["VideoRequest"]["properties"]["speech"]
    ways = [definitions[way["$ref"].rpartition("/")[2]] for way in speech["anyOf"]]
    assert [way["title"] for way in ways] == ["Script", "Recording", "Topic"]
    assert "discriminator" not in speech
