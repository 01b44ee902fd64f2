"""The models' folder, kept a second time."""

from prefect import flow

from models.backup import BackupReport
from tasks.backup import copy_models, list_models


@flow(name="backup-models", persist_result=False)
def backup_models(place: str, keep: int = 7) -> BackupReport:
    """Copy weights and engines to a second place, each content once, and read them back.

    Args:
        place: A folder, or s3://BUCKET/PREFIX; not the store itself.
        keep: So many snapshots are kept, the newest ones.
    """
    return copy_models(list_models(), place, keep)
