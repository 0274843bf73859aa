"""What a batch of rows changes: whom each row belongs to, what is new, what is refused. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from broadcaster.audience.contact import Address, BadRow, Consent, Draft


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What is known of a contact besides its addresses."""

    name: str = ""
    language: str = ""
    commune: str = ""
    consent: Consent | None = None

    def after(self, draft: Draft) -> Profile:
        """The profile once a row has spoken. A row empties no field; an older consent makes all of it older."""
        if self.consent and draft.consent and draft.consent.date < self.consent.date:
            return self
        newer = draft.consent and (self.consent is None or draft.consent.date > self.consent.date)
        return Profile(
            name=draft.name or self.name,
            language=draft.language or self.language,
            commune=draft.commune or self.commune,
            consent=draft.consent if newer else self.consent,
        )


@dataclass(slots=True, kw_only=True)
class Person:
    """A contact while the batch is read. `id` is None as long as the database does not know it."""

    id: int | None = None
    before: Profile = field(default_factory=Profile)
    profile: Profile = field(default_factory=Profile)
    added: list[Address] = field(default_factory=list)

    @property
    def is_changed(self) -> bool:
        return self.id is None or self.profile != self.before


@dataclass(frozen=True, slots=True, kw_only=True)
class Merge:
    """The outcome: people in the order in which they first appear, and the rows that were refused."""

    people: list[Person]
    refused: list[tuple[int, BadRow]]


def merge(
    drafts: Iterable[Draft],
    *,
    owners: Mapping[Address, int],
    profiles: Mapping[int, Profile],
    erased: Collection[Address],
) -> Merge:
    """Give every draft to one contact; `owners`, `profiles`, `erased`: what the database knows of the addresses."""
    people: dict[int, Person] = {}  # by id() of the person: insertion order is order of appearance
    stored = {key: Person(id=key, before=one, profile=one) for key, one in profiles.items()}
    holder: dict[Address, Person] = {address: stored[contact] for address, contact in owners.items()}
    refused: list[tuple[int, BadRow]] = []
    for draft in drafts:
        try:
            person = _holder_of(draft, holder, erased)
        except BadRow as error:
            refused.append((draft.row, error))
            continue
        person.profile = person.profile.after(draft)
        for address in draft.addresses:
            if address not in holder:
                holder[address] = person
                person.added.append(address)
        people[id(person)] = person
    return Merge(people=list(people.values()), refused=refused)


def _holder_of(draft: Draft, holder: Mapping[Address, Person], erased: Collection[Address]) -> Person:
    found: Person | None = None
    for address in draft.addresses:
        if address in erased:
            raise BadRow(address[0], "This person was erased at their own request; the address is not stored again.")
        owner = holder.get(address)
        if owner is not None and found is not None and owner is not found:
            raise BadRow(address[0], "The addresses of this row belong to two different contacts; "
                                     "check which is right, or give each contact a row of its own.")  # fmt: skip
        found = owner or found
    return found or Person()
