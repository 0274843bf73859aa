"""How long 200 loudspeaker packages take: script, synthesised speech, page with QR code, schedule, calendar, manifest, to disk.

    python benchmarks/bulletins.py [--communes 200] [--threads 8]

Three cases: one text for all communes (what a broadcast is), a text of its own for each, and a recording instead of the voice.
Needs the extra `speech` for the first two. Goal: 200 packages in less than 60 s on two cores. Prints one JSON line per case.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import tempfile
import time
import wave
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from broadcaster.channel import registry
from broadcaster.channel.base import Media, Outgoing
from broadcaster.config import ChannelCommon, ChannelSettings

TEXT = (
    "Kính thưa bà con. Khi thấy dấu hiệu mua bán người, hoặc khi cần hỏi cho người thân, hàng xóm, xin bà con gọi Tổng đài "
    "quốc gia, số 111. Gọi đến không mất tiền, tổng đài hoạt động 24/7. Bà con chỉ cần nói điều mình biết: chuyện gì, ở đâu, "
    "khi nào. Khi có nguy hiểm trước mắt, xin gọi Công an, số 113, hoặc báo cơ quan Công an nơi gần nhất. "
) * 2  # about a minute


def recording(folder: Path) -> Media:
    target = io.BytesIO()
    with wave.open(target, "wb") as file:
        file.setparams((1, 2, 22050, 0, "NONE", ""))
        file.writeframes(bytes(2 * 22050 * 60))
    path = folder / "r.wav"
    path.write_bytes(target.getvalue())
    digest = hashlib.sha256(target.getvalue()).hexdigest()
    return Media(name="r.wav", mime_type="audio/wav", sha256=digest, path=str(path))


def measure(case: str, communes: int, threads: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings = ChannelSettings(
            name="loa", common=ChannelCommon(adapter="loudspeaker"), own={"without_recording": "machine"}, folder=folder,
            public_folder=folder, public_url="", office_name="Văn phòng truyền thông tỉnh",
        )  # fmt: skip
        channel: Any = registry.build(settings)
        media = (recording(folder),) if case == "recording" else ()

        def send(at: int) -> None:
            channel.send(
                Outgoing(
                    key=f"k{at}", dedupe_key=f"vp-d{at}", to=f"xa-{at}", title="Gọi 111", language="vi", link="", media=media,
                    text=f"{TEXT} Thông báo số {at}." if case == "own text" else TEXT,
                    receipt_link=f"https://tin.example.gov.vn/l/{at}-{'a' * 26}",
                    expires_at=datetime(2099, 1, 1, tzinfo=UTC), published_at=datetime(2027, 7, 1, 1, tzinfo=UTC),
                ),
                timeout=60,
            )  # fmt: skip

        began = time.perf_counter()
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(send, range(communes)))
        took = time.perf_counter() - began
        made = len(list(folder.glob("bulletins/*/*/manifest.json")))
        assert made == communes
    return {"case": case, "packages": made, "seconds": round(took, 1), "cores": os.cpu_count(), "threads": threads}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--communes", type=int, default=200)
    parser.add_argument("--threads", type=int, default=8)
    given = parser.parse_args()
    for case in ("one text", "own text", "recording"):
        print(json.dumps(measure(case, given.communes, given.threads)), flush=True)


if __name__ == "__main__":
    main()
