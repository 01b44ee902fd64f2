"""How far a video is, and how long it still takes, by what stages took before."""

import pytest

from api.foresight import Made, Pace, Told, ahead, pace_of
from tests.api.prefect_by_hand import result

PACE = Pace(portrait_s=1, speech=0.1, mouth=0.2, render=0.6, last_s=3)
SHARES = PACE.stages(speech_s=10, size=1)  # 1, 1, 2, 6 and 3 times 1 second
SPOKEN = {"check-portrait": "COMPLETED", "make-speech": "COMPLETED", "follow-mouth": "COMPLETED"}


@pytest.mark.parametrize(
    ("tasks", "rendered", "percent", "left_s", "stage"),
    [
        ({}, 0.0, 0, 13, "Starting"),
        ({"check-portrait": "RUNNING"}, 0.0, 0, 13, "Checking the portrait"),
        ({"make-speech": "RUNNING"}, 0.0, 8, 12, "Speaking"),
        (SPOKEN, 0.0, 31, 9, "Starting"),
        ({**SPOKEN, "render-clip": "RUNNING"}, 0.5, 54, 6, "Rendering"),
        ({}, 0.5, 54, 6, "Rendering"),  # the server has not heard of the tasks yet
        ({"render-clip": "COMPLETED"}, 0.0, 77, 3, "Starting"),  # found in the cache
        ({"render-clip": "COMPLETED", "check-quality": "COMPLETED"}, 1.0, 85, 2, "Starting"),
        ({"publish": "RUNNING", "draw-pictures": "COMPLETED"}, 1.0, 85, 2, "Delivering"),
        ({"render-segment": "RUNNING"}, 0.0, 0, 13, "Starting"),  # not one of the stages
    ],
)
def test_stages_count_by_their_shares(
    tasks: dict[str, str], rendered: float, percent: int, left_s: float, stage: str
) -> None:
    told = Told.of(tasks, rendered)
    found, left = ahead(SHARES, told)
    assert (round(found), round(left, 6), told.stage) == (percent, left_s, stage)


def test_a_pace_is_learnt_from_finished_videos() -> None:
    timings = {"portrait": 1.0, "speech": 2.0, "mouth": 3.0, "prepare": 1.0, "render": 4.0}
    made = result("videos/one").model_copy(update={"timings_s": timings})  # 10 s at 512 x 512
    pace = pace_of([Made(made, took_s=13.5), Made(made, took_s=0.5)])  # one was in the cache
    assert pace == Pace(portrait_s=1, speech=0.2, mouth=0.3, render=0.5, last_s=2.5)


def test_without_finished_videos_there_is_a_guess() -> None:
    assert pace_of([]) == Pace()
    percent, left_s = ahead(Pace().stages(0, 1), Told())
    assert (percent, left_s > 0) == (0, True)
