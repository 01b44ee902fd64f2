"""`terraform apply` of the small size on moto, and what boto3 then finds there.

Takes minutes and is not collected: `make test-terraform` runs it. moto does not know what ABSENT
names; it keeps what it is given and runs nothing, so that nothing here shows that a machine starts
or an alarm fires. The modules eks and images are not applied: moto has no addons, and nothing of
Image Builder.
"""

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.infra.terraform.modules import initialised, run
from tests.stack.processes import free_port

REGION, SECOND = "eu-west-1", "eu-central-1"
NAME = "avatar-test"
ABSENT = {
    "alarms": ("aws_budgets_budget.month",),
    "backup": ("aws_backup_selection.all", "aws_backup_vault_notifications.failed"),
    "cache": ("aws_elasticache_replication_group.this",),
    "logs": ("aws_cloudwatch_query_definition.video",),
}
PROVIDER = """
provider "aws" {
  %s
  region                      = "%s"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  s3_use_path_style           = true
  max_retries                 = 2
}
"""
VARIABLES = {
    "region": REGION,
    "second_region": SECOND,
    "name": NAME,
    "secret_arn": f"arn:aws:secretsmanager:{REGION}:123456789012:secret:avatar",
    "images": {
        "gateway": "r.example.com/avatar-gateway:1",
        "worker_cpu": "r.example.com/avatar-worker-cpu:1",
        "worker_gpu": "r.example.com/avatar-worker-gpu:1",
    },
    "ami": {"gateway": "ami-12c6146b", "worker_gpu": "ami-12c6146b"},  # moto knows them
    "alarm_endpoints": ["https://events.example.com/x"],
    "backup": {"kept_days": 35, "lock_days": 7},
}


@pytest.fixture(scope="module")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an emulator of its own."""
    port, log = free_port(), tmp_path_factory.mktemp("moto") / "log"
    with log.open("w") as out:
        program = Path(sys.executable).with_name("moto_server")
        server = subprocess.Popen(
            [program, "-H", "127.0.0.1", "-p", str(port)],
            env=os.environ | {"MOTO_IAM_LOAD_MANAGED_POLICIES": "true"},
            stderr=out,
        )
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            server.kill()  # it listens to no other signal
            server.wait()


@pytest.fixture(scope="module")
def applied(moto: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Terraform's outputs."""
    folder = initialised(tmp_path_factory.mktemp("terraform") / "modules")
    providers = PROVIDER % ("", REGION) + PROVIDER % ('alias = "second"', SECOND)
    (folder / "emulator_override.tf").write_text(providers)
    for module, resources in ABSENT.items():
        blocks = ['resource "{}" "{}" {{ count = 0 }}'.format(*one.split(".")) for one in resources]
        (folder / "modules" / module / "emulator_override.tf").write_text("\n".join(blocks) + "\n")
    certificate = at(moto)("acm").request_certificate(DomainName="avatar.example.com")
    mine = VARIABLES | {"certificate_arn": certificate["CertificateArn"]}
    (folder / "mine.tfvars.json").write_text(json.dumps(mine))
    given = ("-auto-approve", "-var-file=sizes/small.tfvars", "-var-file=mine.tfvars.json")
    done = run(folder, "apply", *given, AWS_ENDPOINT_URL=moto)
    assert done.returncode == 0, done.stderr
    outputs = json.loads(run(folder, "output", "-json").stdout)
    return {name: one["value"] for name, one in outputs.items()}


@pytest.fixture
def client(moto: str, applied: dict[str, Any]) -> Any:  # noqa: ANN401
    return at(moto)


def at(address: str) -> Any:  # noqa: ANN401
    """Clients of its services, by name and region."""

    def client(service: str, region: str = REGION) -> Any:  # noqa: ANN401
        return boto3.client(
            service,
            region_name=region,
            endpoint_url=address,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    return client


def test_the_parts_fit_together(applied: dict[str, Any]) -> None:
    assert applied["store"] == f"s3://{NAME}-results/store"
    assert applied["prefect_api_url"].startswith("http://")
    assert applied["address"]


def test_the_database_is_private_encrypted_and_kept(client: Any) -> None:  # noqa: ANN401
    (one,) = client("rds").describe_db_instances()["DBInstances"]
    assert not one["PubliclyAccessible"]
    assert one["StorageEncrypted"]
    assert one["DeletionProtection"]
    assert one["BackupRetentionPeriod"] == 14


def test_buckets_are_closed_and_encrypted(client: Any) -> None:  # noqa: ANN401
    for region, name in ((REGION, "models"), (REGION, "results"), (SECOND, "models-copy")):
        s3, bucket = client("s3", region), f"{NAME}-{name}"
        closed = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
        assert all(closed.values()), name
        rules = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]
        by = rules["Rules"][0]["ApplyServerSideEncryptionByDefault"]
        assert by["SSEAlgorithm"] == "aws:kms", name


def test_models_are_versioned_and_replicated_and_uploads_end(client: Any) -> None:  # noqa: ANN401
    s3 = client("s3")
    for bucket in (f"{NAME}-models", f"{NAME}-models-copy"):
        assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    replication = s3.get_bucket_replication(Bucket=f"{NAME}-models")["ReplicationConfiguration"]
    assert replication["Rules"][0]["Destination"]["Bucket"] == f"arn:aws:s3:::{NAME}-models-copy"
    rules = s3.get_bucket_lifecycle_configuration(Bucket=f"{NAME}-results")["Rules"]
    (uploads,) = (rule for rule in rules if rule["ID"] == "uploads")
    assert uploads["Expiration"]["Days"] == 7
    assert uploads["Filter"]["Prefix"] == "store/uploads/"


def test_nothing_but_https_comes_in(client: Any) -> None:  # noqa: ANN401
    groups = client("ec2").describe_security_groups()["SecurityGroups"]
    ours = [group for group in groups if group["GroupName"].startswith(NAME)]
    assert len(ours) == 7
    opened = [
        (group["GroupName"], rule["FromPort"])
        for group in ours
        for rule in group["IpPermissions"]
        if rule["IpRanges"]
    ]
    assert opened == [(f"{NAME}-balancer", 443)]


def test_workers_are_spot_above_a_base_and_drained(client: Any) -> None:  # noqa: ANN401
    scaling = client("autoscaling")
    groups = {
        group["AutoScalingGroupName"]: group
        for group in scaling.describe_auto_scaling_groups()["AutoScalingGroups"]
    }
    assert groups.keys() == {
        f"{NAME}-{n}" for n in ("gateway", "prefect", "worker-cpu", "worker-gpu")
    }
    gpu = groups[f"{NAME}-worker-gpu"]
    mix = gpu["MixedInstancesPolicy"]["InstancesDistribution"]
    assert mix["OnDemandBaseCapacity"] == 1
    assert mix["OnDemandPercentageAboveBaseCapacity"] == 20
    assert (gpu["MinSize"], gpu["MaxSize"]) == (0, 4)
    for pool in ("cpu", "gpu"):
        name = f"{NAME}-worker-{pool}"
        (hook,) = scaling.describe_lifecycle_hooks(AutoScalingGroupName=name)["LifecycleHooks"]
        assert hook["LifecycleTransition"] == "autoscaling:EC2_INSTANCE_TERMINATING"
        assert hook["HeartbeatTimeout"] > 300


def test_machines_know_prefect_and_ask_imds_by_token(
    client: Any,  # noqa: ANN401
    applied: dict[str, Any],
) -> None:
    ec2 = client("ec2")
    templates = ec2.describe_launch_templates()["LaunchTemplates"]
    assert len(templates) == 4
    for template in templates:
        (version,) = ec2.describe_launch_template_versions(
            LaunchTemplateId=template["LaunchTemplateId"], Versions=["$Latest"]
        )["LaunchTemplateVersions"]
        data = version["LaunchTemplateData"]
        assert data["MetadataOptions"]["HttpTokens"] == "required"
        machine = machine_of(base64.b64decode(data["UserData"]).decode())
        assert all("/avatar-" in one["image"] for one in machine["services"].values())
        told = " ".join(one["options"] for one in machine["services"].values())
        assert applied["prefect_api_url"] in told
        assert machine["log_group"].startswith(f"/{NAME}/")


def machine_of(user_data: str) -> dict[str, Any]:
    """What the shell gives the start script."""
    lines = user_data.splitlines()
    shown = subprocess.run(
        ["bash", "-c", f'{lines[1]}\nprintf %s "$AVATAR_MACHINE"'],
        capture_output=True,
        text=True,
        check=True,
    )
    machine: dict[str, Any] = json.loads(shown.stdout)
    json.loads(machine["agent"])
    return machine


def test_every_alarm_tells_the_topic_that_may_be_written_to(client: Any) -> None:  # noqa: ANN401
    alarms = client("cloudwatch").describe_alarms()["MetricAlarms"]
    (topic,) = client("sns").list_topics()["Topics"]
    told = {alarm["AlarmName"] for alarm in alarms if topic["TopicArn"] in alarm["AlarmActions"]}
    scaling = {alarm["AlarmName"] for alarm in alarms if "queue-short" in alarm["AlarmName"]}
    assert len(told) == 10
    assert len(scaling) == 2
    policy = client("sns").get_topic_attributes(TopicArn=topic["TopicArn"])["Attributes"]["Policy"]
    assert "cloudwatch.amazonaws.com" in policy
    subscribed = client("sns").list_subscriptions()["Subscriptions"]
    assert [one["Endpoint"] for one in subscribed] == ["https://events.example.com/x"]


def test_backups_go_to_two_regions_under_lock(client: Any) -> None:  # noqa: ANN401
    backup = client("backup")
    (plan,) = backup.list_backup_plans()["BackupPlansList"]
    rule = backup.get_backup_plan(BackupPlanId=plan["BackupPlanId"])["BackupPlan"]["Rules"][0]
    assert rule["TargetBackupVaultName"] == f"{NAME}-nightly"
    assert rule["CopyActions"][0]["DestinationBackupVaultArn"].split(":")[3] == SECOND
    for region, vault in ((REGION, f"{NAME}-nightly"), (SECOND, f"{NAME}-copy")):
        found = client("backup", region).describe_backup_vault(BackupVaultName=vault)
        assert found["MinRetentionDays"] == 7


def test_logs_are_encrypted_and_end(client: Any) -> None:  # noqa: ANN401
    groups = client("logs").describe_log_groups(logGroupNamePrefix=f"/{NAME}/")["logGroups"]
    assert len(groups) == 4
    assert all(group["retentionInDays"] == 30 and group["kmsKeyId"] for group in groups)
