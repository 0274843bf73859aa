"""The ledger: its pages, and each kind of entry in plain words."""

from __future__ import annotations

# kind -> (Vietnamese, English)
_KINDS = {
    "office.start": ("Cơ quan bắt đầu dùng", "The office began"),
    "settings.seen": ("Thiết lập đang dùng", "Settings in force"),
    "user.add": ("Đã thêm người dùng", "User added"),
    "user.role": ("Đã đổi vai trò", "Roles changed"),
    "user.disable": ("Đã khóa người dùng", "User disabled"),
    "user.reset": ("Đã đặt lại mật khẩu", "Password reset"),
    "user.login": ("Đã đăng nhập", "Signed in"),
    "user.refused": ("Đăng nhập bị từ chối", "Sign-in refused"),
    "user.logout": ("Đã đăng xuất", "Signed out"),
    "user.factor": ("Mã xác thực thứ hai", "Second factor"),
    "token.add": ("Đã cấp khóa cho chương trình", "Program's key given"),
    "token.end": ("Đã thu khóa của chương trình", "Program's key ended"),
    "message.edit": ("Đã sửa thông điệp", "Message edited"),
    "message.submit": ("Đã trình thông điệp", "Message submitted"),
    "message.approve": ("Đã phê duyệt thông điệp", "Message approved"),
    "message.reject": ("Đã trả lại thông điệp", "Message returned"),
    "message.withdraw": ("Đã rút thông điệp", "Message withdrawn"),
    "message.supersede": ("Thông điệp có bản mới", "Message replaced"),
    "message.expire": ("Thông điệp hết hạn", "Message expired"),
    "fact.change": ("Dữ kiện thay đổi", "Fact changed"),
    "audience.import": ("Đã nhập danh bạ", "Contacts imported"),
    "audience.group": ("Thay đổi nhóm", "Group changed"),
    "audience.export": ("Đã xuất danh bạ", "Contacts exported"),
    "contact.opt_out": ("Người nhận từ chối", "Opted out"),
    "contact.erase": ("Đã xóa dữ liệu một người", "Person erased"),
    "contact.reveal": ("Đã xem số của một người", "Person's address shown"),
    "delegation.grant": ("Đã nhờ người phê duyệt thay", "Somebody stands in for an approver"),
    "delegation.end": ("Đã thôi phê duyệt thay", "Standing in ended"),
    "campaign.submit": ("Đã trình kế hoạch", "Plan submitted"),
    "campaign.approve": ("Đã phê duyệt kế hoạch", "Plan approved"),
    "campaign.reject": ("Đã trả lại kế hoạch", "Plan returned"),
    "campaign.supersede": ("Kế hoạch có bản mới", "Plan replaced"),
    "campaign.pause": ("Đã tạm dừng chiến dịch", "Campaign paused"),
    "campaign.resume": ("Đã chạy tiếp chiến dịch", "Campaign resumed"),
    "campaign.cancel": ("Đã hủy chiến dịch", "Campaign cancelled"),
    "campaign.done": ("Chiến dịch xong", "Campaign done"),
    "broadcast.plan": ("Đã lên lượt phát", "Broadcast planned"),
    "broadcast.submit": ("Đã đề nghị lượt phát", "Broadcast asked for"),
    "broadcast.approve": ("Đã phê duyệt lượt phát", "Broadcast approved"),
    "broadcast.reject": ("Đã trả lại lượt phát", "Broadcast returned"),
    "broadcast.start": ("Bắt đầu phát", "Broadcast began"),
    "broadcast.expand": ("Lập danh sách người nhận", "Recipients listed"),
    "broadcast.fallback": ("Chuyển sang kênh dự phòng", "Went on to the next channel"),
    "broadcast.pause": ("Đã tạm dừng lượt phát", "Broadcast paused"),
    "broadcast.resume": ("Đã chạy tiếp lượt phát", "Broadcast resumed"),
    "broadcast.cancel": ("Đã hủy lượt phát", "Broadcast cancelled"),
    "broadcast.expire": ("Lượt phát quá giờ", "Broadcast came too late"),
    "broadcast.hold": ("Đã giữ lại lượt phát", "Broadcast held"),
    "broadcast.done": ("Lượt phát xong", "Broadcast done"),
    "correction.begin": ("Bắt đầu đính chính", "Correction began"),
    "correction.take_down": ("Gỡ tin đã đăng", "Published item taken back"),
    "dispatch.close": ("Khép các lượt chưa gửi", "Unsent dispatches closed"),
    "attempt.intent": ("Sắp gửi", "About to send"),
    "attempt.result": ("Kết quả gửi", "Result of sending"),
    "attempt.orphan": ("Không rõ kết quả sau sự cố", "Result lost in a crash"),
    "attempt.receipt": ("Nhà cung cấp báo lại", "Provider's later word"),
    "attempt.reconcile": ("Tra cứu lượt chưa rõ", "Doubt looked into"),
    "plea.receive": ("Có tin nhắn gửi bàn trực", "Reply came for the duty desk"),
    "plea.show": ("Đã xem tin nhắn bàn trực", "Reply was shown"),
    "plea.purge": ("Xóa tin nhắn không ai xem", "Unread reply let go"),
    "duty.call": ("Gọi người trực", "Officer on duty called"),
    "dispatch.resolve": ("Hai người xác định kết quả", "Two people settled a doubt"),
    "dispatch.resend": ("Hai người cho gửi lại", "Two people sent it again"),
    "lane.pause": ("Kênh tạm dừng", "Channel paused"),
    "lane.resume": ("Kênh chạy tiếp", "Channel resumed"),
    "provider.token": ("Khóa của nhà cung cấp", "Provider's token"),
    "provider.item": ("Mẫu tin ở nhà cung cấp", "Item under the provider's review"),
    "stop.set": ("Lệnh dừng khẩn cấp", "Emergency stop"),
    "stop.lift": ("Đã gỡ lệnh dừng", "Stop lifted"),
    "hold.set": ("Đã giữ nguyên dữ liệu của chiến dịch", "Legal hold set"),
    "hold.lift": ("Đã thôi giữ dữ liệu của chiến dịch", "Legal hold lifted"),
    "retention.erase": ("Đã xóa dữ liệu hết hạn lưu", "Data kept long enough erased"),
    "countersign.ask": ("Người thứ nhất đề nghị", "First person asked"),
    "countersign.sign": ("Người thứ hai xác nhận", "Second person confirmed"),
    "activity.add": ("Đã ghi sổ hoạt động", "Activity entered"),
    "activity.erase": ("Đã xóa ảnh, tệp của hoạt động", "Activity's photo or file erased"),
    "place.import": ("Đã nạp danh sách xã, đơn vị", "List of communes and departments imported"),
    "place.say": ("Đơn vị báo đã đủ số liệu", "A place's figures are all in"),
    "carrier.reply": ("Doanh nghiệp viễn thông báo kết quả", "Carrier's report entered"),
    "bulletin.confirm": ("Cán bộ truyền thanh báo lại", "Loudspeaker officer's word"),
    "bulletin.remind": ("Đã nhắc các xã", "Communes reminded"),
    "bulletin.recall": ("Đã thu lại bản tin", "Bulletin recalled"),
    "ledger.export": ("Đã xuất nhật ký", "Ledger exported"),
    "ledger.checkpoint": ("Đã ký mốc kiểm tra", "Checkpoint signed"),
    "ledger.key": ("Đã thay khóa ký", "Signing key replaced"),
    "ledger.countersign": ("Đã ký chứng cho cơ quan khác", "Other office's checkpoint countersigned"),
    "report.make": ("Đã lập tệp báo cáo", "Report made"),
    "report.close": ("Đã chốt báo cáo", "Report closed"),
    "ledger.seal": ("Đã niêm phong hồ sơ kiểm toán", "Audit bundle sealed"),
    "report.sign": ("Đã ký báo cáo", "Report signed"),
    "statement.check": ("Đã đối chiếu bảng kê của nhà cung cấp", "Provider's statement compared"),
    "print.make": ("Đã lập bản in", "Print made"),
    "database.backup": ("Đã sao lưu dữ liệu", "Backup made"),
    "database.restore": ("Đã khôi phục dữ liệu", "Backup restored"),
    "clock.jump": ("Đồng hồ bị lùi", "Clock was set back"),
}  # fmt: skip

KINDS = {kind: said for kind, (said, _) in _KINDS.items()}

EN = {
    **dict(_KINDS.values()),
    "Nhật ký": "Ledger",
    "Nhật ký phát tin": "Ledger of broadcasts",
    "Mỗi việc đã làm là một mục, theo thứ tự. Không ai sửa, bỏ hay chèn được mục nào mà không bị phát hiện.":
        "Each thing done is one entry, in order. Nobody can change, drop or slip in an entry without being found out.",
    "Số mục": "Entries",
    "Mốc kiểm tra gần nhất ký {n} mục.": "The latest checkpoint signs {n} entries.",
    "Chưa có mốc kiểm tra nào được ký.": "No checkpoint has been signed yet.",
    "Kiểm tra toàn bộ ngay": "Check all of it now",
    "Mốc kiểm tra": "Checkpoints",
    "Xuất cho kiểm toán": "Export for an auditor",
    "Tự kiểm tra bằng cách nào": "How to check it yourself",
    "Tìm trong nhật ký": "Search the ledger",
    "Loại mục": "Kind of entry",
    "Mọi loại": "Every kind",
    "Ai làm": "By whom",
    "Mã lượt phát": "Broadcast's id",
    "Ngày": "Day",
    "Tìm": "Search",
    "Bỏ lọc": "Clear the filter",
    "Chưa thấy mục nào từ mục {n} trở lên.": "Nothing found from entry {n} up.",
    "Không có mục nào như vậy.": "There is no such entry.",
    "Xem tất cả": "See all",
    "Lúc": "At",
    "Việc": "What",
    "Chi tiết": "Details",
    "Xuất nhật ký": "Export the ledger",
    "Trang": "Page",
    "Về mục mới nhất": "Back to the newest",
    "Các mục cũ hơn": "Older entries",
    "Tìm tiếp các mục cũ hơn": "Go on searching older entries",
    "Mục {n}": "Entry {n}",
    "Mục trước": "Entry before",
    "Mục sau": "Entry after",
    "Chứng minh mục này": "Prove this entry",
    "Tệp chứng minh cho thấy mục này nằm trong nhật ký đã ký, mà không để lộ mục nào khác. Ai có khóa công khai của cơ quan cũng kiểm tra được.":
        "The proof shows that this entry stands in the signed ledger, and shows no other entry. Whoever has the office's "
        "public key can check it.",
    "Mục này chưa nằm dưới mốc kiểm tra nào; một mốc mới sẽ được ký trước.":
        "This entry is under no checkpoint yet; a new one is signed first.",
    "Tải tệp chứng minh": "Download the proof",
    "Kiểm tra bằng lệnh:": "Check it with:",
    "Đúng từng byte đã băm": "The very bytes that were hashed",
    "Mã băm SHA-256 của mục": "SHA-256 of the entry",
    "Kiểm tra toàn bộ nhật ký": "Check of the whole ledger",
    "Mọi mục được đọc và băm lại từ đầu, đối chiếu với các mốc đã ký, và soát từng mục có đúng quy tắc hay không.":
        "Every entry is read and hashed anew, compared with the signed checkpoints, and held against the rules.",
    "Đang kiểm tra": "Checking",
    "Số mục đã đọc": "Entries read",
    "Trang tự tải lại. Có thể đi làm việc khác; kết quả vẫn ở trang này.":
        "The page reloads by itself. You can go on with other work; the result stays here.",
    "Xem tiến độ": "See how far it is",
    "Không kiểm tra được đến cuối. Nhờ người quản trị chạy lệnh kiểm tra trên máy của cơ quan.":
        "The check did not come to its end. Have an admin run it on the office's computer.",
    "Nhật ký KHÔNG đúng": "The ledger is NOT right",
    "Giữ mọi bản sao, ngừng gửi, và báo cơ quan kiểm tra cho đến khi rõ nguyên nhân.":
        "Keep every copy, stop sending, and tell whoever inspects the office, until it is clear why.",
    "Nhật ký đúng": "The ledger is right",
    "{n} mục, tất cả đúng như đã ký và đúng quy tắc.": "{n} entries, all as they were signed and as the rules say.",
    "{n} quyết định do một người tự làm, theo thiết lập của cơ quan.":
        "{n} decisions were made by one person alone, as the office has set.",
    "Bắt đầu lúc": "Begun at",
    "Mã gốc": "Root",
    "Kiểm tra lại": "Check again",
    "Máy của cơ quan tự kiểm tra chính nó thì chưa đủ để người ngoài tin.":
        "That the office's computer checks itself is not enough for others to believe it.",
    "Mốc kiểm tra là chữ ký của cơ quan dưới số mục và mã gốc. Hãy tải về và giữ ở nơi khác: ai sửa nhật ký sau đó sẽ bị lộ.":
        "A checkpoint is the office's signature under the number of entries and the root. Download it and keep it somewhere "
        "else: whoever changes the ledger afterwards is found out.",
    "Ký mốc ngay bây giờ": "Sign one now",
    "Đã ký mốc kiểm tra gồm {n} mục.": "The checkpoint over {n} entries is signed.",
    "Ký lúc": "Signed at",
    "Tệp": "File",
    "Tải về": "Download",
    "Các mốc cũ hơn": "Older checkpoints",
    "Khóa công khai của cơ quan": "The office's public key",
    "Đưa khóa này cho kiểm toán trên giấy, không chỉ qua chính máy này.":
        "Give this key to auditors on paper, not only by this computer.",
    "Một tệp nén gồm mọi mục, các mốc đã ký, văn bản và kế hoạch đã duyệt, số liệu từng chiến dịch, và chương trình kiểm tra. Không có số điện thoại hay tên người nhận.":
        "One zip file with every entry, the signed checkpoints, the texts and plans, each campaign's figures, and the "
        "programs that check it. It has no telephone number and no recipient's name.",
    "Đang lập tệp": "Making the file",
    "Số mục đã ghi": "Entries written",
    "Chưa lập được tệp.": "The file was not made.",
    "Tệp đã sẵn sàng": "The file is ready",
    "{n} mục; lập lúc {when}; giữ trong một giờ.": "{n} entries; made at {when}; kept for an hour.",
    "Tải tệp về": "Download the file",
    "Giải nén rồi mở check.html trong trình duyệt, hoặc chạy: python verify.py ledger":
        "Unpack it and open check.html in a browser, or run: python verify.py ledger",
    "Lập tệp mới": "Make a new file",
    "Việc xuất được ghi vào nhật ký, kèm tên của bạn.": "That it was exported stands in the ledger, with your name.",
    "Lập tệp": "Make the file",
    "Mã lượt phát viết như b-00000012.": "A broadcast's id is written like b-00000012.",
    "Ngày viết như 2027-07-30.": "The day is written like 2027-07-30.",
    "Trang này dành cho người không muốn phải tin máy của chúng tôi. Không cần mạng, không cần tài khoản, không cần biết lập trình.":
        "This page is for people who would rather not have to believe our computer. It takes no network, no account and no "
        "programming.",
    "Nhật ký này là gì": "What this ledger is",
    "Mỗi việc (trình, phê duyệt, gửi một tin, nhà cung cấp trả lời, dừng khẩn cấp) là một dòng. Mỗi dòng được tính ra một mã; các mã gộp lại thành một mã gốc duy nhất. Sửa một chữ ở bất kỳ dòng nào thì mã gốc đổi.":
        "Each thing done (submitted, approved, one message sent, the provider's answer, an emergency stop) is one line. Each "
        "line gives a code; all codes together give one root. Change one letter of any line, and the root changes.",
    "Cơ quan ký tên dưới mã gốc mỗi ngày và sau mỗi lượt phát. Chữ ký đó là mốc kiểm tra. Ai giữ một mốc cũ thì về sau chứng minh được nhật ký có bị sửa hay không.":
        "The office signs the root every day and after each broadcast. That signature is a checkpoint. Whoever keeps an old "
        "one can show later whether the ledger was changed.",
    "Làm từng bước": "Step by step",
    "Xin khóa công khai của cơ quan trên giấy có dấu. So với khóa ở cuối trang này: từng ký tự phải giống nhau.":
        "Ask for the office's public key on stamped paper. Compare it with the one at the end of this page: every letter "
        "must be the same.",
    "Tải tệp xuất (mục Xuất cho kiểm toán), chép sang máy của bạn và giải nén.":
        "Download the export (Export for an auditor), copy it to your own computer and unpack it.",
    "Mở check.html bằng trình duyệt trên máy của bạn, chọn thư mục vừa giải nén. Trang ấy tự tính lại mọi mã, không gửi gì ra ngoài.":
        "Open check.html in the browser of your computer and choose the folder. That page reckons every code anew and "
        "sends nothing anywhere.",
    "Hoặc dùng Python 3.9 trở lên, chạy lệnh:": "Or with Python 3.9 or later, run:",
    "Nếu bạn còn giữ mốc kiểm tra cũ, thêm:": "If you have kept an older checkpoint, add:",
    "Kết quả phải nói là đúng, và số mục phải bằng số mục trên trang nhật ký. Nếu nói không đúng, hãy giữ nguyên tệp và báo ngay cho cơ quan cấp trên.":
        "The result must say that it is right, with as many entries as the ledger's page. If it says that it is not, keep the "
        "file as it is and tell the office above at once.",
    "Chỉ muốn kiểm tra một việc": "To check one thing only",
    "Mở mục đó trong nhật ký, tải tệp chứng minh, rồi chạy verify.py với tệp ấy. Không cần cả nhật ký, và không ai thấy các mục khác.":
        "Open that entry, download its proof, and run verify.py with that file. It takes no whole ledger, and nobody sees the "
        "other entries.",
    "Nhật ký không chứng minh được điều gì": "What the ledger cannot prove",
    "Nó chứng minh những gì đã ghi không bị sửa, bỏ hay chèn; phê duyệt trước khi gửi; không gửi quá số đã định. Nó không chứng minh tin đã được đọc, và không thay cho sổ của nhà mạng: hãy đối chiếu cả hóa đơn của họ.":
        "It proves that what was written down was not changed, dropped or slipped in; that approval came before sending; that "
        "no more was sent than was meant. It does not prove that a message was read, and does not replace the carrier's "
        "book: compare their bill as well.",
    "Nhật ký không chứa số điện thoại, tên người nhận hay nội dung riêng của ai. Người nhận chỉ hiện ra như một mã; khi một người yêu cầu xóa, khóa của mã ấy bị hủy.":
        "The ledger holds no telephone number, no recipient's name and nothing private. A recipient shows as a code only; "
        "when somebody asks to be erased, the key to that code is destroyed.",
}  # fmt: skip
