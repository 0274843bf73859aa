from __future__ import annotations

from datetime import date

from broadcaster.audience.batch import Profile, merge
from broadcaster.audience.contact import Address, Consent, Draft

PHONE: Address = ("phone", "+84912345678")
OTHER: Address = ("phone", "+84987654321")
EMAIL: Address = ("email", "nga@example.vn")
EARLY, LATE = Consent("phiếu", date(2027, 1, 1)), Consent("web", date(2027, 6, 1))


def test_a_new_address_makes_a_contact_and_a_known_one_finds_it() -> None:
    drafts = [Draft(row=2, name="Nga", addresses=(PHONE,)), Draft(row=3, name="An", addresses=(OTHER,))]

    outcome = merge(drafts, owners={OTHER: 7}, profiles={7: Profile(name="An")}, erased=())

    assert [(one.id, one.profile.name, one.added) for one in outcome.people] == [(None, "Nga", [PHONE]), (7, "An", [])]
    assert [one.is_changed for one in outcome.people] == [True, False]


def test_rows_that_share_an_address_are_one_person_with_all_their_addresses() -> None:
    drafts = [
        Draft(row=2, addresses=(PHONE, EMAIL)),
        Draft(row=3, commune="Mường Khương", addresses=(OTHER, EMAIL)),
        Draft(row=4, addresses=(PHONE,)),
    ]

    outcome = merge(drafts, owners={}, profiles={}, erased=())

    assert [(one.profile.commune, one.added) for one in outcome.people] == [("Mường Khương", [PHONE, EMAIL, OTHER])]
    assert outcome.refused == []


def test_a_row_whose_addresses_belong_to_two_contacts_is_refused() -> None:
    drafts = [Draft(row=2, addresses=(PHONE, EMAIL)), Draft(row=3, addresses=(PHONE,))]

    outcome = merge(drafts, owners={PHONE: 1, EMAIL: 2}, profiles={1: Profile(), 2: Profile()}, erased=())

    assert [(row, error.column) for row, error in outcome.refused] == [(2, "email")]
    assert [one.id for one in outcome.people] == [1]


def test_a_person_who_was_erased_is_not_stored_again() -> None:
    outcome = merge([Draft(row=2, addresses=(PHONE,))], owners={}, profiles={}, erased={PHONE})

    assert outcome.people == []
    assert "erased" in str(outcome.refused[0][1])


def test_a_newer_consent_replaces_an_older_one_and_never_the_reverse() -> None:
    known = Profile(name="Nga", consent=LATE)

    after_older = known.after(Draft(row=2, name="Cô Nga", consent=EARLY, addresses=(PHONE,)))
    after_newer = Profile(name="Nga", consent=EARLY).after(
        Draft(row=2, name="Cô Nga", consent=LATE, addresses=(PHONE,))
    )

    assert after_older == known
    assert after_newer == Profile(name="Cô Nga", consent=LATE)


def test_an_empty_cell_empties_nothing() -> None:
    known = Profile(name="Nga", language="vi", commune="Mường Khương", consent=EARLY)

    assert known.after(Draft(row=2, addresses=(PHONE,))) == known
