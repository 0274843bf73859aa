"""Every error a person can meet. One root; each sentence says what happened and what to do next."""

from __future__ import annotations


class BroadcasterError(Exception):
    """Something a person can act on. The text is one or two sentences and goes to them as it is."""

    exit_code = 1  # the check or the work found a fault


class WrongUse(BroadcasterError):
    """The call itself is wrong: a missing option, an unknown name, somebody who may not do this."""

    exit_code = 2


class NotFound(WrongUse):
    """What was named does not exist. The text lists what does, or how to list it."""


class NotAllowed(WrongUse):
    """This person may not do this; the text says who may."""


class Conflict(BroadcasterError):
    """The thing changed, or is in a state in which this cannot be done."""


class Busy(BroadcasterError):
    """Another process holds what this one needs: the sending lock, or the database for too long."""


class StorageFull(BroadcasterError):
    """The database cannot grow: nothing was sent without its intent; make room, and it goes on."""
