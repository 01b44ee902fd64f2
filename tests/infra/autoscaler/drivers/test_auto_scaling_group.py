"""The EC2 driver against botocore's Stubber, which checks every request against the API's model."""

from collections.abc import Iterator
from typing import Any

import pytest

from infra.autoscaler.drivers.auto_scaling_group import AutoScalingGroup
from models.errors import AvatarError, ServiceRefused, ServiceUnavailable, SetupError

boto3 = pytest.importorskip("boto3", reason="the driver needs the extra `infra`")
stub = pytest.importorskip("botocore.stub")

GROUP = {"AutoScalingGroupName": "gpu"}


@pytest.fixture
def aws() -> Iterator[tuple[Any, Any]]:
    client = boto3.client(
        "autoscaling", region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="x"
    )
    with stub.Stubber(client) as stubber:
        yield client, stubber
        stubber.assert_no_pending_responses()
    client.close()


def instance(name: str, state: str = "InService", protected: bool = True) -> dict[str, Any]:
    return {
        "InstanceId": name,
        "LifecycleState": state,
        "ProtectedFromScaleIn": protected,
        "AvailabilityZone": "eu-west-1a",
        "HealthStatus": "Healthy",
    }


def described(stubber: Any, desired: int, *instances: dict[str, Any]) -> None:  # noqa: ANN401
    group = {
        **GROUP,
        "MinSize": 0,
        "MaxSize": 8,
        "DesiredCapacity": desired,
        "DefaultCooldown": 0,
        "AvailabilityZones": ["eu-west-1a"],
        "HealthCheckType": "EC2",
        "CreatedTime": "2026-01-01T00:00:00Z",
        "Instances": list(instances),
    }
    stubber.add_response(
        "describe_auto_scaling_groups",
        {"AutoScalingGroups": [group]},
        {"AutoScalingGroupNames": ["gpu"]},
    )


def protects(stubber: Any, names: list[str], protected: bool) -> None:  # noqa: ANN401
    what = {**GROUP, "InstanceIds": names, "ProtectedFromScaleIn": protected}
    stubber.add_response("set_instance_protection", {}, what)


def wants(stubber: Any, capacity: int) -> None:  # noqa: ANN401
    what = {**GROUP, "DesiredCapacity": capacity, "HonorCooldown": False}
    stubber.add_response("set_desired_capacity", {}, what)


def test_the_desired_capacity_is_the_number_there_is(aws: tuple[Any, Any]) -> None:
    client, stubber = aws
    described(stubber, 3)
    assert AutoScalingGroup(client, "gpu", busy=frozenset).current() == 3


def test_growing_asks_for_more(aws: tuple[Any, Any]) -> None:
    client, stubber = aws
    described(stubber, 1, instance("i-1"))
    wants(stubber, 4)
    AutoScalingGroup(client, "gpu", busy=frozenset).scale_to(4)


def test_shrinking_frees_only_what_is_idle(aws: tuple[Any, Any]) -> None:
    client, stubber = aws
    described(stubber, 3, instance("i-1"), instance("i-2", protected=False), instance("i-3"))
    protects(stubber, ["i-2"], True)
    protects(stubber, ["i-1"], False)
    wants(stubber, 2)
    AutoScalingGroup(client, "gpu", busy=lambda: {"i-2", "i-3"}).scale_to(2)


def test_an_instance_that_became_idle_late_is_freed_then(aws: tuple[Any, Any]) -> None:
    client, stubber = aws
    described(stubber, 1, instance("i-1"), instance("i-2"))
    protects(stubber, ["i-2"], False)
    AutoScalingGroup(client, "gpu", busy=lambda: {"i-1"}).scale_to(1)


def test_the_same_number_changes_nothing(aws: tuple[Any, Any]) -> None:
    client, stubber = aws
    described(stubber, 2, instance("i-1"), instance("i-2"))
    AutoScalingGroup(client, "gpu", busy=frozenset).scale_to(2)


def test_a_leaving_instance_goes_once_it_is_idle(aws: tuple[Any, Any]) -> None:
    client, stubber = aws
    described(stubber, 0, instance("i-1", "Terminating:Wait"), instance("i-2", "Terminating:Wait"))
    hook = {**GROUP, "LifecycleHookName": "drain"}
    stubber.add_response("record_lifecycle_action_heartbeat", {}, {**hook, "InstanceId": "i-1"})
    stubber.add_response(
        "complete_lifecycle_action",
        {},
        {**hook, "InstanceId": "i-2", "LifecycleActionResult": "CONTINUE"},
    )
    AutoScalingGroup(client, "gpu", busy=lambda: {"i-1"}, hook="drain").scale_to(0)


@pytest.mark.parametrize(
    ("code", "kind"),
    [("ValidationError", ServiceRefused), ("Throttling", ServiceUnavailable)],
)
def test_a_refusal_names_the_call(aws: tuple[Any, Any], code: str, kind: type[AvatarError]) -> None:
    client, stubber = aws
    stubber.add_client_error("describe_auto_scaling_groups", code)
    with pytest.raises(kind, match="describe_auto_scaling_groups of 'gpu'"):
        AutoScalingGroup(client, "gpu", busy=frozenset).current()


def test_a_group_that_is_not_there_is_named(aws: tuple[Any, Any]) -> None:
    client, stubber = aws
    stubber.add_response("describe_auto_scaling_groups", {"AutoScalingGroups": []})
    with pytest.raises(SetupError, match="no Auto Scaling group 'gpu'"):
        AutoScalingGroup(client, "gpu", busy=frozenset).current()
