"""Addresses that a caller names, checked as far as that goes without calling them."""

from api.guard import Policy
from api.problems import of_error
from models.errors import AddressRefused


def check_address(policy: Policy, url: str, field: str) -> None:
    """Raises Problem 422. Where its name leads is checked at every call, not now."""
    try:
        policy.check_url(url)
    except AddressRefused as error:
        raise of_error(error, field) from error
