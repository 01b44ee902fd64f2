"""Large buffers go back to the system when they are freed."""

import ctypes

M_MMAP_THRESHOLD = -3  # of mallopt(3)
LARGE_BYTES = 1 << 20


def return_large_buffers() -> None:
    """Glibc, left alone, raises its threshold to the largest buffer that was freed, and keeps it.

    A gateway that has decoded pictures of 50 megapixels then stays hundreds of megabytes larger.
    Other C libraries have no `mallopt`, and need none.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return
    mallopt(M_MMAP_THRESHOLD, LARGE_BYTES)
