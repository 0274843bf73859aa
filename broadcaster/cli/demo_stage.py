"""What the demo plays on: every channel there is, a schedule for each, and what the providers do wrong."""

from __future__ import annotations

SEED = 30072027
PORTAL_SECRET = "whsec_MzAwNzIwMjctcG9ydGFsLW9mLXRoZS1kZW1v"  # on loopback only
ZALO_SECRET = "zalo-secret-canary"  # the simulated app's
GATEWAYS = ("sms-esms", "sms-speed", "sms-kannel")  # each writes to people of its own
COMMUNES = ("Mường Lát", "Quang Chiểu", "Tam Chung", "Pù Nhi", "Trung Lý")

FAULTS = f"""\
seed = {SEED}
[[fault]]
on = "twilio"
do = "throttle"
every = 500
retry_after = "2"
[[fault]]
on = "twilio"
do = "cut-after"
every = 613
[[fault]]
on = "twilio"
do = "error-after"
every = 709
[[fault]]
on = "twilio"
do = "error-before"
every = 1013
[[fault]]
on = "twilio"
do = "cut-before"
every = 1511
[[fault]]
on = "twilio"
do = "silence-after"
every = 3001
times = 2
[[fault]]
on = "twilio"
do = "refuse"
every = 907
status = 400
code = 21614
[[fault]]
on = "esms"
do = "error-after"
every = 41
[[fault]]
on = "speedsms"
do = "throttle"
every = 37
retry_after = "60"
[[fault]]
on = "facebook"
do = "cut-after"
every = 7
[[fault]]
on = "webhook"
do = "cut-after"
every = 5
[[fault]]
on = "email"
do = "throttle"
every = 43
[[fault]]
on = "telegram"
do = "throttle"
every = 7
retry_after = "3"
"""

CHANNELS = """
[channels.web]
adapter = "feed"
entries = 20

[channels.sms]
adapter = "twilio"
account_sid = "AC00000000000000000000000000000030"
auth_token = {{ file = "secrets/demo.token" }}
from = "MINHHOA"
api_base = "{twilio}"
concurrency = 48
timeout = "2s"
price = {{ amount = "350", currency = "VND" }}

[channels.sms-esms]
adapter = "esms"
api_key = {{ file = "secrets/demo.token" }}
secret_key = {{ file = "secrets/demo.token" }}
brandname = "MINHHOA"
api_base = "{esms}"
timeout = "2s"
price = {{ amount = "350", currency = "VND" }}

[channels.sms-speed]
adapter = "speedsms"
access_token = {{ file = "secrets/demo.token" }}
sender = "MINHHOA"
api_base = "{speedsms}"
timeout = "2s"
price = {{ amount = "350", currency = "VND" }}

[channels.sms-kannel]
adapter = "kannel"
username = "minhhoa"
password = {{ file = "secrets/demo.token" }}
from = "MINHHOA"
max_messages = 4
api_base = "{kannel}"
timeout = "2s"

[channels.telegram]
adapter = "telegram"
token = {{ file = "secrets/telegram.token" }}
api_base = "{telegram}"
timeout = "2s"

[channels.zalo]
adapter = "zalo-oa"
app_id = "2074138120372622546"
app_secret = {{ file = "secrets/zalo.secret" }}
oa_id = "2893352839501541173"
monthly_quota = 6
cover_url = "https://tin.minhhoa.example.gov.vn/bia.jpg"
refresh_token = {{ file = "secrets/demo.token" }}
api_base = "{zalo}"
timeout = "2s"

[channels.facebook]
adapter = "facebook-page"
page_id = "100000000000030"
token = {{ file = "secrets/demo.token" }}
api_base = "{facebook}"
timeout = "2s"

[channels.mail]
adapter = "email"
host = "{smtp_host}"
port = {smtp_port}
security = "none"
from = "Phòng Truyền thông <tin@minhhoa.example.gov.vn>"
unsubscribe_mailto = "thoi@minhhoa.example.gov.vn"
timeout = "2s"

[channels.portal]
adapter = "webhook"
url = "{webhook}/portal"
secret = {{ file = "secrets/portal.secret" }}
allow_private = true
timeout = "2s"

[channels.loa]
adapter = "loudspeaker"
without_recording = "{reader}"
stations = "loa.csv"
"""

# Beside the sample campaign: the channels a province has once it has the contracts.
SCHEDULES = """
[[schedule]]
id = "sms-esms-weekly"
messages = ["hotline-111", "job-offer-check", "report-early", "victims-rights"]
pick = "rotate"
when = { daily = ["09:00"], days = ["tue"] }
channels = ["sms-esms"]
group = "sms-esms"
language = "vi"

[[schedule]]
id = "sms-speed-weekly"
messages = ["hotline-111", "job-offer-check", "report-early", "victims-rights"]
pick = "rotate"
when = { daily = ["09:00"], days = ["tue"] }
channels = ["sms-speed"]
group = "sms-speed"
language = "vi"

[[schedule]]
id = "sms-kannel-weekly"
messages = ["hotline-111", "job-offer-check", "report-early", "victims-rights"]
pick = "rotate"
when = { daily = ["09:00"], days = ["tue"] }
channels = ["sms-kannel"]
group = "sms-kannel"
language = "vi"

[[schedule]]
id = "zalo-weekly"
messages = ["hotline-111", "online-acquaintance", "support-on-return"]
pick = "rotate"
when = { daily = ["10:30"], days = ["thu"] }
channels = ["zalo"]
group = "zalo-followers"
language = "vi"
if_missed = { run = "latest", within = "8h" }

[[schedule]]
id = "page-and-portal"
messages = ["job-offer-check", "law-on-trafficking", "victims-rights", "thanks-community"]
pick = "rotate"
when = { daily = ["15:00"], days = ["mon", "thu"] }
channels = ["facebook", "portal"]
group = ""
language = "vi"

[[schedule]]
id = "newsletter"
messages = ["national-programme", "community-models", "official-case-news"]
pick = "rotate"
when = { cron = "0 14 5,20 * *" }
channels = ["mail"]
group = "communicators"
language = "vi"

[[schedule]]
id = "loudspeakers"
messages = ["hotline-111", "travel-plan", "keep-your-papers", "report-early"]
pick = "rotate"
when = { daily = ["08:30"], days = ["sat"] }
channels = ["loa"]
group = "stations"
language = "vi"
"""

# channel -> the book of the simulator that played its provider
BOOKS = {
    "sms": "twilio", "sms-esms": "esms", "sms-speed": "speedsms", "sms-kannel": "kannel", "telegram": "telegram",
    "zalo": "zalo", "facebook": "facebook", "mail": "email", "portal": "webhook",
}  # fmt: skip
