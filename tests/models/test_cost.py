"""What videos cost, by hand."""

import pytest
from pydantic import ValidationError

from models.cost import Load, Speed, break_even, estimate, speed_of, used
from models.errors import InvalidRequest
from models.manifest import Manifest
from models.prices import Machine, load_prices
from tests.models.manifests import manifest

PRICES = load_prices()
ONE = Machine(name="m", processor="G", device="cuda", side_by_side=1, on_demand=3.6, spot=1.8)
LOAD = Load(videos=1000, seconds=60, speed=2, utilisation=0.5, spot=0)


def test_a_minute_at_real_speed_costs_a_minute_of_the_machine() -> None:
    made = estimate(ONE, LOAD, PRICES)  # twice as fast, used half of the time
    assert made.shared(LOAD)["per_minute"] == pytest.approx(3.6 / 60)
    assert made.shared(LOAD)["per_video"] == pytest.approx(0.06)
    assert made.month == pytest.approx(60)
    assert made.hours == pytest.approx(1000 / 60)
    assert made.places == pytest.approx(1000 / 60 / 730)


def test_spot_time_is_cheaper_by_its_part() -> None:
    half = estimate(ONE, LOAD.model_copy(update={"spot": 0.5}), PRICES)
    assert half.hour == pytest.approx(2.7)


def test_a_machine_of_eight_is_paid_by_the_place() -> None:
    eight = ONE.model_copy(update={"side_by_side": 8, "on_demand": 28.8})
    assert estimate(eight, LOAD, PRICES).month == pytest.approx(60)


def test_warm_machines_are_paid_though_nobody_comes() -> None:
    warm = LOAD.model_copy(update={"warm": 2})
    assert estimate(ONE, warm, PRICES).rendering == pytest.approx(2 * 730 * 3.6)


def test_the_store_is_paid_by_month_and_traffic_above_what_is_free() -> None:
    big = LOAD.model_copy(update={"megabytes": 200.0, "kept_months": 3.0, "downloads": 2.0})
    made = estimate(ONE, big, PRICES)  # 200 GB a month
    assert made.storage == pytest.approx(200 * 3 * PRICES.storage_gb_month)
    assert made.traffic == pytest.approx((400 - PRICES.egress_free_gb) * PRICES.egress_gb)


def test_a_fleet_costs_whether_anybody_comes_or_not() -> None:
    small = PRICES.fleet("small")
    made = estimate(ONE, LOAD, PRICES, small)
    assert made.fleet == pytest.approx(PRICES.beside_workers(small))
    assert made.month == pytest.approx(60 + made.fleet)


def test_a_fleet_is_used_by_what_it_renders_of_what_it_waits() -> None:
    small = PRICES.fleet("small")
    found = small.simulated[-1]
    busy = found.videos * 60 / 3.5 / 3600
    expected = busy / (busy + found.idle_hours)
    assert used(small, found.videos, 60, 3.5) == pytest.approx(expected)
    assert used(small, 100, 60, 3.5) < used(small, 10_000, 60, 3.5) < expected


def test_the_speed_of_a_video_is_what_was_shown_by_what_it_took() -> None:
    found = speed_of(manifest(frames=250, timings_s={"render": 3.0, "speech": 1.0, "join": 0.0}))
    assert found == Speed(ratio=2.5, source="one video's stages: render, speech")


def test_a_video_out_of_the_cache_tells_no_speed() -> None:
    cached: Manifest = manifest(frames=250, timings_s={"render": 0.0})
    with pytest.raises(InvalidRequest, match="cached"):
        speed_of(cached)


def test_a_fleet_pays_from_where_it_saves_what_it_costs() -> None:
    assert break_even(3.0, fixed=100, rendering_per_minute=1.0) == pytest.approx(50)
    assert break_even(1.0, fixed=100, rendering_per_minute=1.0) is None


def test_an_idle_fleet_has_no_price_a_video() -> None:
    with pytest.raises(ValidationError):
        Load(videos=1, seconds=1, speed=1, utilisation=0, spot=0)
