"""What can change the number of workers."""

from typing import Protocol


class Driver(Protocol):
    """Both calls raise an AvatarError where the number is unknown or cannot be changed."""

    def current(self) -> int:
        """Workers that are started or starting, without those that drain."""
        ...

    def scale_to(self, workers: int) -> None:
        """Want so many workers. Returns at once; a worker too many finishes its run first.

        Called at every look, also with the number there is: what drains is looked after then.
        """
        ...
