"""What this processor can."""

from pathlib import Path


def has_bfloat16() -> bool:
    """Whether it multiplies bfloat16 itself: elsewhere that is far slower than FP32."""
    flags = Path("/proc/cpuinfo")
    return flags.is_file() and "avx512_bf16" in flags.read_text(encoding="ascii", errors="ignore")
