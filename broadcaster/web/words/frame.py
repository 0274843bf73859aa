"""The frame round every page, signing in, and set-up."""

from __future__ import annotations

EN = {
    "Đến nội dung chính": "Skip to the content",
    "Múi giờ": "Time zone",
    "Dừng khẩn cấp": "Emergency stop",
    "Đăng xuất": "Sign out",
    "Chế độ tập huấn: đăng nhập không cần mã xác thực thứ hai.": "Training: signing in takes no second factor.",
    "Cơ quan một người: phê duyệt không cần người thứ hai; sổ nhật ký và báo cáo đều ghi rõ điều này.":
        "An office of one person: approval takes no second person; the ledger and the report say so.",
    "Điều hướng": "Navigation",
    "Menu": "Menu",
    "Chưa thực hiện được.": "This was not done.",
    "không bắt buộc": "optional",
    "Mật khẩu của bạn, nhập lại": "Your password, once more",
    "Không thực hiện được": "This cannot be done",
    "Những gì bạn đã nhập": "What you typed",
    "Về trang Hôm nay": "To Today",
    "Không có trang này. Kiểm tra lại địa chỉ, hoặc chọn trong menu.": "There is no such page. Check the address, or choose in the menu.",
    "Không mở được trang này bằng cách đó. Chọn trong menu.": "This page cannot be opened that way. Choose in the menu.",
    "Không thực hiện được yêu cầu này.": "This request cannot be carried out.",
    "Có lỗi ngoài dự kiến (mã {number}). Những gì đã ghi vẫn còn. Báo mã này cho người quản trị, rồi thử lại.":
        "Something unexpected happened (number {number}). What was written stays. Tell the admin this number, then try again.",
    "Đăng nhập": "Sign in",
    "Phiên làm việc đã hết hạn. Đăng nhập lại; những gì bạn đã nhập vẫn còn và sẽ hiện lại.":
        "Your session is over. Sign in again; what you typed is kept and comes back.",
    "Tên đăng nhập": "User name",
    "Mật khẩu": "Password",
    "Quên mật khẩu? Người quản trị đặt lại được cho bạn.": "Forgotten? An admin can give you a new password.",
    "Mã xác thực": "Authenticator code",
    "Mã 6 chữ số trong ứng dụng xác thực": "The 6 digits in your authenticator app",
    "Mất điện thoại? Nhập một mã dự phòng, dạng abc123-abc123-abc123.":
        "Lost the phone? Type a recovery code, like abc123-abc123-abc123.",
    "Tiếp tục": "Continue",
    "Thiết lập mã xác thực thứ hai": "Set up the second factor",
    "Người phê duyệt và người quản trị đăng nhập bằng mật khẩu và một mã trên điện thoại. Làm một lần, mất khoảng hai phút.":
        "Approvers and admins sign in with a password and a code from their phone. It is set up once, in about two minutes.",
    "Cài một ứng dụng xác thực trên điện thoại (ứng dụng nào theo chuẩn TOTP cũng được).":
        "Install an authenticator app on your phone (any that follows TOTP).",
    "Trong ứng dụng, quét hình này:": "In the app, scan this picture:",
    "Không quét được? Nhập khóa này:": "Cannot scan? Type this key:",
    "Nhập mã 6 chữ số mà ứng dụng hiện ra:": "Type the 6 digits the app shows:",
    "Mã 6 chữ số": "6 digits",
    "Mã dự phòng của bạn": "Your recovery codes",
    "Chép lại hoặc in ra, cất nơi an toàn. Mỗi mã dùng được một lần, khi bạn không có điện thoại. Trang này chỉ hiện một lần.":
        "Copy or print them and keep them safe. Each works once, when you have no phone. This page is shown once.",
    "Tôi đã cất, tiếp tục": "I have kept them, continue",
    "Chọn mật khẩu của bạn": "Choose your password",
    "Mật khẩu vừa dùng là mật khẩu được cấp. Chọn một mật khẩu chỉ mình bạn biết.":
        "You signed in with a password that was given to you. Choose one that only you know.",
    "Mật khẩu hiện tại": "Present password",
    "Mật khẩu mới": "New password",
    "Ít nhất 12 ký tự; một câu vài từ là tốt nhất.": "At least 12 characters; a sentence of a few words is best.",
    "Mật khẩu mới, nhập lại": "New password, once more",
    "Đổi mật khẩu": "Change the password",
    "Phiên trước đã hết hạn trước khi gửi. Không mất gì cả: xem lại, rồi gửi lại. Nơi nào cần mật khẩu, trang kế tiếp sẽ hỏi.":
        "The session was over before this was sent. Nothing is lost: look through it and send it again. "
        "Where a password is needed, the next page asks for it.",
    "Gửi lại": "Send again",
    "Bỏ": "Drop it",
    "Xong.": "Done.",
    "Đã đổi mật khẩu. Các phiên khác của bạn đã kết thúc.": "The password is changed. Your other sessions are over.",
    "Tài khoản của bạn": "Your account",
    "Vai trò": "Roles",
    "Mã xác thực thứ hai": "Second factor",
    "Đã thiết lập; còn {n} mã dự phòng.": ("Set up; {n} recovery code left.", "Set up; {n} recovery codes left."),
    "Chưa thiết lập.": "Not set up.",
    "Thiết lập ngay": "Set it up",
    "Đăng xuất mọi nơi": "Sign out everywhere",
    "Bạn đã đăng xuất ở mọi nơi khác.": "You are signed out everywhere else.",
    "Người soạn": "Author", "Người phê duyệt": "Approver", "Người điều hành": "Operator", "Kiểm toán viên": "Auditor",
    "Người quản trị": "Admin",
    "Tổ chức bắt đầu sử dụng": "Set up this office",
    "Chào mừng. Ba câu hỏi, rồi bắt đầu.": "Welcome. Three questions, then you start.",
    "Tên cơ quan, đơn vị": "Name of the office",
    "Đứng trên báo cáo và trang công khai.": "It stands on reports and public pages.",
    "Tên đăng nhập của người quản trị đầu tiên": "User name of the first admin",
    "Chữ thường a-z, chữ số; ví dụ: lan.": "Lower-case letters a-z and digits; for example: lan.",
    "Ngôn ngữ": "Language",
    "Tạo và đăng nhập": "Create and sign in",
    "Cơ quan đã được thiết lập. Đăng nhập để tiếp tục.": "The office is set up. Sign in to go on.",
}  # fmt: skip
