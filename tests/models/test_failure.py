from models.errors import MissingModels, NoFaceFound, SegmentFailed
from models.failure import error_in, error_of, failure_of


def test_an_error_comes_back_by_its_code() -> None:
    error = error_of(failure_of(NoFaceFound("no face in me.png: take another")))
    assert type(error) is NoFaceFound
    assert str(error) == "no face in me.png: take another"


def test_what_is_not_ours_comes_back_as_a_failed_segment() -> None:
    error = error_of(failure_of(ValueError("on purpose")))
    assert type(error) is SegmentFailed
    assert str(error) == "ValueError: on purpose"


def test_the_message_of_a_state_names_our_error() -> None:
    said = "Flow run encountered an exception: MissingModels: gone:\nrun `make setup`"
    error = error_in(said)
    assert type(error) is MissingModels
    assert str(error) == "gone:\nrun `make setup`"


def test_another_message_names_none() -> None:
    assert error_in("Flow run encountered an exception: ValueError: on purpose") is None
    assert error_in("Flow run exceeded timeout of 5.0 second(s)") is None
