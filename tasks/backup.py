"""Keep the models' folder a second time."""

from pathlib import Path

from prefect import task
from prefect.artifacts import create_markdown_artifact

from models import backup
from models.backup import BackupReport, Snapshot
from models.errors import InvalidRequest
from models.storage import store_at
from tasks.policies import is_transient
from tasks.settings import settings


@task(name="list-models", persist_result=False)
def list_models() -> Snapshot:
    """Every file below the models' folder and its sha256."""
    return backup.list_files(settings().models)


@task(name="copy-models", retries=2, retry_delay_seconds=10, retry_condition_fn=is_transient)
def copy_models(snapshot: Snapshot, place: str, keep: int) -> BackupReport:
    """Copy what is new, read everything back, then drop what is too old."""
    if not place:
        raise InvalidRequest("no place for the backup: set AVATAR_BACKUP and deploy again")
    if keep < 1:
        raise InvalidRequest(f"{keep} snapshots cannot be kept: keep at least 1")
    if "://" not in place and Path(place).resolve().is_relative_to(settings().models.resolve()):
        raise InvalidRequest(f"{place} lies in the folder to be kept: name another place")
    target = store_at(place)
    copied = backup.copy(settings().models, snapshot, target)
    verified = backup.verify(snapshot, target)
    backup.write(snapshot, target)
    dropped = backup.drop_old(target, keep)
    report = BackupReport(
        snapshot=snapshot.key,
        files=len(snapshot.files),
        megabytes=snapshot.megabytes,
        copied=copied,
        verified=verified,
        snapshots=len(backup.snapshots(target)),
        dropped=dropped,
    )
    create_markdown_artifact(
        key="models-backup", markdown=backup.markdown(report, place), description="What is kept"
    )
    return report
