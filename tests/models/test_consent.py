"""What counts as consent, by state, owner and policy."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from models.consent import Consent, ConsentPolicy, Consents, Withdrawal, check
from models.errors import ConsentMissing, ConsentWithdrawn, InvalidRequest
from models.storage import LocalStore

NOW = datetime(2026, 11, 27, tzinfo=UTC)
DAY = timedelta(days=1)
PORTRAIT = "a" * 64
OFF, WARN, REQUIRE = ConsentPolicy


@pytest.fixture
def consents(tmp_path: Path) -> Consents:
    return Consents(LocalStore(tmp_path))


def record(number: int = 1, owner: str = "anna", **more: object) -> Consent:
    given = {
        "id": f"con_{number:032x}",
        "owner": owner,
        "portrait": PORTRAIT,
        "subject": "Anna Kern",
        "method": "signed form",
        "purpose": "training",
        "given_at": NOW - DAY,
        "recorded_at": NOW - DAY,
        **more,
    }
    return Consent.model_validate(given)


def withdrawn(consents: Consents, one: Consent) -> None:
    consents.withdraw(one, Withdrawal(consent=one.id, at=NOW, reason="left the company"))


def test_a_valid_record_is_found_under_every_policy(consents: Consents) -> None:
    consents.add(record())
    for policy in (WARN, REQUIRE):
        found, warning = check(consents, policy, "anna", PORTRAIT, NOW)
        assert (found, warning) == (record(), "")


def test_without_one_the_policy_decides(consents: Consents) -> None:
    assert check(consents, OFF, "anna", PORTRAIT, NOW) == (None, "")
    found, warning = check(consents, WARN, "anna", PORTRAIT, NOW)
    assert found is None
    assert "not recorded" in warning
    with pytest.raises(ConsentMissing, match="is not recorded"):
        check(consents, REQUIRE, "anna", PORTRAIT, NOW)


def test_another_owner_s_consent_counts_for_nothing(consents: Consents) -> None:
    consents.add(record(owner="ben"))
    with pytest.raises(ConsentMissing):
        check(consents, REQUIRE, "anna", PORTRAIT, NOW)


def test_it_ends_at_its_moment_and_not_before(consents: Consents) -> None:
    consents.add(record(valid_until=NOW))
    assert check(consents, REQUIRE, "anna", PORTRAIT, NOW - timedelta(microseconds=1))[0]
    with pytest.raises(ConsentMissing, match="has expired"):
        check(consents, REQUIRE, "anna", PORTRAIT, NOW)


def test_it_does_not_begin_before_it_is_given(consents: Consents) -> None:
    consents.add(record(given_at=NOW + DAY))
    with pytest.raises(ConsentMissing):
        check(consents, REQUIRE, "anna", PORTRAIT, NOW)


@pytest.mark.parametrize("policy", [WARN, REQUIRE])
def test_a_withdrawal_blocks_until_there_is_a_new_consent(
    consents: Consents, policy: ConsentPolicy
) -> None:
    consents.add(record())
    withdrawn(consents, record())
    with pytest.raises(ConsentWithdrawn):
        check(consents, policy, "anna", PORTRAIT, NOW)
    assert check(consents, OFF, "anna", PORTRAIT, NOW) == (None, "")
    consents.add(record(2))
    assert check(consents, policy, "anna", PORTRAIT, NOW)[0] == record(2)


def test_a_withdrawal_changes_neither_the_record_nor_an_earlier_withdrawal(
    consents: Consents,
) -> None:
    consents.add(record())
    before = consents.find("anna", record().id)
    withdrawn(consents, record())
    again = consents.withdraw(record(), Withdrawal(consent=record().id, at=NOW + DAY))
    after = consents.find("anna", record().id)
    assert after.consent.sha256 == before.consent.sha256
    assert after.withdrawal == again
    assert again.reason == "left the company"


def test_any_change_of_a_record_changes_its_hash() -> None:
    hashes = {
        one.sha256 for one in (record(), record(2), record(subject="Ben"), record(valid_until=NOW))
    }
    assert len(hashes) == 4
    assert Consent.model_validate_json(record().model_dump_json(indent=2)).sha256 in hashes


def test_an_owner_s_are_listed_newest_first_and_forgotten_together(consents: Consents) -> None:
    consents.add(record(1))
    consents.add(record(2, portrait="b" * 64))
    consents.add(record(3, owner="ben"))
    withdrawn(consents, record(1))
    assert [held.consent.id[-1] for held in consents.of_owner("anna")] == ["2", "1"]
    assert consents.forget("anna") == 3
    assert consents.of_owner("anna") == []
    assert len(consents.of_owner("ben")) == 1
    with pytest.raises(InvalidRequest, match="no consent"):
        consents.find("anna", record(1).id)
