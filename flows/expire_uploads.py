"""The store forgets what nobody needs."""

from prefect import flow

from models.expiry import ExpiryReport
from tasks.expire import delete_stale, find_names_in_use, find_stale


@flow(name="expire-uploads", persist_result=False)
def expire_uploads(
    uploads_days: float = 7, work_days: float = 30, dry_run: bool = False
) -> ExpiryReport:
    """Delete old uploads and old intermediate files; what a waiting or running request names stays.

    Args:
        uploads_days: Uploaded pictures and recordings are kept so many days.
        work_days: What videos are made of, and any run can make again, is kept so many days.
        dry_run: Only report what would be deleted.
    """
    found = find_stale(uploads_days, work_days)
    return delete_stale(found, find_names_in_use(), dry_run)
