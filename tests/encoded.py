"""What is encoded in a video file."""

from pathlib import Path

import av


def packets(video: Path) -> list[bytes]:
    """Of all its streams: a delivery's own signature, with a time and a name, is not among them."""
    with av.open(str(video)) as container:
        return [bytes(packet) for packet in container.demux()]
