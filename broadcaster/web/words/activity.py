"""The activity register."""

from __future__ import annotations

EN = {
    "Không thuộc chiến dịch": "Of no campaign",
    "Đã ghi vào sổ hoạt động.": "It stands in the register.",
    "Đã rút lại hoạt động {n}.": "Activity {n} is taken back.",
    "Có thể đã ghi hai lần: {ids}. Nếu đúng, hãy rút lại một mục.":
        "Perhaps entered twice: {ids}. If so, take one of them back.",
    "Hình thức": "Kind",
    "Ngày": "Day",
    "Xã, phường": "Commune",
    "Số lượng": "Number",
    "Số phút": "Minutes",
    "Lượt người dự": "Participants",
    "Trong đó, nhóm nguy cơ": "Of these, groups at risk",
    "Ví dụ: trẻ em=12, phụ nữ=30": "For example: children=12, women=30",
    "Ghi chú": "Note",
    "Không ghi tên người có nguy cơ.": "No names of people at risk.",
    "Ảnh hoặc PDF": "Photo or PDF",
    "Ảnh được lưu không kèm vị trí và máy chụp. Không để lộ mặt trẻ em và người có nguy cơ.":
        "A photo is kept without its place and camera. No faces of children or of people at risk.",
    "Ghi vào sổ": "Enter it",
    "Sổ hoạt động còn trống.": "The register is empty.",
    "{n} hoạt động được tính.": "{n} activities count.",
    "Trang này hiện {n} mục mới nhất.": "This page shows the newest {n}.",
    "Việc có thể làm": "What can be done",
    "Rút lại": "Take back",
}  # fmt: skip
