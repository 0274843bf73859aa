"""The eight forms of grassroots information, and which of them a channel is. Pure.

Source: Decree 49/2024/ND-CP, article 3, clause 1; the headings are the decree's own.
"""

from __future__ import annotations

HEADINGS: dict[str, str] = {
    "loudspeaker": "Đài truyền thanh cấp xã",
    "board": "Bảng tin công cộng",
    "newsletter": "Bản tin thông tin cơ sở",
    "leaflet": "Tài liệu không kinh doanh phục vụ hoạt động thông tin cơ sở",
    "communicator": "Tuyên truyền trực tiếp qua tuyên truyền viên cơ sở",
    "web": "Cổng hoặc trang thông tin điện tử",
    "social": "Mạng xã hội, ứng dụng nhắn tin trên Internet",
    "sms": "Tin nhắn viễn thông",
}

OF_ADAPTER: dict[str, str] = {
    "twilio": "sms",
    "esms": "sms",
    "kannel": "sms",
    "speedsms": "sms",
    "zalo-oa": "social",
    "telegram": "social",
    "facebook-page": "social",
    "feed": "web",
    "webhook": "web",
    "email": "newsletter",
    "loudspeaker": "loudspeaker",
}


def form_of(adapter: str) -> str:
    """The form's short name; an adapter the decree does not place keeps its own name."""
    return OF_ADAPTER.get(adapter, adapter)


def heading(form: str) -> str:
    """The form as the decree calls it, in Vietnamese."""
    return HEADINGS.get(form, form)
