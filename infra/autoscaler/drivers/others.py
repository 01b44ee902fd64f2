"""Workers that somebody else scales, KEDA for one: they are counted and left alone."""

from collections.abc import Callable


class OthersWorkers:
    def __init__(self, count: Callable[[], int]) -> None:
        self._count = count

    def current(self) -> int:
        return self._count()

    def scale_to(self, workers: int) -> None:
        """Whoever scales reads the wanted number from the exporter."""
