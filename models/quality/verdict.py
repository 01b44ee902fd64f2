"""From a figure and its bar to a Check."""

from models.contracts import Check
from models.quality.measured import Indices


def at_most(name: str, value: float, bar: float, detail: str = "") -> Check:
    return Check(name=name, value=value, bar=f"<= {bar:.4g}", passed=value <= bar, detail=detail)


def at_least(name: str, value: float, bar: float, detail: str = "") -> Check:
    return Check(name=name, value=value, bar=f">= {bar:.4g}", passed=value >= bar, detail=detail)


def unmeasured(name: str, bar: str, why: str) -> Check:
    return Check(name=name, value=0.0, bar=bar, passed=True, measured=False, detail=why)


def none_of(name: str, bad: Indices) -> Check:
    """`bad` are frame numbers."""
    numbers = ", ".join(map(str, bad[:5]))
    return Check(
        name=name,
        value=len(bad),
        bar="= 0",
        passed=not len(bad),
        detail=f"at {numbers}" if numbers else "",
    )
