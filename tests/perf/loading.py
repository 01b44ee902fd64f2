"""The flow that `bench_orchestration` times: it needs what a video needs, and does nothing."""

from prefect import flow

from tasks.loaded import preload


@flow(name="loading", persist_result=False)
def loading() -> None:
    preload()
