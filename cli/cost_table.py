"""How `avatar cost` shows what it found: a table for people, a document for programs."""

from collections.abc import Iterator, Sequence

from models.cost import Estimate, Load, Speed, break_even
from models.prices import Fleet, Prices


def lines(
    table: Prices, speed: Speed, load: Load, fleet: Fleet | None, rows: Sequence[Estimate]
) -> Iterator[str]:
    yield f"{load.videos} videos of {load.seconds / 60:g} min a month, in USD"
    yield f"prices of {table.as_of}, {table.region}; checked: {table.checked}"
    yield f"speed: {speed.ratio:.3g} s of video made in a second ({speed.source})"
    yield f"{load.utilisation:.0%} of the paid time used, {load.spot:.0%} of it on spot machines"
    yield f"{'':19} {'minute':>9} {'video':>9} {'month':>10} {'hours':>9}"
    for row in rows:
        each = row.shared(load)
        yield (
            f"{row.machine:12} {row.processor:6} {each['rendering_per_minute']:9.5f} "
            f"{each['rendering_per_video']:9.5f} {row.rendering:10.2f} {row.hours:9.1f}"
        )
    yield from _beside(load, fleet, rows)
    yield from _hosted(table, load, rows[0])


def _beside(load: Load, fleet: Fleet | None, rows: Sequence[Estimate]) -> Iterator[str]:
    first = rows[0]
    yield f"{'store':19} {first.storage:30.2f}"
    yield f"{'traffic':19} {first.traffic:30.2f}"
    yield f"{f'fleet {fleet.name}' if fleet else 'no fleet':19} {first.fleet:30.2f}"
    for row in rows:
        each = row.shared(load)
        yield (
            f"all, {row.machine:14} {each['per_minute']:9.5f} {each['per_video']:9.5f} "
            f"{row.month:10.2f}"
        )


def _hosted(table: Prices, load: Load, first: Estimate) -> Iterator[str]:
    fixed = first.month - first.rendering
    yield f"{'elsewhere':27} {'minute':>9} {'month':>10}  as dear as ours at"
    for other in table.hosted:
        even = break_even(other.per_minute, fixed, first.shared(load)["rendering_per_minute"])
        yield (
            f"{other.name:27} {other.per_minute:9.2f} {other.per_minute * load.minutes:10.2f}  "
            + ("never" if even is None else f"{even:.0f} min a month")
            + f" ({other.source})"
        )


def document(
    table: Prices, speed: Speed, load: Load, rows: Sequence[Estimate]
) -> dict[str, object]:
    return {
        "prices": {"as_of": str(table.as_of), "checked": table.checked, "region": table.region},
        "speed": speed.model_dump(),
        "load": load.model_dump(),
        "machines": [row.model_dump() | {"month": row.month} | row.shared(load) for row in rows],
        "hosted": [
            one.model_dump() | {"month": one.per_minute * load.minutes} for one in table.hosted
        ],
    }
