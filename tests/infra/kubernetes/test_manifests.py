"""What kustomize makes of each overlay: schemas of three versions, and invariants of our own.

There is no API server here: what it would admit is not tested.
"""

import copy
import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from pydantic import ValidationError

from infra.autoscaler.rules import rule_for
from infra.worker.settings import WorkerSettings
from models.renderers import MESH, WAV2LIP
from models.segments import LONGEST_S
from tests.infra.kubernetes.custom import PodMonitor, ScaledObject

FOLDER = Path(__file__).resolve().parents[3] / "infra" / "kubernetes"
OVERLAYS = ("local", "eks")
VERSIONS = ("1.33", "1.35", "1.37")
FPS = 25
UNPROBED = {"prefect-services"}  # serves nothing that could be asked
Object = dict[str, Any]


@cache
def objects(overlay: str) -> tuple[Object, ...]:
    return built(FOLDER / "overlays" / overlay)


def built(folder: Path) -> tuple[Object, ...]:
    """What kustomize makes of it."""
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("kubectl is not installed")
    made = subprocess.run([kubectl, "kustomize", folder], capture_output=True, check=True)
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
        ports = {port["name"] for port in container.get("ports", ())}
        for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
            asked = container.get(probe, {}).get("httpGet", {}).get("port")
            assert (asked in ports) == (name not in UNPROBED), (name, probe)
        assert name in budgets


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_evictions_take_some_pods_and_never_all_callers_reach(overlay: str) -> None:
    least = of_kind(overlay, "HorizontalPodAutoscaler")["gateway"]["spec"]["minReplicas"]
    budgets = of_kind(overlay, "PodDisruptionBudget")
    assert budgets["gateway"]["spec"]["maxUnavailable"] < least
    servers = of_kind(overlay, "Deployment")["prefect-server"]["spec"]["replicas"]
    assert budgets["prefect-server"]["spec"]["maxUnavailable"] < servers


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
    """The longest segment < the worker's own bound < the hook's sleep < the kubelet's patience."""
    slowest = min(speed for card in (MESH, WAV2LIP) for _, speed in card.frames_per_s)
    segment_s = LONGEST_S * FPS / slowest
    drain_s = WorkerSettings.model_fields["drain_s"].default
    for name in ("worker-cpu", "worker-gpu"):
        pod = of_kind(overlay, "Deployment")[name]["spec"]["template"]["spec"]
        (shell, option, stop) = pod["containers"][0]["lifecycle"]["preStop"]["exec"]["command"]
        told = re.fullmatch(r"kill -TERM 1 && sleep (\d+)", stop)  # the kubelet sends a second one
        assert (shell, option) == ("sh", "-c")
        assert told
        grace_s = pod["terminationGracePeriodSeconds"]
        assert 5 * segment_s < drain_s < int(told[1]) < grace_s


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_keda_scales_by_the_queue(overlay: str) -> None:
    spec = of_kind(overlay, "ScaledObject")["worker-gpu"]["spec"]
    assert spec["minReplicaCount"] <= spec["maxReplicaCount"]
    desired, waiting = (trigger["metadata"] for trigger in spec["triggers"])
    for trigger in spec["triggers"]:
        assert trigger["metadata"]["url"] == "http://queue-exporter:9095/scale"
    assert (desired["valueLocation"], desired["targetValue"]) == ("desired", "1")
    assert (waiting["valueLocation"], waiting["targetValue"]) == ("waiting", "5")
    assert waiting["activationTargetValue"] == "10"
    down = spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]["scaleDown"]
    assert down["stabilizationWindowSeconds"] == 300


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_keda_knows_every_field(overlay: str) -> None:
    for name, one in of_kind(overlay, "ScaledObject").items():
        scaled = ScaledObject.model_validate(one, strict=True)
        target = scaled.spec.scaleTargetRef
        assert target.name in of_kind(overlay, target.kind), name


def test_a_field_that_keda_does_not_know_is_found() -> None:
    one = copy.deepcopy(of_kind("eks", "ScaledObject")["worker-gpu"])
    one["spec"]["triggers"][0]["metadata"]["targetValue"] = 1  # KEDA takes strings only
    one["spec"]["coolDownPeriod"] = 900
    with pytest.raises(ValidationError, match=r"(?s)targetValue.*coolDownPeriod"):
        ScaledObject.model_validate(one, strict=True)


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
    (out,) = policies["nobody-asks-the-node"]["spec"]["egress"]
    assert policies["nobody-asks-the-node"]["spec"]["podSelector"] == {}
    assert [to["ipBlock"]["except"][0] for to in out["to"]] == ["169.254.0.0/16", "fe80::/10"]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_policies_let_in_who_measures_and_who_scales(overlay: str) -> None:
    policies = of_kind(overlay, "NetworkPolicy")
    for name, one in of_kind(overlay, "Deployment").items():
        told = one["spec"]["template"]["metadata"].get("annotations", {})
        if told.get("prometheus.io/scrape") == "true":
            port = int(told["prometheus.io/port"])
            assert ("monitoring", port) in _let_in(policies[f"to-{name}"]), name
    assert ("keda", 9095) in _let_in(policies["to-queue-exporter"])
    for name, service in of_kind(overlay, "Service").items():
        (port,) = service["spec"]["ports"]
        assert port["port"] in {number for _, number in _let_in(policies[f"to-{name}"])}, name


def _let_in(policy: Object) -> set[tuple[str, int]]:
    """(namespace, port); an empty name for the pods beside it."""
    return {
        (_namespace(source), port["port"])
        for rule in policy["spec"]["ingress"]
        for source in rule["from"]
        for port in rule["ports"]
    }


def _namespace(source: Object) -> str:
    labels = source.get("namespaceSelector", {}).get("matchLabels", {})
    return str(labels.get("kubernetes.io/metadata.name", ""))


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_models_are_backed_up(overlay: str) -> None:
    (settings,) = of_kind(overlay, "ConfigMap").values()
    store, backup = (settings["data"][f"AVATAR_{name}"] for name in ("STORE", "BACKUP"))
    assert backup
    assert not backup.startswith(store)


def test_monitors_find_the_pods_by_their_labels_and_ports() -> None:
    """Of the optional component, by the operator's fields."""
    file = FOLDER / "components" / "monitors" / "monitors.yaml"
    deployments = of_kind("eks", "Deployment")
    for one in yaml.safe_load_all(file.read_text(encoding="utf-8")):
        monitor = PodMonitor.model_validate(one, strict=True)
        (endpoint,) = monitor.spec.podMetricsEndpoints
        found = [
            pod
            for pod in (each["spec"]["template"] for each in deployments.values())
            if monitor.spec.selector.takes(pod["metadata"]["labels"])
        ]
        assert found
        for pod in found:
            ports = {port["name"] for port in pod["spec"]["containers"][0]["ports"]}
            assert endpoint.port in ports
        assert [one.replacement for one in endpoint.relabelings] == [monitor.metadata["name"]]


def test_the_component_adds_the_monitors(tmp_path: Path) -> None:
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": ["kubernetes/overlays/eks"],
        "components": ["kubernetes/components/monitors"],
    }
    shutil.copytree(FOLDER, tmp_path / "kubernetes")
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    kinds = [one["kind"] for one in built(tmp_path)]
    assert kinds.count("PodMonitor") == 3
