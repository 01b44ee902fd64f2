"""Ask a network for frames before they are used, so that it never waits for who uses them."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from models.renderer import Span


@dataclass(frozen=True)
class Drawing:
    """What a network was asked for."""

    part: Span
    result: Callable[[], Tensor]  # waits for it; raises what the network raised
    withdraw: Callable[[], None]  # nobody wants it any more


class Ahead:
    """One part more than is in use is under way, up to frame `stop`."""

    def __init__(self, ask: Callable[[Span], Drawing], stop: int) -> None:
        self._ask, self._stop = ask, stop
        self._next: Drawing | None = None

    def drawing(self, part: Span) -> Drawing:
        """Of the part; the next one, as long, is asked for behind it."""
        mine, self._next = self._next, None
        if mine is not None and mine.part != part:  # memory was short: parts are smaller now
            mine.withdraw()
            mine = None
        mine = mine or self._ask(part)
        following = Span(part.stop, min(2 * part.stop - part.first, self._stop))
        try:
            self._next = self._ask(following) if following.first < following.stop else None
        except BaseException:
            mine.withdraw()
            raise
        return mine

    def close(self) -> None:
        if self._next is not None:
            self._next.withdraw()
