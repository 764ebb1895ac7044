"""Rotation over the years: nobody is ever shown a certificate of an authority that they have not heard of."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from xdsserver.authority import AuthorityError, KeyPair, make_authority, renewed, standing
from xdsserver.authority.certificates import AUTHORITY_LIFE
from xdsserver.authority.phases import LONGEST_LIFE

if TYPE_CHECKING:
    from xdsserver.authority import Standing

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def _years(step: timedelta, days: int = 3650) -> list[tuple[datetime, Standing]]:
    """What stands at each visit of somebody who comes at this interval and renews what is due."""
    pairs: tuple[KeyPair, ...] = ()
    visits = []
    now = START
    while now < START + days * DAY:
        pairs = renewed(pairs, now)
        visits.append((now, standing(pairs, now)))
        now += step
    return visits


@pytest.mark.parametrize("step_days", [1, 7, 89])
def test_s3_what_was_handed_out_is_good_for_its_whole_life_while_authorities_change(step_days: int) -> None:
    """S3: certificates and authorities change without a restart; old and new authority overlap."""
    visits = _years(step_days * DAY)
    assert len({stands.signer for _, stands in visits}) > 4, "several generations signed"
    reach = LONGEST_LIFE // (step_days * DAY)
    for number, (now, then) in enumerate(visits):
        for later, stands in visits[number : number + reach + 1]:
            assert later - now <= LONGEST_LIFE
            # A certificate from then is still accepted, and whoever holds the bundle of then accepts what is shown now.
            assert then.signer.certificate in stands.trusted
            assert stands.signer.certificate in then.trusted


def test_few_authorities_are_trusted_at_a_time_and_expired_ones_never() -> None:
    for now, stands in _years(DAY):
        assert 1 <= len(stands.trusted) <= 2
        assert all(now < KeyPair(one, b"").parsed.not_valid_after_utc for one in stands.trusted)
        assert stands.signer.certificate in stands.trusted


def test_a_signer_lives_longer_than_what_it_signs() -> None:
    for now, stands in _years(DAY):
        assert stands.signer.parsed.not_valid_after_utc >= now + LONGEST_LIFE


def test_signers_follow_each_other_in_the_order_of_their_making() -> None:
    signers = [stands.signer.parsed.not_valid_before_utc for _, stands in _years(7 * DAY)]
    assert all(before <= after for before, after in pairwise(signers))


def test_the_first_authority_signs_at_once() -> None:
    first = make_authority(START)
    assert standing((first,), START).signer == first


def test_the_order_in_which_authorities_are_kept_means_nothing() -> None:
    pairs = tuple(make_authority(START + days * DAY) for days in (0, 460, 920))
    at = START + 600 * DAY
    assert standing(pairs, at) == standing(reversed(pairs), at)


def test_all_expired_is_an_error_that_renewing_mends() -> None:
    old, late = make_authority(START), START + AUTHORITY_LIFE + DAY
    with pytest.raises(AuthorityError, match="is the clock right"):
        standing((old,), late)
    (new,) = renewed((old,), late)
    assert standing((new,), late).signer == new
