"""What the generated pages say and the code does not: hand-written sentences. A test holds them to what there is."""

from __future__ import annotations

# What exit code 1 means, where it is more than "the thing is not in a state in which this can be done".
EXIT_ONE = {
    "check": "a fault was found; warnings do not count",
    "demo": "the sums do not close, the ledger does not verify, or it is not what the simulators' books hold",
    "doctor": "something must be mended",
    "run": "a channel is paused or cannot be built, or a stop is on",
    "db check": "a fault was found",
    "report": "with `--check`: the file was altered",
    "statement check": "one side has what the other has not, or they count differently",
    "bulletin remind": "a commune could not be reminded",
    "ledger verify": "a fault was found",
    "ledger countersign": "the checkpoint is not signed by that office, or we stand under it already",
    "message submit": "a message was refused; with `--all` the good ones are submitted",
    "message approve": "one was refused, or not agreed to; with `--all` the others are approved",
    "campaign approve": "not agreed to",
    "audience import": "not one row could be kept",
    "send": "no approved revision, a file that differs from it, or a fact that has moved",
}

# The adapters' own keys of `[channels.NAME]`.
OWN_KEYS = {
    "twilio": {
        "account_sid": "The account, `AC` and 32 hex digits.",
        "auth_token": "The account's token.",
        "former_auth_token": (
            "The token before: callbacks signed with it are taken too. Take it out a day after a change."
        ),
        "from": "What people see it comes from: a registered sender name or a number. Part of what is approved.",
        "messaging_service_sid": "A messaging service that chooses the sender, instead of `from` or with it.",
    },
    "telegram": {
        "token": "The bot's token.",
        "silent": "Posts arrive without a sound.",
        "hook_secret": "What Telegram shows with each of its calls: the `secret_token` given to `setWebhook`.",
        "former_hook_secret": "The one before: taken as well, while it is being changed.",
    },
    "esms": {
        "api_key": "The account's ApiKey.",
        "secret_key": "The account's SecretKey; the callbacks' address is derived from it too.",
        "brandname": "The registered brandname, at most 11 letters and digits. Part of what is approved.",
        "sandbox": "true: eSMS answers as always, sends nothing and bills nothing.",
    },
    "speedsms": {
        "access_token": "The account's access token; the callbacks' address is derived from it too.",
        "sender": "The registered brandname, for `sms_type` 3. Part of what is approved.",
        "sms_type": '2 customer care, 3 brandname, 4 "Notify", 5 an own phone, 6 to 8 numbers. Advertising (1) is not sent.',
        "poll": "true: ask how messages have fared; the form of the answer is unverified.",
    },
    "kannel": {
        "username": "The `sendsms-user` of kannel.conf.",
        "password": "Its password; the address for reports is derived from it too.",
        "from": "The sender; empty: Kannel's own global sender. Part of what is approved.",
        "smsc": "Which operator's connection; empty: as Kannel routes.",
        "numbers": "How the operator wants Vietnamese numbers: `+84`, `84` or `0`.",
        "max_messages": "The same as `max-messages` in kannel.conf: Kannel cuts what is longer, so here it is refused first.",
    },
    "zalo-oa": {
        "mode": (
            "`article`: one article broadcast to all followers; `cs`: a text to one follower; `template`: an "
            "approved template."
        ),
        "app_id": "The app's id in Zalo's console, a long number.",
        "app_secret": "The app's secret.",
        "oa_id": "The official account's id, a long number; in `article` mode the one address there is.",
        "refresh_token": (
            "The refresh token that the console gave when an administrator consented. It begins the pair that "
            "the program "
            "then renews by itself; another one put here later replaces a pair that was lost."
        ),
        "hours": (
            "Hours in which Zalo takes messages; empty text: any. Left out: 08:00-21:30, and any hour in `cs` "
            "mode. The sources differ."
        ),
        "appsecret_proof": "Send the proof of the app secret along; whether Zalo asks for it is unverified.",
        "cover_url": "https address of the cover picture; an article must have one.",
        "author": "Who speaks, at most 50 characters; left out: the office's name.",
        "article_status": (
            "`show`: the article stands on the account's page too; `hide`: unverified whether it can be broadcast then."
        ),
        "review_poll": "How often Zalo is asked whether an article is ready.",
        "review_lead": (
            "How long Zalo looks a broadcast through before followers get it; the plan counts it in. From "
            "older documents."
        ),
        "target": (
            "Which followers, in the words of Zalo's interface; the default is all. Unverified: `{ gender = "
            '"0" }` or lists of numbers.'
        ),
        "template_id": "The approved template.",
        "template_data": "Value of the template -> what it says, with `{text}`, `{title}`, `{link}` in it.",
        "template_by": (
            "`phone`, or `uid` for the followers' ids; a lost answer is settled by Zalo's call for the first only."
        ),
        "webhook_secret": (
            "Secret of the account's callbacks, where it is not the app's; unverified which one Zalo uses."
        ),
        "former_webhook_secret": "The secret before: callbacks signed with it are taken too. Take it out a day after a change.",
        "webhook_first_term": (
            "What the callbacks' signature begins with: `app_id`, `oa_id`, or `any` of them. The sources differ."
        ),
    },
    "facebook-page": {
        "page_id": "The page's id, a number. Part of what is approved.",
        "token": "A page token that does not run out; a system user's, where the page is in a business portfolio.",
        "app_secret": "The app's secret, where the app asks for the proof of it.",
        "version": "Version of the Graph API; one lives about two years.",
    },
    "feed": {
        "title": "Title of the feed; empty: the office's name.",
        "author": "Who speaks; empty: the office's name.",
        "site_url": "Where this channel's folder is served; empty: under `web.public_url`.",
        "entries": "So many entries stand on one page: the newest in the feeds and the index, the rest in the archive.",
        "hub": "A WebSub hub, told of every change; what it missed it hears of with the next publication.",
        "frame_ancestors": "Portals that may show the widget in a frame, like `https://portal.example.gov.vn`.",
    },
    "email": {
        "host": "The office's mail server.",
        "from": "Who writes, like `Văn phòng <tin@tinh.example.gov.vn>`. Part of what is approved.",
        "port": "0: 587 with `starttls`, 465 with `tls`, 25 with `none`.",
        "security": "`starttls`, `tls`, or `none` for a relay in the office's own network; a password never goes in clear.",
        "user": "The account at the mail server; empty: no login.",
        "password": "Its password.",
        "reply_to": "Where an answer goes; empty: to `from`.",
        "bounces": "A mailbox that also takes `name+anything@`: bounces come back to it, one address for each attempt.",
        "hook_token": "The end of the path to which the mail server hands each bounce.",
        "unsubscribe_mailto": "A mailbox where somebody reads requests to stop; stands in `List-Unsubscribe`.",
        "ca_file": "PEM of the authority behind the server's certificate, where it is the office's own.",
    },
    "webhook": {
        "url": "Where the receiver listens; https, unless `allow_private`.",
        "secret": "`whsec_` and base64: what the receiver verifies by.",
        "secret_before": "The old secret while it is being changed: both sign.",
        "allow_private": "true: the receiver stands in the office's own network; plain http is then allowed too.",
    },
    "loudspeaker": {
        "folder": "Where every package is kept: a folder for each commune.",
        "deliver": "How it reaches the station: `folder` (it is fetched or shared), `https`, `sftp` or `email`.",
        "priority": "`thong_thuong`, or `uu_tien` for every bulletin; a schedule with `priority` always is. Never `khẩn cấp`.",
        "without_recording": (
            "Who reads a message without a recording: `refuse` (nobody: it is not sent), `machine` (the offline voice, "
            "marked máy đọc, in Vietnamese; listen to it first), or `announcer` (a package without sound)."
        ),
        "voice": "The machine's: `vi`, `vi-vn-x-central` or `vi-vn-x-south`.",
        "slots": "Local hours at which stations play.",
        "days": "On how many days it is played.",
        "loops": "How often it is read at each hour.",
        "idle": "Pause between two readings.",
        "longest": "A message that takes longer to read is refused.",
        "stations": "A CSV file with the columns commune, name and email.",
        "cap": "true: a CAP 1.2 file too. Only for a system that is known to read it and to sound no siren.",
        "cap_sender": "Who the CAP file says it is from; empty: the channel's name.",
        "put_url": "`https`: where each file is put, below commune and package.",
        "put_token": "`https`: sent as a bearer token.",
        "sftp_host": "`sftp`: the server.",
        "sftp_port": "`sftp`: its port.",
        "sftp_user": "`sftp`: the account.",
        "sftp_password": "`sftp`: its password.",
        "sftp_key": "`sftp`: a private key instead, in OpenSSH's form, without a passphrase.",
        "sftp_host_key": "`sftp`: the server's own key, from its administrator; another key is refused.",
        "sftp_folder": "`sftp`: where packages go.",
        "smtp_host": "`email`: the mail server.",
        "smtp_port": "`email`: 587 with STARTTLS, or 465 with TLS.",
        "smtp_user": "`email`: the account; empty: no login.",
        "smtp_password": "`email`: its password.",
        "mail_from": "`email`: who writes.",
    },
    "memory": {
        "unit": "Whom one request reaches: person, audience or public.",
        "address": "Kind of address it takes.",
        "after_silence": "How a lost answer is settled: repeat, look_up, await_callback or ask.",
        "forms": "Forms it carries, in order of preference.",
        "max_length": "Characters at most; 0 for no limit.",
        "journal": "A JSON Lines file, one line for each message taken.",
    },
}

# What a lost answer means, by the trait `after_silence`.
AFTER_SILENCE = {
    "repeat": "It is sent again: the target recognises our key and does not show it twice.",
    "look_up": (
        "The provider is asked for it. Found: `accepted`. Not found in two looks ten minutes apart: it is sent again. "
        "Nobody could say within `defaults.unknown_for`: `unresolved`."
    ),
    "await_callback": "It waits for the provider's call back, at most `defaults.unknown_for`; then it is `unresolved`.",
    "ask": "A person looks, and two people say what happened; after `defaults.unknown_for` it is `unresolved`.",
}

UNITS = {"person": "one person", "audience": "everybody who follows the address", "public": "whoever reads the page"}

# Per adapter: what it needs, and what its code was held against. `never` is as important as the rest.
CHANNEL_NOTES = {
    "memory": {
        "needs": "Nothing. It keeps what it is given: for tests, and for trying a plan without sending.",
        "limits": "None.",
        "rate": "As fast as the sender.",
        "verified": "The contract tests that every channel passes (`tests/channel/test_contract.py`).",
        "never": "There is nothing behind it.",
    },
    "twilio": {
        "needs": "An account with Twilio, and a sender name registered for Viet Nam, which takes weeks.",
        "limits": (
            "1,600 characters. Text with Vietnamese accents is UCS-2: 70 characters in one part, 67 in each of "
            "several. "
            "Each part is billed."
        ),
        "rate": (
            "Twilio's default for a sender name is 10 parts a second. `rate` counts requests, not parts: "
            "for texts of two parts write half."
        ),
        "verified": (
            "The real SDK over our transport; the contract tests; the error table against Twilio's published "
            "one, with a "
            "mark in the code for how sure each line is; every request, and every answer of the simulator, against "
            "Twilio's own OpenAPI description (`tests/conformance/test_twilio_openapi.py`, run where that file "
            "is at hand)."
        ),
        "never": (
            "Sent through a real account. Not measured: how soon a message shows in the list that a look-up reads, and "
            "what Vietnamese carriers answer. Status callbacks are asked for, but not read yet."
        ),
    },
    "telegram": {
        "needs": (
            "A bot, made administrator of the channel it posts to. In Viet Nam the service may be blocked, and a state "
            "body wants a written leave first; so it is off in the example configuration."
        ),
        "limits": (
            "4,096 characters. One post reaches all subscribers of a channel. Without `web.public_url` what people write to the "
            "bot is fetched every 15 seconds (getUpdates): one sender only, and no web hook may be set for the bot."
        ),
        "rate": "1 a second into one chat, 20 a minute into one group, about 30 a second in all.",
        "verified": (
            "The real library (python-telegram-bot) over our transport; the contract tests; the words of "
            "refusals against "
            "those in the server's published source; every request against a machine-readable description of "
            "the Bot API "
            "(`tests/conformance/test_telegram_spec.py`, run where that file is at hand)."
        ),
        "never": "Posted to a real channel. A bot cannot list what it sent, so a lost answer always takes a person.",
    },
    "esms": {
        "needs": "An account with eSMS, a registered brandname, and every text registered as a template.",
        "limits": (
            "459 characters without accents, three parts; with accents 70 characters in one part, 67 in each of several. "
            "Vietnamese mobile numbers only, customer care only: no advertising. Advertising (`SmsType` 1) is not built: its "
            "interface takes 30 to 5,000 numbers in one request with no answer for each of them, people at eSMS look the text "
            "through every time, and news and social policies are not advertising (Decree 91/2020)."
        ),
        "rate": "Not documented: ask, and begin with 5 a second.",
        "verified": (
            "A simulator made from eSMS's own documents, with their samples; the contract tests; every code of the error "
            "table (`tests/channel/test_esms.py`); the whole engine at its worst (`tests/fault/test_gateway_faults.py`)."
        ),
        "never": (
            "Sent through a real account. Its documents say twice and differently how long it knows our key (24 hours; "
            "until midnight): we go by the narrower. Not known: whether a report's success means the handset, and whether "
            "it remembers the key of a request that it refused."
        ),
    },
    "speedsms": {
        "needs": "An account with SpeedSMS, and for `sms_type` 3 a registered brandname.",
        "limits": "Vietnamese mobile numbers only. It knows no key of ours and has no list to look in.",
        "rate": "60 requests in 60 seconds.",
        "verified": (
            "A simulator made from its page of the API; the contract tests; every code of the error table "
            "(`tests/channel/test_speedsms.py`)."
        ),
        "never": "Sent through a real account. The form of its reports, replies and status answers is from second hand.",
    },
    "kannel": {
        "needs": "A contract with an operator that speaks SMPP, and a Kannel gateway of the office's own.",
        "limits": (
            "As many parts as `max_messages` says. Kannel names no id: a message is known by our reference, which stands in "
            "Kannel's access log and in its reports. Without `web.public_url` there are no reports."
        ),
        "rate": "The operator's contract, kept by Kannel's `throughput`.",
        "verified": (
            "A real Kannel 1.4.5 with its own fake SMSC: accented and unaccented texts, long ones, reports, queueing, "
            "refusals (`tests/acceptance/test_kannel_real.py`); the contract tests."
        ),
        "never": "Sent through an operator's SMSC. What its reports say in `stat` and `err` was written from SMPP 3.4, not seen.",
    },
    "zalo-oa": {
        "needs": (
            "A verified official account, an app linked to it, an administrator's consent (its refresh token), "
            "and for articles "
            "a package that carries broadcasts: `monthly_quota` must say how many. It keeps its tokens and "
            "articles in the database."
        ),
        "limits": (
            "`article`: title 150 characters, only to followers, 1 to 6 a month by package and 1 a day (older "
            "documents), looked "
            "through for about 30 minutes; so no daily broadcast. `cs`: 2,000 characters, to who wrote within "
            "7 days. `template`: "
            "approved templates only, which may hold no telephone number in their text: no road for a campaign's words. "
            "A correction takes no article down: no source we trust names the request for it, so `correct` says that it "
            "stays, and a person removes it in the account's console."
        ),
        "rate": "4,000 requests a minute for the whole app.",
        "verified": (
            "A simulator written from documents; the contract tests; every code of the error tables, with a "
            "mark in the code for "
            "how sure each line is; crashes at every step of the token pair and of a broadcast "
            "(`tests/channel/test_zalo.py`, "
            "`tests/channel/test_vault.py`)."
        ),
        "never": (
            "Used with a real account: Zalo has no sandbox. Not known: which of the callbacks' signatures is "
            "the true one (the log "
            "says which matched), whether a hidden article can be broadcast, what `target` must look like, "
            "what a dead refresh "
            "token is answered with."
        ),
    },
    "facebook-page": {
        "needs": "A page, and a page token with `pages_manage_posts` and `pages_read_engagement`.",
        "limits": "63,206 characters (one secondary source). The same post is not taken twice in a row.",
        "rate": 'Write `rate = "1/min"`. A page with few readers has a small budget of calls for each 24 hours.',
        "verified": (
            "A simulator written from documents; the contract tests; the codes of the error table "
            "(`tests/channel/test_facebook.py`)."
        ),
        "never": "Posted to a real page. Not known: how soon a new post shows in the feed that a look-up reads.",
    },
    "feed": {
        "needs": "No account. A folder that a web server serves, or that is copied to the portal.",
        "limits": "None. A message needs a title and its `text` form.",
        "rate": "As fast as files are written: under 200 ms an entry, with ten thousand as with a hundred.",
        "verified": (
            "feedparser, and what RFC 4287, RFC 5005, RFC 6721, RSS 2.0 and JSON Feed 1.1 demand of every document "
            "(`tests/conformance/test_feed_formats.py`); WebSub against a simulated hub (`tests/channel/test_websub.py`)."
        ),
        "never": (
            "Read by a portal's own importer, or checked with the W3C's validation service. WebSub leaves the publisher's "
            "word to the hub open: `hub.mode=publish` is what hubs take in practice; no real one was told."
        ),
    },
    "email": {
        "needs": (
            "A mail account, and SPF, DKIM and DMARC for its domain, which whoever runs the mail server sets up. The "
            "one-click way out needs `web.public_url` with https; bounces need a mailbox of their own."
        ),
        "limits": "One plain text part, no attachment. A message needs a title, which is the subject.",
        "rate": "What the mail server's owner allows; some count messages an hour. Write `rate`.",
        "verified": (
            "aiosmtpd, which is not ours, reads every letter back, with and without TLS and login; a simulated server plays "
            "every fault, and every answer at every step of the talk (`tests/channel/test_email.py`)."
        ),
        "never": (
            "Sent through a provincial mail server, or to Gmail, Yahoo or Outlook, whose rules for mass mail change. What "
            "their bounces say was written from RFC 3464, not seen."
        ),
    },
    "loudspeaker": {
        "needs": (
            "Communes among the contacts, each with a code in the column `loudspeaker`; recordings, or the extra `speech` for a "
            "machine's voice, or announcers. `web.public_url` for the officers' links."
        ),
        "limits": (
            "As long as `longest`, three minutes if nothing is said. `accepted` means that the package was handed over; that it "
            "was played is what the officer says (`broadcaster bulletin`)."
        ),
        "rate": "As fast as files are written; 200 packages with one text take well under a minute.",
        "verified": (
            "The contract tests; uploads against an HTTP and an SFTP server, mail against aiosmtpd "
            "(`tests/channel/test_loudspeaker.py`); CAP against OASIS's schema (`tests/conformance/test_cap.py`)."
        ),
        "never": (
            "Played by a real station or read by a vendor's console: none publishes an interface, and the annexes of Circular "
            "39/2020/TT-BTTTT could not be read. Nobody has judged the machine's voice by ear. No system was seen that reads CAP."
        ),
    },
    "webhook": {
        "needs": (
            "A receiver that verifies Standard Webhooks 1.0.0 and takes each `webhook-id` once. It answers 2xx; a web page "
            "(`text/html`) is no yes."
        ),
        "limits": "None. One channel is one receiver.",
        "rate": "What the receiver bears; its 429 and 503 with `Retry-After` are obeyed.",
        "verified": (
            "The `standardwebhooks` package verifies our signatures, the standard's own vector holds, the contract tests, and "
            "addresses of our own networks in every dress (`tests/channel/test_webhook.py`)."
        ),
        "never": "Received by a real portal.",
    },
}

# Fields of ledger entries. (kind, field) comes before field alone.
FIELDS: dict[str | tuple[str, str], str] = {
    ("activity.add", "activity"): "kind of activity, like `loudspeaker`",
    ("activity.add", "attachment"): "SHA-256 of the kept photo or PDF, empty if none",
    ("activity.add", "corrects"): "number of the entry it stands in the place of, 0 if none",
    ("activity.add", "day"): "the day it was done",
    ("activity.add", "digest"): "SHA-256 of everything the entry says",
    ("activity.add", "id"): "number of the entry in the register",
    ("activity.add", "minutes"): "minutes of it all",
    ("activity.add", "participants"): "people who took part",
    ("activity.add", "source"): "by which road it came: `staff`, `import`, `link`",
    ("activity.add", "units"): "how many of what the kind counts",
    ("activity.add", "void"): "whether it only takes the corrected entry back",
    ("activity.erase", "attachment"): "SHA-256 of the photo or PDF that is gone",
    ("place.import", "sha256"): "of the file",
    ("place.import", "places"): "how many communes and departments the list has now",
    ("place.say", "place"): "name of the commune or department",
    ("carrier.reply", "carrier"): "who reports",
    ("carrier.reply", "revision"): "hash of the approved text, empty if the reply does not say",
    ("carrier.reply", "asked"): "subscribers it was sent to",
    ("carrier.reply", "reached"): "of these, sent successfully by the carrier's count",
    ("carrier.reply", "failed"): "of these, not successfully",
    ("carrier.reply", "corrects"): "number of the reply it stands in the place of, 0 if none",
    ("carrier.reply", "attachment"): "SHA-256 of the kept letter, empty if none",
    ("carrier.reply", "id"): "number of the reply",
    ("duty.call", "report"): "campaign whose report is due, if that is what the officer was told",
    ("print.make", "piece"): "what was printed: `poster`, `board`, `leaflet`, `newsletter`, `talking-points`",
    ("print.make", "language"): "of the piece",
    ("print.make", "revisions"): "hashes of the revisions it shows",
    ("print.make", "sha256"): "SHA-256 of the file",
    (
        "attempt.orphan",
        "restored",
    ): "whether a restored copy put it in doubt: it may have gone out since the copy was made",
    "correction": "number of the correction",
    "instead_of": "channel that did not reach these people",
    ("database.restore", "since"): "when the copy's last entry was written",
    ("database.restore", "entries"): "how many entries the copy holds",
    (
        "database.restore",
        "lost",
    ): "entries that were signed and that the copy lacks, as far as the checkpoints here show",
    "act": "what is asked for, like `stop.lift`",
    "addresses": "how many addresses it had",
    "addresses_new": "addresses added",
    ("attempt.intent", "area"): "commune of the person, only while an area is stopped; empty for a public channel",
    "asked_by": "who asked first",
    "authority": "hash of the plan or request it stands on",
    "authority_kind": "`plan` or `broadcast`",
    "b": "number of the broadcast: 7 is `b-00000007`",
    "before": "roles until then",
    "campaign": "campaign id, empty outside one",
    "cap_per_24h": "`defaults.cap_per_24h`",
    "ch": "channel",
    "change": "`added`",
    "changed": "facts that moved: name, digest, digest before, `verify_by`",
    "channel": "channel",
    "channel_kind": "kind of address",
    "channels": "channels it goes over",
    ("broadcast.expire", "channels"): "channel -> how many it would have had",
    ("broadcast.cancel", "channels"): "channel -> how many it would have had, if it had not begun",
    ("settings.seen", "channels"): "channel -> adapter",
    "code": "the provider's own code",
    "contact": "number of the contact, which now names nobody",
    "contacts": "how many were written",
    "contacts_changed": "contacts changed",
    "contacts_new": "contacts added",
    "currency": "of the price",
    "d": "number of the dispatch: 7 is `d-0000000007`",
    "digest": "SHA-256 of the settings, secrets left out",
    "dispatches": "open dispatches taken back",
    "due": "the new instant",
    "evidence": "what settled the doubt",
    "expires": "nothing of it begins at or after this instant",
    "fault": "where the facts file is broken",
    "file": "name of the copy",
    "format": "json or csv",
    "from": "state before -> how many",
    "gone": "facts that are no more",
    "group": "group, empty for none",
    "id": "the provider's id of the message",
    "joined": "contacts that joined the group",
    "last": "time of the entry before",
    "local": "nominal local time",
    "message": "message id",
    "n": "number of the attempt, from 1",
    ("broadcast.expand", "n"): "dispatches written",
    ("dispatch.close", "n"): "dispatches closed",
    "key": "the new public key, in hexadecimal",
    "language": "its language, or `contact` for each contact's own",
    "members": "how many are in the group by now",
    "old": "the public key until then",
    "name": "message, campaign or broadcast id",
    "new": "facts seen for the first time",
    "office": "the office's name",
    "origin": "name of the ledger in its checkpoints",
    "out": "what came of the attempt: accepted, refused, not_accepted, throttled, misconfigured, unknown, not_started",
    "parts": "billable parts",
    "planned": "dispatches it would have had",
    "plea": "number of the reply at the duty desk",
    "pleas": "numbers of the replies that wait",
    "price": "price of one part, in millionths of the currency; 0: none was set",
    "quiet_hours": "`defaults.quiet_hours`",
    "reason": "why",
    "generation": "how many token pairs there were before this one",
    "item": "article, template or brandname",
    ("provider.item", "id"): "the provider's id of it, empty before it has one",
    ("provider.item", "state"): "waiting, approved or refused",
    ("provider.item", "subject"): "SHA-256 of an article's content; a template's or sender's own id",
    (
        "provider.token",
        "state",
    ): "given (by a person), fresh, doubt (the answer was lost) or lost (a person must consent again)",
    ("broadcast.hold", "reason"): "one word: not_approved, tampered, stale, not_valid, audience_changed, ...",
    "recipient": "commitment to the address, as in `attempt.intent`",
    "refused": "rows refused",
    "request": "number of the request",
    "require_consent": "`defaults.require_consent`",
    "revealed": "true if addresses stand in full",
    "revision": "hash of the message's text",
    "roles": "roles from now on",
    "rows": "first and last row of the file in this batch",
    "said": "what the provider said: accepted, delivered or undelivered; where it contradicts, `state` is another",
    "schedule": "schedule id",
    "scope": "everything, campaign, channel or area",
    "sha256": "SHA-256 of the file",
    "signed_by": "who said it second",
    "source": "by which road it came",
    "state": "state of the dispatch from now on",
    "states": "state -> how many",
    "stop": "number of the stop",
    "subject": "hash of exactly what is decided about",
    ("stop.set", "subject"): "campaign, channel or commune; empty for everything",
    "texts": "channel/language -> SHA-256 of the text that goes out",
    "to": "state of the approval from now on",
    (
        "attempt.intent",
        "to",
    ): "commitment to the address: a salted hash, the salt is destroyed by erasure; `public:NAME` for a public channel",
    ("bulletin.confirm", "state"): "scheduled, played or not_played",
    ("bulletin.confirm", "reason"): "why it was not played, one of nine words; empty else",
    ("bulletin.remind", "n"): "bulletins without a last word",
    "was": "state until then",
    "complete": "false: the figures were interim then",
    "unconfirmed": "dispatches of which nobody could tell whether they were taken",
    ("report.make", "document"): "SHA-256 of what the official report says; empty for other files",
    ("retention.erase", "what"): "`contacts` or `attachments`",
    ("retention.erase", "n"): "how many",
    ("retention.erase", "addresses"): "how many addresses went with the contacts",
    ("retention.erase", "months"): "how long they were kept",
    ("ledger.seal", "signed"): "SHA-256 of the signed report",
    ("ledger.seal", "bundle"): "SHA-256 of the sealed file",
    ("ledger.seal", "entries"): "how many entries the bundle holds",
    ("report.sign", "number"): "the number of the document",
    ("report.sign", "day"): "its date of dispatch",
    "month": "calendar month of the statement, like 2027-07",
    "ours": "messages, parts and cost as we count them",
    "theirs": "messages, parts and cost as the provider counts them",
    "by_id": "messages matched by the provider's id",
    "by_number": "messages matched by number and minute",
    "differences": "kind of difference -> how many",
    "plays": "how often it was read",
    "seconds": "how long one reading is",
    "road": "link, sheet or telephone",
    "on_behalf": "true: staff wrote it down for the officer",
    "play_at": "when it was read first, or is to be; empty: not said",
    "communes": "codes of the communes",
    "two_person": "false where the office lets one person decide alone; left out where two do",
    ("broadcast.plan", "request"): "the very list whose JSON without blanks has the hash `authority`",
    ("ledger.export", "reports"): "campaign -> SHA-256 of its report in the bundle",
    ("ledger.countersign", "office"): "the other office's public key",
    "root": "root hash of the checkpoint, in base64",
    "senders": "channel -> what people see it comes from",
    "signature": "the old key's signature over `broadcaster ledger key`, origin, old and new key, a line each",
    ("ledger.countersign", "size"): "entries under the checkpoint",
    ("office.start", "two_person"): "the office's rule",
    ("settings.seen", "two_person"): "the office's rule",
    "until": "when it ends by itself, empty for never",
    "delegation": "number of the delegation",
    ("duty.call", "about"): "what it was about, if no reply: `lane`, `late`, `approval`, `summary`",
    "approver": "the approver on leave in whose place it was decided",
    ("delegation.grant", "until"): "the first moment after it",
    ("delegation.grant", "since"): "its first moment",
    ("delegation.grant", "user"): "who decides meanwhile",
    ("delegation.end", "user"): "who decided meanwhile",
    "user": "whose account",
    "second": "whether the second factor was given, or none is asked of this user",
    "sessions": "how many sessions ended",
    "token": "number of the key",
    "acts": "what the key may be used for",
    ("user.factor", "to"): "`set`, `recovered`, `taken away`, or `unlocked` after too many wrong tries",
    "alone": "true: one person gave this, without a second admin to agree",
    ("user.refused", "tries"): "with a made-up name: how many since the last such entry; at most one entry an hour",
    "why": "why",
    ("user.refused", "why"): "`password`, or `code` for the second factor",
    ("broadcast.plan", "why"): "only when its instant moved: `time zone changed`",
}

# Fields handed over as `**mapping`, which the source does not spell out at the call. "?" = not in every entry.
MORE_FIELDS = {
    "attempt.intent": ["area?"],
    "broadcast.plan": ["group?", "members?"],
    "broadcast.start": ["group", "members"],
    "attempt.result": ["b", "d", "n", "state", "out", "parts?", "price?", "id?", "code?"],
    "attempt.receipt": ["b", "d", "n", "state", "said", "id?", "reason?", "parts?", "price?"],
    "attempt.reconcile": ["b", "d", "n", "state", "evidence", "id?", "parts?", "price?"],
    "audience.import": ["contacts_new", "contacts_changed", "addresses_new", "joined?"],
    "contact.opt_out": ["recipient?"],
    **{kind: ["asked_by?", "alone?"] for kind in ("user.add", "user.role", "user.reset", "user.factor")},
    "fact.change": ["fault?"],
    "attempt.orphan": ["n?"],
    "dispatch.resolve": ["n?", "parts?", "price?"],
    "dispatch.resend": ["n?", "parts?", "price?"],
}
DECISION_FIELDS = [
    "name",
    "subject",
    "to",
    "reason?",
    "two_person?",
    "delegation?",
    "approver?",
]  # of every kind that approval/policy.py names

# Where the code has no comment on the kind's line, or a shorter one.
KIND_SENTENCES = {
    "settings.seen": "what a sender started with, when it changed: rules and channels, or the price of one channel",
    "user.refused": "a wrong password, or a name that does not exist or is disabled",
    "broadcast.start": "a broadcast begins: its text is frozen here",
    "broadcast.expand": "one chunk of a broadcast's dispatches was written",
    "user.add": "a new account",
    "user.role": "an account's roles were changed",
    "user.disable": "an account may do nothing any more",
    "user.reset": "a new password",
    "user.login": "somebody signed in",
    "user.logout": "somebody signed out, or an admin ended their sessions",
    "user.factor": "an authenticator was set up or taken away, a recovery code was used, or an account may try again",
    "token.add": "a program was given a key",
    "token.end": "a program's key was taken back",
    "message.edit": "somebody saved a message in the editor",
    "message.submit": "a text waits for a second person",
    "message.approve": "a text is in force",
    "message.reject": "a text was turned down",
    "message.withdraw": "a text was taken back: nothing more of it goes out",
    "message.supersede": "a newer text took its place",
    "message.expire": "a text's approval ended by itself",
    "fact.change": "the facts file changed",
    "audience.import": "one batch of an import; none if nothing changed",
    "audience.group": "a group was made",
    "audience.export": "contacts were written to a file",
    "contact.opt_out": "an address is never written to again",
    "contact.erase": "a person was erased",
    "contact.reveal": "somebody looked at an address in full",
    "delegation.grant": "an approver on leave names who decides meanwhile",
    "delegation.end": "it ended before its last day",
    "campaign.submit": "a plan waits for a second person",
    "campaign.approve": "a plan is in force",
    "campaign.reject": "a plan was turned down",
    "campaign.supersede": "a newer plan took its place",
    "campaign.pause": "a campaign was paused",
    "campaign.resume": "a campaign goes on",
    "campaign.cancel": "a campaign ended, or its waiting plan was taken back",
    "campaign.done": "a campaign is over",
    "broadcast.plan": "an occurrence got its row",
    "broadcast.submit": "an ad-hoc broadcast waits for a second person",
    "broadcast.approve": "an ad-hoc broadcast may go out",
    "broadcast.reject": "an ad-hoc broadcast was turned down",
    "broadcast.pause": "a broadcast was paused",
    "broadcast.resume": "a broadcast goes on",
    "broadcast.cancel": "a broadcast was cancelled, or its request was taken back",
    "broadcast.expire": "a broadcast's time passed before it was expanded",
    "broadcast.done": "nothing of a broadcast is open",
    "attempt.intent": "a request is about to leave; on disk before it does",
    "attempt.result": "what came of an attempt",
    "attempt.receipt": "the provider's later word",
    "attempt.reconcile": "a doubt was settled by evidence, or given up at its deadline",
    "plea.receive": "somebody wrote more than a word of refusal; sealed for the officer on duty",
    "plea.show": "a reply was shown, once, and its text let go",
    "plea.purge": "nobody read a reply in 72 hours; its text was let go",
    "duty.call": "the officer on duty was told that replies wait",
    "dispatch.resolve": "two people settled a doubt",
    "dispatch.resend": "two people said: send it again",
    "lane.pause": "a channel account was paused: token, balance, sender name",
    "lane.resume": "a channel account sends again",
    "stop.set": "one person stopped everything in a scope",
    "stop.lift": "two people lifted a stop",
    "hold.set": "nothing personal of a campaign is erased until two people lift it, and why",
    "hold.lift": "two people lifted a legal hold",
    "retention.erase": "personal data had been kept long enough: how much of what is gone, never whose",
    "ledger.seal": "the audit bundle made when a report was signed: its file's hash",
    "countersign.ask": "the first half of an act that needs two",
    "countersign.sign": "its second half",
    "bulletin.confirm": "an officer's word about a bulletin, by link, by sheet or by telephone: planned, played, not played",
    "bulletin.remind": "communes that had not said what became of their bulletins were asked again",
    "bulletin.recall": "a bulletin not yet played was taken back",
    "activity.add": "something people did: a training, a talk",
    "activity.erase": "a kept photo or PDF was erased; the register keeps its hash",
    "place.import": "the office's list of communes and partner departments was imported",
    "place.say": "a commune or department said that its figures are all in",
    "carrier.reply": "what a carrier reported of a text to everybody",
    "ledger.export": "the ledger was written out for an auditor",
    "ledger.checkpoint": "a checkpoint; it is kept as a file and a row, not as an entry",
    "ledger.key": "the signing key changed; the old one signed the new one",
    "ledger.countersign": "another office's checkpoint was countersigned here",
    "report.make": "a report was made",
    "print.make": "a piece was printed from approved texts",
    "report.close": "what stays unconfirmed of a campaign was closed by name, with the reason",
    "report.sign": "the signed report came back: its file's hash, its number and its date of dispatch",
    "statement.check": "a provider's monthly statement was compared with our attempts",
    "database.backup": "a copy of the database was made",
    "database.restore": "the database was put back from a copy",
    "clock.jump": "the machine's clock was set back",
}
