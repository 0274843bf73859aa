"""The page of plain words that goes with an export, in Vietnamese and English."""

from __future__ import annotations

LINE = "-" * 118

# Said of every mark in one line: the number is the file's name in both folders. `-CAfile`: got from the authority itself.
COMMAND = "openssl ts -verify -data checkpoints/NUMBER.txt -in timestamps/NUMBER.tsr -CAfile authority.pem"
STAMP_VI = f"""
Dấu thời gian (nếu có timestamps/): các chương trình ở đây chỉ xem dấu có đúng là của mốc hay không. Chữ ký của cơ quan cấp
dấu phải kiểm tra bằng OpenSSL, với chứng thư lấy từ chính cơ quan ấy (NUMBER là tên tệp, authority.pem là chứng thư):
  {COMMAND}
Kết quả phải là "Verification: OK".
"""
STAMP_EN = f"""
Time stamps (if there is timestamps/): the programs here only see whether a stamp is for its checkpoint. The authority's
signature has to be checked with OpenSSL and the certificate you got from the authority (NUMBER is the files' name):
  {COMMAND}
It must answer "Verification: OK".
"""

EXPORT = f"""\
NHẬT KÝ PHÁT TIN: BẢN XUẤT ĐỂ KIỂM TRA ĐỘC LẬP

Thư mục này gồm:
  entries.jsonl     mọi mục của nhật ký, mỗi dòng một mục, đúng từng byte như đã ghi
  checkpoints/      các mốc đã ký: số mục và mã băm gốc của nhật ký tại mỗi thời điểm
  key.txt           khóa công khai của cơ quan (Ed25519, hệ 16)
  revisions/        đúng từng byte các thông điệp đã trình duyệt; tên tệp là mã băm của nội dung
  plans/            đúng từng byte các kế hoạch chiến dịch đã trình duyệt, cũng đặt tên theo mã băm
  witnesses.txt     khóa của các cơ quan ký xác nhận, nếu có
  timestamps/       dấu thời gian RFC 3161 của các mốc, nếu có; kiểm tra bằng lệnh ở cuối phần này
  verify.py         chương trình kiểm tra, chỉ cần Python 3.9 trở lên, không cần mạng, dưới 200 dòng để đọc hết được
  verify_bundle.py  phần kiểm tra thông điệp, kế hoạch, số liệu và bằng chứng; đặt cạnh verify.py

Cách kiểm tra:
  1. Mở cửa sổ dòng lệnh tại thư mục này và chạy:   python verify.py .
  2. Dòng cuối phải là OK. Nếu là NOT OK, các dòng phía trên nói rõ mục nào, tệp nào sai và sai điều gì.
  3. Để không phải tin thư mục này: dùng khóa đã nhận trên giấy (--key KHÓA) và mốc mà quý vị đã tự giữ từ trước
     (--checkpoint TỆP). Chỉ có mốc tự giữ mới phát hiện được một nhật ký bị viết lại toàn bộ rồi ký lại.
Giới hạn: không thể thấy phần bị cắt sau mốc mới nhất mà quý vị giữ, cũng như tin gửi ngoài chương trình này;
hãy đối chiếu với bảng kê của nhà cung cấp. Nhật ký không chứa số điện thoại của người nhận.
{STAMP_VI}
{LINE}

DISPATCH LOG: AN EXPORT TO BE CHECKED ALONE

This folder holds:
  entries.jsonl     every entry of the log, one a line, byte for byte as it was written
  checkpoints/      signed marks: how many entries there were and the root hash over them, at each time
  key.txt           the office's public key (Ed25519, hexadecimal)
  revisions/        the messages submitted for approval, byte for byte; a file's name is the hash of its bytes
  plans/            the campaign plans submitted for approval, named the same way
  witnesses.txt     keys of offices that countersign, if there are any
  timestamps/       RFC 3161 time stamps of checkpoints, if there are any; the command at the end checks them
  verify.py         the checking program: Python 3.9 or newer, no network, under 200 lines so that it can be read whole
  verify_bundle.py  checks messages, plans, figures and proofs; it lies beside verify.py

To check it:
  1. Open a command line in this folder and run:   python verify.py .
  2. The last line must be OK. If it is NOT OK, the lines above it say which entry or file is wrong, and in what.
  3. So as not to trust this folder: use the key you were given on paper (--key HEX) and checkpoints you kept yourself
     (--checkpoint FILE). Only those can tell a log that was rewritten as a whole and signed anew.
Limits: nobody can see what was cut off after the newest checkpoint you hold, nor what was sent past this program; compare
with the provider's own list. The log holds no telephone number of a recipient.
{STAMP_EN}"""

BUNDLE = f"""\
HỒ SƠ KIỂM TOÁN: MỘT TRANG HƯỚNG DẪN

Hồ sơ này cho phép quý vị tự kiểm tra, không cần tin lời ai: nội dung đã duyệt, ai duyệt, gửi bao nhiêu, tốn bao nhiêu,
và báo cáo có khớp với nhật ký không. Không cần mạng, không cần cài đặt.

Không có Python (ví dụ trên Windows):
  1. Mở tệp check.html bằng trình duyệt (Edge, Chrome hoặc Firefox đời mới).
  2. Chọn chính thư mục này. Trình duyệt chỉ đọc tại máy, không gửi đi đâu.
  3. Màu xanh: mọi tệp đúng như đã ký. Màu đỏ: trang nói rõ tệp nào, mục nào sai.
Có Python 3.9 trở lên (kiểm tra kỹ hơn, cả quy tắc hai người và không gửi hai lần):
  python verify.py .        dòng cuối phải là OK

Đừng chỉ tin thư mục này: so khóa trên màn hình với khóa quý vị nhận trên giấy, và dùng mốc (checkpoint) đã tự giữ.

  entries.jsonl  nhật ký            checkpoints/  mốc đã ký          key.txt        khóa công khai của cơ quan
  revisions/     thông điệp         plans/        kế hoạch           reports/       số liệu từng chiến dịch
  check.html     trang tự kiểm tra  verify*.py    chương trình       witnesses.txt  khóa của cơ quan ký xác nhận
  signed/        báo cáo đã ký      timestamps/   dấu thời gian

Giới hạn: không thể thấy phần bị cắt sau mốc mới nhất mà quý vị giữ, cũng như tin gửi ngoài chương trình này; hãy đối chiếu
với bảng kê của nhà cung cấp. "Nhà cung cấp đã nhận" không có nghĩa là "đã đến tay người đọc".
{STAMP_VI}
{LINE}

AUDIT BUNDLE: ONE PAGE OF INSTRUCTIONS

With this bundle you can check for yourself, trusting nobody's word: what was approved and by whom, how much was sent, what it
cost, and whether the report agrees with the log. No network and no installation are needed.

Without Python (on Windows, say):
  1. Open check.html in a browser (a current Edge, Chrome or Firefox).
  2. Choose this very folder. The browser reads it on your computer and sends it nowhere.
  3. Green: every file is as it was signed. Red: the page says which file or entry is wrong.
With Python 3.9 or newer (checks more: that two people decided, that nothing was sent twice):
  python verify.py .        the last line must be OK

Do not trust this folder alone: compare the key on the screen with the one you were given on paper, and use checkpoints you kept.

  entries.jsonl  the log            checkpoints/  signed marks       key.txt        the office's public key
  revisions/     messages           plans/        campaign plans     reports/       figures of each campaign
  check.html     the checking page  verify*.py    programs           witnesses.txt  keys of countersigning offices
  signed/        the signed report  timestamps/   time stamps

Limits: nobody can see what was cut off after the newest checkpoint you hold, nor what was sent past this program; compare with
the provider's own list. "Accepted by the provider" does not mean "reached its reader".
{STAMP_EN}"""
