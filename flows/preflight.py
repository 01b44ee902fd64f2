"""What avatar-video would say of a portrait and a recording, before anything is made of them."""

from prefect import flow

from models.contracts import PreflightReport, PreflightRequest
from tasks.failures import tell_failure
from tasks.preflight import look_over


@flow(name="preflight", persist_result=False, on_failure=[tell_failure])
def preflight(request: PreflightRequest) -> PreflightReport:
    """Look at a picture, a recording or both; nothing is rendered.

    Args:
        request: The files, by path or store:KEY, and where the report is kept.
    """
    return look_over(request)
