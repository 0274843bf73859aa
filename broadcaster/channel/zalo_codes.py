"""What Zalo's answers mean: HTTP is 200 even for an error, the `error` of the body decides. Pure.

How sure each line is: E = the provider's page by an excerpt, or two sources that agree; S = one secondary source;
U = known by its name only. Nothing here was seen live.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from broadcaster.channel import http_call
from broadcaster.channel.base import Misconfigured, NotAccepted, OutcomeUnknown, Refused, SendError, Throttled
from broadcaster.channel.http_call import Answer
from broadcaster.channel.meaning import Meaning

MINUTE = timedelta(minutes=1)
HALF_HOUR = timedelta(minutes=30)
HOUR = timedelta(hours=1)
REASON_LIMIT = 200  # characters of the provider's own words that we keep
TEMPLATE_CODES = {"-131": "waiting", "-1351": "refused", "-146": "refused"}  # what a send tells of a template's review


class TokenExpired(SendError):
    """The access token is not good any more; nothing was sent. Never leaves the adapter."""


# The official account's own addresses (openapi.zalo.me).
OA: Mapping[int, Meaning] = {
    -216: Meaning(TokenExpired, "the access token is not valid", "E"),
    -220: Meaning(TokenExpired, "the access token has expired", "E"),
    -32: Meaning(Throttled, "too many requests a minute", "E", wait=MINUTE),
    -211: Meaning(Throttled, "the quota is used up", "E"),
    -218: Meaning(
        NotAccepted, "this follower has had their share for now", "E"
    ),  # one person's, so no lane waits for it
    -234: Meaning(Throttled, "not at this hour", "S", wait=HALF_HOUR),
    -213: Meaning(Refused, "the person does not follow the account", "E"),
    -217: Meaning(Refused, "the person cannot be written to", "E"),
    -227: Meaning(Refused, "the person's account is locked, or has been idle for 45 days", "E"),
    -230: Meaning(Refused, "the person has not written to the account within 7 days", "E"),
    -232: Meaning(Refused, "the person has not written to the account within 7 days", "E"),
    -244: Meaning(Refused, "the person refuses such messages", "E", suppress=True),
    -201: Meaning(Refused, "a value of the message is not allowed", "E"),
    -210: Meaning(Refused, "a value of the message is too long or too large", "E"),
    -233: Meaning(Refused, "this kind of message is not allowed here", "E"),
    -248: Meaning(Refused, "the message is against Zalo's rules", "E"),
    -100: Meaning(Refused, "the attachment has expired", "E"),
    -214: Meaning(NotAccepted, "the article is still being processed", "E"),
    -204: Meaning(Misconfigured, "the official account is disabled", "E"),
    -205: Meaning(Misconfigured, "the official account does not exist", "E"),
    -209: Meaning(Misconfigured, "the app may not use this interface", "E"),
    -212: Meaning(Misconfigured, "the app is not linked to this account", "E"),
    -219: Meaning(Misconfigured, "the app is disabled or removed", "E"),
    -221: Meaning(Misconfigured, "the official account must be verified first", "E"),
    -223: Meaning(Misconfigured, "the account's consent is missing for this", "E"),  # or a quota: see _both
    -224: Meaning(Misconfigured, "the account's package does not allow this", "E"),
    -235: Meaning(Misconfigured, "the interface does not allow this account", "E"),
    -242: Meaning(Misconfigured, "the proof of the app secret is wrong; see `appsecret_proof`", "E"),
    -249: Meaning(Misconfigured, "the account is not allowed to do this", "E"),
    -320: Meaning(Misconfigured, "the app is not linked to a Zalo Cloud account", "E"),
    -321: Meaning(Misconfigured, "the Zalo Cloud account has no money left", "E"),
    -200: Meaning(OutcomeUnknown, "sending failed; it is not said whether the message left", "E"),
}

# Templates (business.openapi.zalo.me). -100 means something else here than above.
ZBS: Mapping[int, Meaning] = {
    -124: Meaning(TokenExpired, "the access token is not valid", "E"),
    -126: Meaning(Throttled, "the development quota is used up", "U"),
    -144: Meaning(Throttled, "the account's daily quota is used up", "E"),
    -147: Meaning(Throttled, "the template's daily quota is used up", "E"),
    -1441: Meaning(NotAccepted, "the cap on promotions is reached", "U"),
    -1471: Meaning(NotAccepted, "this person has had their promotions", "U"),
    -1472: Meaning(NotAccepted, "this person has had their promotions", "U"),
    -133: Meaning(Throttled, "not at this hour", "E", wait=HALF_HOUR),
    -114: Meaning(Refused, "the person cannot get this message", "E"),
    -118: Meaning(Refused, "the number has no Zalo account", "E"),
    -119: Meaning(Refused, "the person's account cannot get this message", "E"),
    -110: Meaning(Refused, "the person's app is too old", "E"),
    -140: Meaning(Refused, "the person cannot get follow-up messages", "E"),
    -139: Meaning(Refused, "the person refuses such messages", "E", suppress=True),
    -141: Meaning(Refused, "the person refuses messages of this account", "E", suppress=True),
    -108: Meaning(Refused, "the number is not a valid one", "E"),
    -111: Meaning(Refused, "the template has no data", "E"),
    -112: Meaning(Refused, "a value does not fit the template", "E"),
    -1121: Meaning(Refused, "a value is longer than the template allows", "E"),
    -1122: Meaning(Refused, "a value of the template is missing", "E"),
    -1124: Meaning(Refused, "a value does not fit the template", "E"),
    -113: Meaning(Refused, "the button is not valid", "E"),
    -116: Meaning(Refused, "the text is not valid", "E"),
    -121: Meaning(Refused, "the template has no content", "E"),
    -122: Meaning(Refused, "the request does not fit the template", "E"),
    -132: Meaning(Refused, "a value is not allowed", "E"),
    -153: Meaning(Refused, "the data do not fit", "E"),
    -101: Meaning(Misconfigured, "the app is not valid", "E"),
    -102: Meaning(Misconfigured, "the app does not exist", "E"),
    -103: Meaning(Misconfigured, "the app is not active", "E"),
    -104: Meaning(Misconfigured, "the app has no secret", "E"),
    -105: Meaning(Misconfigured, "the app is not linked to the account", "E"),
    -109: Meaning(Misconfigured, "the template id is not valid", "E"),
    -115: Meaning(Misconfigured, "there is no money left, or no quota", "E"),
    -117: Meaning(Misconfigured, "the account may not use this template", "E"),
    -120: Meaning(Misconfigured, "the account may not do this", "E"),
    -1201: Meaning(Misconfigured, "the account may not do this", "E"),
    -125: Meaning(Misconfigured, "the account id is not valid", "E"),
    -127: Meaning(Misconfigured, "a template under test goes to administrators only", "E"),
    -131: Meaning(Misconfigured, "the template is not approved", "E"),
    -135: Meaning(Misconfigured, "the account may not send templates", "E"),
    -1351: Meaning(Misconfigured, "the account is blocked from sending templates", "E"),
    -136: Meaning(Misconfigured, "the app is not linked to a Zalo Cloud account", "E"),
    -137: Meaning(Misconfigured, "payment from the Zalo Cloud account failed", "E"),
    -138: Meaning(Misconfigured, "the app has no right to do this", "E"),
    -1241: Meaning(Misconfigured, "the proof of the app secret is wrong; see `appsecret_proof`", "E"),
    -145: Meaning(Misconfigured, "the account may not send this kind of template", "E"),
    -146: Meaning(Misconfigured, "the template was disabled for its low quality", "E"),
    -32: Meaning(Throttled, "too many requests a minute", "E", wait=MINUTE),
    -321: Meaning(Misconfigured, "the Zalo Cloud account has no money left", "E"),
    -100: Meaning(OutcomeUnknown, "an unknown error; wait for the callback", "E"),
}


def judge(answer: Answer, codes: Mapping[int, Meaning]) -> dict[str, Any]:
    """The answer's `data` if Zalo says that all is well.

    Raises: one of the five errors; TokenExpired. Their texts hold our words and Zalo's code, never what was sent.
    """
    body = read(answer)
    code = whole(body.get("error"))
    if code is None:
        raise OutcomeUnknown("Zalo's answer says neither yes nor no; it cannot be told whether the message was taken.")
    if code:
        raise said(code, body.get("message"), codes, answer)
    data = body.get("data")
    return data if isinstance(data, dict) else {}


def read(answer: Answer) -> dict[str, Any]:
    """The body as an object. Raises: what an answer means that is none of Zalo's."""
    if not 200 <= answer.status < 300:
        _judge_status(answer)
    body = answer.json()
    if not isinstance(body, dict):
        raise OutcomeUnknown("Zalo's answer is no object; it cannot be told whether the message was taken.")
    return body


def said(code: int, message: Any, codes: Mapping[int, Meaning], answer: Answer) -> SendError:
    """The error for a code of Zalo's own."""
    meaning = codes.get(code)
    if meaning is None:
        return Refused(f"Zalo refuses this message with a code that we do not know ({code}).", code=str(code))
    meaning = _both(code, message, meaning)
    text = f"Zalo: {meaning.text} ({code})."
    if meaning.kind is Throttled:
        header = answer.headers.get("retry-after")
        told = http_call.throttled(answer).wait if header else meaning.wait
        return Throttled(text, wait=told, code=str(code))
    if meaning.kind is Refused:
        return Refused(text, code=str(code), suppress=meaning.suppress)
    if meaning.kind is Misconfigured:
        return Misconfigured(f"{text} Mend it in the account's console, then resume the channel.", code=str(code))
    return meaning.kind(text, code=str(code))


def whole(value: Any) -> int | None:
    """A code as Zalo writes it, number or text; None for what is no whole number."""
    if isinstance(value, str) and len(value) < 12 and value.lstrip("-").isdecimal():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def word(value: Any, *, most: int = 200) -> str:
    """An id or token of Zalo's as text, digits kept exact; "" for what is none, or is beyond belief."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value) if abs(value) < 10**40 else ""
    usable = isinstance(value, str) and 0 < len(value) <= most and value.isascii() and value.isprintable()
    return value if usable else ""


def _both(code: int, message: Any, meaning: Meaning) -> Meaning:
    """-223 says two things; which one stands in the message."""
    words = message[:REASON_LIMIT].lower() if isinstance(message, str) else ""
    if code == -223 and "quota" in words:
        return Meaning(Throttled, "the quota of articles is used up", "E")
    return meaning


def _judge_status(answer: Answer) -> None:
    """Raises for any status that is no 2xx, unless the body is in Zalo's words."""
    if not 400 <= answer.status < 500 or answer.status == 408:
        raise http_call.lost(answer)
    if answer.status == 429:
        raise http_call.throttled(answer)
    try:
        words = answer.json()
    except OutcomeUnknown:
        words = None
    if not isinstance(words, dict) or not whole(words.get("error")):
        raise http_call.foreign(answer)
