"""Which Langfuse is told of which videos. Without keys nothing more of this package is loaded."""

from dataclasses import dataclass

from models.journal import Journal, trace_id


@dataclass(frozen=True)
class Server:
    """Where traces go."""

    url: str
    public_key: str
    secret_key: str
    sampled: float = 1.0  # the share of videos that is told of
    words: bool = False  # topics and scripts too
    environment: str = "default"
    timeout_s: int = 5  # all attempts to send a trace's spans, each attempt to send its scores

    def wants(self, journal: Journal) -> bool:
        """The same video, the same answer, in every process."""
        return int(trace_id(journal.name)[:8], 16) < self.sampled * 2**32
