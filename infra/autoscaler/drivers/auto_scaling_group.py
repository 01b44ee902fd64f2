"""Workers as EC2 instances of an Auto Scaling group, one worker each, named by its instance id.

The group starts its instances protected from scale-in. To shrink, idle ones lose the protection
before the desired capacity falls, busy ones get it back: EC2 may only end what is idle. A hook on
autoscaling:EC2_INSTANCE_TERMINATING holds a leaving instance in Terminating:Wait, where the
machine itself stops its worker; it is let go here once Prefect says that it holds no run.
"""

from collections.abc import Callable, Collection
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from models.errors import ServiceRefused, ServiceUnavailable, SetupError

MOST_PROTECTED = 50  # EC2's limit per call
_LIVE = ("Pending", "Pending:Wait", "Pending:Proceed", "InService")
_RETRYABLE = ("Throttling", "ThrottlingException", "RequestLimitExceeded", "ResourceContention")


class AutoScalingGroup:
    """`client` is boto3's "autoscaling"; `busy` names the instances that hold a run."""

    def __init__(
        self,
        client: Any,  # noqa: ANN401, boto3 has no types
        group: str,
        busy: Callable[[], Collection[str]],
        hook: str | None = None,
    ) -> None:
        self._client = client
        self._group = group
        self._busy = busy
        self._hook = hook

    def current(self) -> int:
        return int(self._describe()["DesiredCapacity"])

    def scale_to(self, workers: int) -> None:
        group = self._describe()
        busy = self._busy()
        self._protect(group["Instances"], busy, workers)
        if workers != group["DesiredCapacity"]:
            self._call("set_desired_capacity", DesiredCapacity=workers, HonorCooldown=False)
        if self._hook:
            self._let_go(group["Instances"], busy)

    def _protect(
        self, instances: list[dict[str, Any]], busy: Collection[str], workers: int
    ) -> None:
        """Leave only as many idle instances unprotected as are too many: EC2 picks among these."""
        live = [one for one in instances if one["LifecycleState"] in _LIVE]
        idle = [one["InstanceId"] for one in live if one["InstanceId"] not in busy]
        leaving = set(idle[: max(len(live) - workers, 0)])
        for protected in (True, False):
            named = [
                one["InstanceId"]
                for one in live
                if (one["InstanceId"] not in leaving) is protected
                and one["ProtectedFromScaleIn"] is not protected
                and one["LifecycleState"] == "InService"
            ]
            for first in range(0, len(named), MOST_PROTECTED):
                self._call(
                    "set_instance_protection",
                    InstanceIds=named[first : first + MOST_PROTECTED],
                    ProtectedFromScaleIn=protected,
                )

    def _let_go(self, instances: list[dict[str, Any]], busy: Collection[str]) -> None:
        """Leaving instances that still render get more time, the others end."""
        for one in instances:
            if one["LifecycleState"] != "Terminating:Wait":
                continue
            what = {"LifecycleHookName": self._hook, "InstanceId": one["InstanceId"]}
            if one["InstanceId"] in busy:
                self._call("record_lifecycle_action_heartbeat", **what)
            else:
                self._call("complete_lifecycle_action", LifecycleActionResult="CONTINUE", **what)

    def _describe(self) -> dict[str, Any]:
        found = self._send("describe_auto_scaling_groups", AutoScalingGroupNames=[self._group])[
            "AutoScalingGroups"
        ]
        if not found:
            raise SetupError(
                f"there is no Auto Scaling group {self._group!r}: correct the name or the region"
            )
        group: dict[str, Any] = found[0]
        return group

    def _call(self, operation: str, **arguments: object) -> None:
        self._send(operation, AutoScalingGroupName=self._group, **arguments)

    def _send(self, operation: str, **arguments: object) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = getattr(self._client, operation)(**arguments)
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            kind = ServiceUnavailable if code in _RETRYABLE else ServiceRefused
            raise kind(
                f"EC2 Auto Scaling refused {operation} of {self._group!r} ({error}): "
                "compare the group's bounds and our permissions with what is asked"
            ) from error
        except BotoCoreError as error:
            raise ServiceUnavailable(
                f"EC2 Auto Scaling cannot be reached ({error}): check region, network, credentials"
            ) from error
        return answer
