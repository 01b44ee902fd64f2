from prefect import flow

from tasks.progress import Progress, begin, listening


def test_a_listener_hears_stages_and_every_step(prefect_server: None) -> None:
    heard: list[tuple[str, int, int]] = []

    @flow
    def work() -> None:
        begin("Looking")
        progress = Progress("Rendering", 5)
        progress.advance(3)
        progress.advance(2)

    with listening(lambda stage, done, total: heard.append((stage, done, total))):
        work()
    assert heard == [("Looking", 0, 0), ("Rendering", 3, 5), ("Rendering", 5, 5)]


def test_without_a_listener_nothing_is_told() -> None:
    begin("Looking")  # raises nothing
    heard: list[str] = []
    with listening(lambda stage, done, total: heard.append(stage)):
        pass
    begin("Looking")
    assert heard == []
