from pathlib import Path
from typing import Any

import yaml
from prefect.flows import Flow, load_flow_from_entrypoint

ROOT = Path(__file__).resolve().parents[2]


def loaded(entrypoint: str) -> Flow[..., Any]:
    return load_flow_from_entrypoint(entrypoint, use_placeholder_flow=False)


def test_every_entrypoint_that_is_deployed_loads() -> None:
    deployments = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]
    for deployment in deployments:
        assert loaded(deployment["entrypoint"]).name == "avatar-video"


def test_the_form_offers_the_ways_of_speaking_as_tabs() -> None:
    flow = loaded("flows.avatar_video.avatar_video")
    speech = flow.parameters.definitions["VideoRequest"]["properties"]["speech"]
    assert len(speech["anyOf"]) == 3
    assert "discriminator" not in speech
