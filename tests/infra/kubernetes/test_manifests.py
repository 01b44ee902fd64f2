"""What kustomize makes of each overlay: schemas of three versions, and invariants of our own.

There is no API server here: what it would admit is not tested.
"""

import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from infra.autoscaler.rules import rule_for

FOLDER = Path(__file__).resolve().parents[3] / "infra" / "kubernetes"
OVERLAYS = ("local", "eks")
VERSIONS = ("1.33", "1.35", "1.37")
SEGMENT_S = 300  # a worker's own bound for a drain, AVATAR_WORKER_DRAIN_S
Object = dict[str, Any]


@cache
def objects(overlay: str) -> tuple[Object, ...]:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("kubectl is not installed")
    made = subprocess.run(
        [kubectl, "kustomize", FOLDER / "overlays" / overlay], capture_output=True, check=True
    )
    return tuple(yaml.safe_load_all(made.stdout))


def of_kind(overlay: str, kind: str) -> dict[str, Object]:
    return {one["metadata"]["name"]: one for one in objects(overlay) if one["kind"] == kind}


def pods(overlay: str) -> Iterator[tuple[str, Object]]:
    for kind in ("Deployment", "Job"):
        for name, one in of_kind(overlay, kind).items():
            yield name, one["spec"]["template"]["spec"]


def containers(overlay: str) -> Iterator[tuple[str, Object]]:
    for name, pod in pods(overlay):
        for container in pod["containers"] + pod.get("initContainers", []):
            yield name, container


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_each_object_is_of_its_schema(overlay: str, version: str) -> None:
    for one in objects(overlay):
        if one["kind"] != "ScaledObject":  # KEDA's own, checked below
            kubernetes_validate.validate(one, version, strict=True)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_containers_are_bounded_and_hardened(overlay: str) -> None:
    for name, container in containers(overlay):
        assert {"cpu", "memory"} <= container["resources"]["limits"].keys(), name
        assert {"cpu", "memory"} <= container["resources"]["requests"].keys(), name
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }, name
        assert container["image"].count(":") == 1, name
    for name, pod in pods(overlay):
        assert pod["securityContext"]["runAsNonRoot"], name
        assert pod["automountServiceAccountToken"] is False, name


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_deployments_are_probed_and_kept(overlay: str) -> None:
    budgets = {
        one["spec"]["selector"]["matchLabels"]["app.kubernetes.io/component"]
        for one in of_kind(overlay, "PodDisruptionBudget").values()
    }
    for name, one in of_kind(overlay, "Deployment").items():
        container = one["spec"]["template"]["spec"]["containers"][0]
        assert {"livenessProbe", "readinessProbe"} <= container.keys(), name
        assert name in budgets


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_one_scaler_alone_sets_the_number_of_pods(overlay: str) -> None:
    hpas, scaled = (
        {one["spec"]["scaleTargetRef"]["name"] for one in of_kind(overlay, kind).values()}
        for kind in ("HorizontalPodAutoscaler", "ScaledObject")
    )
    deployments = of_kind(overlay, "Deployment")
    assert not hpas & scaled
    assert hpas | scaled == {"gateway", "worker-gpu"}
    for name, one in deployments.items():
        assert ("replicas" in one["spec"]) == (name not in hpas | scaled), name


def test_gpu_workers_ask_for_gpus_and_for_their_machines() -> None:
    pod = of_kind("eks", "Deployment")["worker-gpu"]["spec"]["template"]["spec"]
    assert pod["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert {one["key"] for one in pod["tolerations"]} == {"nvidia.com/gpu", "avatar/spot"}
    assert "requiredDuringSchedulingIgnoredDuringExecution" in pod["affinity"]["nodeAffinity"]


def test_the_laptop_has_no_gpu() -> None:
    pod = of_kind("local", "Deployment")["worker-gpu"]["spec"]["template"]["spec"]
    assert "nvidia.com/gpu" not in pod["containers"][0]["resources"]["limits"]
    assert pod["containers"][0]["image"] == "avatar-worker-cpu:local"
    assert "affinity" not in pod


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_workers_may_finish_what_they_began(overlay: str) -> None:
    for name in ("worker-cpu", "worker-gpu"):
        pod = of_kind(overlay, "Deployment")[name]["spec"]["template"]["spec"]
        assert pod["terminationGracePeriodSeconds"] > SEGMENT_S
        stop = pod["containers"][0]["lifecycle"]["preStop"]["exec"]["command"]
        assert stop == ["sh", "-c", "kill -TERM 1 && sleep 345"]  # the kubelet sends a second one


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_keda_scales_by_the_queue(overlay: str) -> None:
    spec = of_kind(overlay, "ScaledObject")["worker-gpu"]["spec"]
    assert spec["minReplicaCount"] <= spec["maxReplicaCount"]
    desired, waiting = (trigger["metadata"] for trigger in spec["triggers"])
    for trigger in spec["triggers"]:
        assert trigger["type"] == "metrics-api"
        assert trigger["metricType"] == "AverageValue"
        assert all(isinstance(value, str) for value in trigger["metadata"].values())
        assert trigger["metadata"]["url"] == "http://queue-exporter:9095/scale"
    assert (desired["valueLocation"], desired["targetValue"]) == ("desired", "1")
    assert (waiting["valueLocation"], waiting["targetValue"]) == ("waiting", "5")
    assert waiting["activationTargetValue"] == "10"
    down = spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]["scaleDown"]
    assert down["stabilizationWindowSeconds"] == 300


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_exporter_decides_by_the_rule_of_many_users(overlay: str) -> None:
    pod = of_kind(overlay, "Deployment")["queue-exporter"]["spec"]["template"]["spec"]
    env = {one["name"]: one["value"] for one in pod["containers"][0]["env"]}
    rule = rule_for(int(env["AVATAR_SCALE_USERS"]))
    assert (rule.up_above, rule.down_below, rule.down_cooldown_s) == (10, 3, 300)
    assert env["AVATAR_SCALE_WATCH_ONLY"] == "true"


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_secrets_are_named_and_never_written(overlay: str) -> None:
    assert not of_kind(overlay, "Secret")
    for name, container in containers(overlay):
        if "envFrom" in container:
            assert {"secretRef": {"name": "avatar"}} in container["envFrom"], name
    for one in of_kind(overlay, "ConfigMap").values():
        assert not [key for key in one["data"] if "PASSWORD" in key or "SECRET" in key]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_nothing_comes_in_unless_a_policy_lets_it(overlay: str) -> None:
    policies = of_kind(overlay, "NetworkPolicy")
    assert policies["nothing-comes-in"]["spec"] == {"podSelector": {}, "policyTypes": ["Ingress"]}
    served = set(of_kind(overlay, "Service"))
    assert {f"to-{name}" for name in served} <= policies.keys()
    out = policies["gateway-goes-out"]["spec"]["egress"][0]["to"][0]["ipBlock"]
    assert out["except"] == ["169.254.0.0/16"]
