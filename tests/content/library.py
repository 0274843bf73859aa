"""A small content folder, written anew for each test; one keyword spoils it."""

from __future__ import annotations

from pathlib import Path

FACTS = """\
[hotline]
value = "111"
speech.vi = "một một một"
title.vi = "Tổng đài quốc gia"
source = "Nghị định 162/2025/NĐ-CP"
verified_on = 2027-06-01
verify_by = 2027-12-31

[law]
value = "Luật 53/2024/QH15"
source = "Quốc hội"
verified_on = 2027-06-01
verify_by = 2028-12-31
"""

FRONT = """\
+++
id = "hotline-111"
category = "hotline"
title.vi = "Gọi 111"
title.en = "Call 111"
source = "Công văn 2556/BTTTT-TTra"
+++
"""

BODY = """\
## vi
Nghi có mua bán người? Gọi {{ fact.hotline }}, theo {{ fact.law }}.

## vi sms
Gọi {{ fact.hotline }} (miễn phí).

## vi speech
Xin gọi {{ fact.hotline }}.

## en
Call {{ fact.hotline }}.
"""


def write(
    folder: Path,
    *,
    facts: str = FACTS,
    front: str = FRONT,
    body: str = BODY,
    category: str = "hotline",
    slug: str = "hotline-111",
) -> Path:
    """Writes `content/` below `folder` and returns it."""
    content = folder / "content"
    (content / category).mkdir(parents=True, exist_ok=True)
    (content / "facts.toml").write_text(facts, encoding="utf-8")
    (content / category / f"{slug}.md").write_text(front + body, encoding="utf-8")
    return content
