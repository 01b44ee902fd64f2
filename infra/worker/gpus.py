"""Memory and use of the worker's cards, from NVIDIA's library; nothing where there is none."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from models.tally import Name


class Gpus:
    """`devices` are those of CUDA_VISIBLE_DEVICES; without names it is all that can be seen."""

    def __init__(self, devices: Sequence[str | None]) -> None:
        self._named = [device for device in devices if device is not None]
        self._nvml: Any = _library()

    def measure(self) -> dict[Name, float]:
        """Bytes and 0..1 of each card; a card that has fallen off the bus is left out."""
        if self._nvml is None:
            return {}
        found: dict[Name, float] = {}
        for number, card in self._cards():
            with suppress(self._nvml.NVMLError):
                found |= self._measured(number, card)
        return found

    def _measured(self, number: str, card: Any) -> dict[Name, float]:  # noqa: ANN401, NVML's own
        label = (("gpu", number),)
        memory = self._nvml.nvmlDeviceGetMemoryInfo(card)
        return {
            Name("gpu_memory_used_bytes", label): memory.used,
            Name("gpu_memory_bytes", label): memory.total,
            Name("gpu_busy_ratio", label): self._nvml.nvmlDeviceGetUtilizationRates(card).gpu / 100,
        }

    def _cards(self) -> Iterator[tuple[str, Any]]:
        with suppress(self._nvml.NVMLError):
            names = self._named or [str(one) for one in range(self._nvml.nvmlDeviceGetCount())]
            for name in names:
                yield name, self._card(name)

    def _card(self, name: str) -> Any:  # noqa: ANN401, NVML's own
        if name.isdigit():
            return self._nvml.nvmlDeviceGetHandleByIndex(int(name))
        return self._nvml.nvmlDeviceGetHandleByUUID(name)


def _library() -> Any:  # noqa: ANN401, a module without types
    """None where it is not installed, or finds no card."""
    try:
        import pynvml
    except ImportError:
        return None
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return None
    return pynvml
