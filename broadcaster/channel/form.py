"""Which form of a message a channel says. Pure; the planner, the checker and the sender all ask here."""

from __future__ import annotations

from collections.abc import Mapping

from broadcaster.channel.base import Traits


def form_for(texts: Mapping[str, str], traits: Traits, *, accents: bool = True) -> str | None:
    """The name of the form to say out of `texts` (form -> text, one language), or None if none fits the channel.

    A channel with `accents = false` takes `sms-plain` where it would take `sms`: never the accented one.
    """
    for form in traits.forms:
        wanted = "sms-plain" if form == "sms" and not accents else form
        if texts.get(wanted):
            return wanted
    return None
