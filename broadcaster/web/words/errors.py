"""The house's sentences for errors, in Vietnamese. What is not here is shown as the house says it.

A pattern is the English sentence with `{}` for what varies; a test holds the patterns to sentences in the source.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from broadcaster.web.words.states import words

VI: dict[str, str] = {
    "The password is wrong; nothing was done. Type it again.": "Sai mật khẩu; chưa làm gì cả. Nhập lại mật khẩu.",
    "Too many wrong passwords for {}; wait five minutes, or have an admin reset it.":
        "Nhập sai mật khẩu của {} quá nhiều lần; đợi năm phút, hoặc nhờ người quản trị đặt lại.",
    "Too many wrong codes for {}; wait {} minutes, or have an admin let it try again.":
        "Nhập sai mã xác thực của {} quá nhiều lần; đợi {} phút, hoặc nhờ người quản trị cho thử lại.",
    "A key is made by the person in whose name it acts; you can only end the keys of others.":
        "Khóa do chính người đứng tên tạo; với khóa của người khác chỉ kết thúc được.",
    "This request is not waiting any more; look at the list anew.": "Đề nghị này không còn chờ; xem lại danh sách.",
    "There is no such line; look at the list anew.": "Không có dòng này; xem lại danh sách.",
    "Nobody gives such a role to themselves; another admin does it.":
        "Không ai tự trao vai trò như vậy cho mình; một người quản trị khác làm việc đó.",
    "Very many are signing in just now; try again in a few seconds.":
        "Quá nhiều người đang đăng nhập cùng lúc; thử lại sau vài giây.",
    "The password needs at least {} characters; a sentence of a few words is best.":
        "Mật khẩu cần ít nhất {} ký tự; một câu vài từ là tốt nhất.",
    "The password has more than {} characters; choose a shorter one.": "Mật khẩu dài hơn {} ký tự; chọn mật khẩu ngắn hơn.",
    "The password holds the user's name; choose another.": "Mật khẩu chứa tên đăng nhập; chọn mật khẩu khác.",
    "This is the password you had; choose another.": "Đây là mật khẩu cũ; chọn mật khẩu khác.",
    "The two passwords differ; type both again.": "Hai lần nhập mật khẩu khác nhau; nhập lại cả hai.",
    "{} cannot be a user name: lower-case letters a-z, digits, dot, hyphen; at most 32.":
        "{} không dùng làm tên đăng nhập được: chữ thường a-z, chữ số, dấu chấm, gạch nối; nhiều nhất 32 ký tự.",
    "No user of this office is named for this sign-on; an admin names them in config.toml, under [sign_on] users.":
        "Chưa ai ở cơ quan này được khai cho tài khoản chung này; người quản trị khai trong config.toml, mục [sign_on] users.",
    "This sign-on did not begin in this browser, or too long ago; begin again at the sign-in page.":
        "Lần đăng nhập này không bắt đầu ở trình duyệt này, hoặc đã quá lâu; bắt đầu lại ở trang đăng nhập.",
    "The provider did not sign you on; try again, or sign in with your password.":
        "Cổng đăng nhập chung không cho vào; thử lại, hoặc đăng nhập bằng mật khẩu.",
    "This is not who is signed in here, or the provider did not ask anew; nothing is proved.":
        "Không phải người đang đăng nhập ở đây, hoặc cổng chung không hỏi lại; chưa xác nhận được gì.",
    "This office has no single sign-on; sign in with name and password.":
        "Cơ quan này không dùng cổng đăng nhập chung; đăng nhập bằng tên và mật khẩu.",
    "The sign-on brought no proof of who you are; try again.": "Cổng chung không chứng thực bạn là ai; thử lại.",
    "The sign-on was signed by nobody we know; try again, or sign in with your password.":
        "Chữ ký của cổng chung không đúng; thử lại, hoặc đăng nhập bằng mật khẩu.",
    "The sign-on is not for this office, or is over; try again.":
        "Lần đăng nhập này không dành cho cơ quan này, hoặc đã hết hạn; thử lại.",
    "The provider does not know this sign-on, or it was used already; try again.":
        "Cổng chung không biết lần đăng nhập này, hoặc nó đã được dùng; thử lại.",
    "The identity provider does not answer; sign in with your password, or try again in a minute.":
        "Cổng đăng nhập chung không trả lời; đăng nhập bằng mật khẩu, hoặc thử lại sau một phút.",
    "User name or password is wrong. Try again.": "Sai tên đăng nhập hoặc mật khẩu. Thử lại.",
    "The code is wrong or was used already. Wait for the next one, and check the phone's clock.":
        "Mã sai hoặc đã dùng rồi. Đợi mã kế tiếp, và kiểm tra đồng hồ điện thoại.",
    "{} may not do this ({}); it takes the role {}.": "{} không được làm việc này ({}); cần vai trò {}.",
    "This form is from an earlier sign-in, or from another site. Open the page anew and try again.":
        "Biểu mẫu này thuộc lần đăng nhập trước hoặc từ trang khác. Mở lại trang rồi thử lại.",
    "Give a reason: whoever wrote it must know what to change. It stands in the ledger.":
        "Ghi lý do: người soạn cần biết phải sửa gì. Lý do được ghi vào nhật ký.",
    "The reason has {} characters; say it in {}.": "Lý do dài {} ký tự; viết trong {} ký tự.",
    "Leave telephone numbers out of the reason: it stands in the ledger for good.":
        "Không ghi số điện thoại vào lý do: lý do lưu vĩnh viễn trong nhật ký.",
    "{} submitted this and may not approve it; a second person must.":
        "{} là người trình nên không được phê duyệt; cần người thứ hai.",
    "{} edited this since it was last approved and may not approve it; somebody who did not write it must.":
        "{} đã sửa bản này từ lần phê duyệt trước nên không được phê duyệt; cần người không soạn nó.",
    "The {} {} is not what you saw: {} submitted {}. Look at it again, then approve that.":
        "Bản {1} không còn là bản bạn đã xem: {2} đã trình {3}. Xem lại rồi phê duyệt bản đó.",
    "Nothing of the {} {} waits for a decision; it must be submitted first.": "{1} không có gì chờ quyết định; cần trình trước.",
    "The {} {} waits for nothing: {} approved {}.": "{1} không còn chờ: {2} đã phê duyệt {3}.",
    "The {} {} was submitted anew: {}. Look at it again.": "{1} đã được trình lại: {2}. Xem lại.",
    "Say why: --reason; it stands in the ledger.": "Ghi lý do; lý do được ghi vào nhật ký.",
    "The stop's end lies in the past; give a later --until, or none.": "Giờ kết thúc đã qua; chọn giờ muộn hơn, hoặc để trống.",
    "No contact's commune is {}; write it as it stands in the contacts.":
        "Không có người nhận nào ở {}; ghi tên xã đúng như trong danh bạ.",
    "No approved campaign is called {}; `broadcaster campaign list` shows what there is.":
        "Không có chiến dịch đã duyệt nào tên {}; xem trang Chiến dịch.",
    "No channel is called {}; config.toml has: {}.": "Không có kênh nào tên {}; hiện có: {}.",
    "The lane {} is not paused.": "Kênh {} không tạm dừng.",
    "There is no dispatch {}; see `broadcaster dispatch list`.": "Không có lượt gửi {}; xem trang Lượt gửi.",
    "{} is no dispatch id; they look like d-0000000042: see `broadcaster dispatch list`.":
        "{} không phải mã lượt gửi; mã có dạng d-0000000042.",
    "Another program has held the database for 30 seconds. Close it, or wait for it, then try again.":
        "Một chương trình khác đã giữ cơ sở dữ liệu 30 giây. Đóng nó hoặc đợi, rồi thử lại.",
    "The disk is full. Nothing was lost; make room, and the work goes on.":
        "Ổ đĩa đã đầy. Không mất gì; dọn chỗ trống, công việc sẽ tiếp tục.",
    "The {} {} was submitted by {} just so; it waits for approval.": "{1} đã được {2} trình đúng như vậy và đang chờ phê duyệt.",
    "The {} {} is approved just so, by {}; there is nothing to submit.": "{1} đã được {2} phê duyệt đúng như vậy; không có gì để trình.",
    "Nothing of the {} {} is {}; there is nothing to withdraw.": "{1} không có bản nào đang chờ hoặc có hiệu lực; không có gì để rút.",
    "Somebody else decided about the {} {} just now; look again.": "Người khác vừa quyết định về {1}; xem lại.",
    "Somebody else submitted this just now; look at it, then try again.": "Người khác vừa trình; xem lại rồi thử lại.",
    "There is no plan {}; `broadcaster campaign list` shows the campaigns.": "Không có kế hoạch {}; xem trang Chiến dịch.",
    "The stored plan {} was changed after it was approved; restore a backup.":
        "Kế hoạch lưu {} bị thay đổi sau khi duyệt; cần khôi phục bản sao lưu và báo kiểm toán.",
    "There is no group {}; import its people with `broadcaster audience import`.": "Không có nhóm {}; nhập người của nhóm ở trang Danh bạ.",
    "Somebody else saved this report's words after you opened the page; yours stand below. To put them in the place of theirs, "
    "save again.":
        "Người khác đã lưu lời văn của báo cáo này sau khi bạn mở trang; lời của bạn còn ở bên dưới. Muốn thay lời của họ thì lưu lại "
        "lần nữa.",
    "A line must not begin with `## `: it would be taken for a heading.":
        "Không dòng nào được bắt đầu bằng `## `: dòng đó sẽ bị hiểu là tiêu đề.",
    "The campaign {} is cancelled already.": "Chiến dịch {} đã bị hủy.",
    "No campaign {} is approved; `broadcaster campaign list` shows where each stands.":
        "Chưa có chiến dịch {} nào được duyệt; xem trang Chiến dịch.",
    "The campaign {} is {}; this takes one that is {}.": "Chiến dịch {} đang ở trạng thái {}; việc này cần trạng thái {}.",
    "Give a reason: --reason \"...\"; it stands in the ledger.": "Ghi lý do; lý do được ghi vào nhật ký.",
    "{} is no broadcast id; they look like b-00000042: see `broadcaster broadcast list`.":
        "{} không phải mã lượt phát; mã có dạng b-00000042.",
    "There is no broadcast {}; `broadcaster broadcast list` shows what there is.": "Không có lượt phát {}; xem trang Lượt gửi.",
    "Broadcast {} is being cancelled; what has not left is closed in steps.":
        "Lượt phát {} đang được hủy; những gì chưa gửi được đóng dần.",
    "Broadcast {} is {}; this takes one that is {}.": "Lượt phát {} đang ở trạng thái {}; việc này cần trạng thái {}.",
    "There is no dispatch {}; see `broadcaster dispatch list --state unknown`.": "Không có lượt gửi {}; xem trang Lượt gửi.",
    "{} is {}; only a doubtful dispatch is resolved.": "{} đang ở trạng thái {}; chỉ lượt còn nghi ngờ mới cần xác định.",
    "The time of {} has passed; ask for a new broadcast: `broadcaster send`.": "{} đã quá giờ; hãy yêu cầu một lượt phát mới.",
    "The text of {} is known to be wrong; its correction goes out instead.": "Nội dung của {} đã biết là sai; bản đính chính được gửi thay.",
    "Its time has passed; ask for a new broadcast: `broadcaster send`.": "Đã quá giờ; hãy yêu cầu một lượt phát mới.",
    "Its text is known to be wrong; the correction goes out instead.": "Nội dung đã biết là sai; bản đính chính được gửi thay.",
    "The office key is not the one this authenticator was set up with; put the right secrets/office.key back.":
        "Khóa của cơ quan không phải khóa lúc thiết lập mã xác thực; đặt lại đúng tệp secrets/office.key.",
    "There is a user {} already; `broadcaster user reset {}` gives a new password.": "Đã có người dùng {}; có thể đặt lại mật khẩu cho người đó.",
    "There is no user {}; `broadcaster user list` shows who there is.": "Không có người dùng {}; xem trang Quản trị.",
    "{} is the only admin; make another one first.": "{} là người quản trị duy nhất; thêm người quản trị khác trước.",
    "Say in 1 to {} characters what the token is for.": "Ghi mục đích của mã truy cập, từ 1 đến {} ký tự.",
    "A token is good for a year at most; give fewer days.": "Mã truy cập có hạn nhiều nhất một năm; chọn ít ngày hơn.",
    "A program may not do this: {}; it takes a person at the desk.": "Chương trình không được làm việc này: {}; cần một người.",
    "{} may not do {}; leave it out, or give the role first.": "{} không được làm {}; bỏ ra, hoặc cấp vai trò trước.",
    "This token is over already; there is nothing to end.": "Mã truy cập này đã hết hiệu lực.",
    "{}: the roles are {}; several are written with commas.": "{}: các vai trò là {}.",
    "{}: the group, an address in it, or the sender changed since it was asked for. Ask for it anew: broadcaster send.":
        "{}: nhóm nhận, một địa chỉ trong nhóm, hoặc tên người gửi đã đổi từ lúc yêu cầu. Cần yêu cầu lại.",
    "{}, who submitted the {} {}, is disabled since; somebody else must submit it again before it is approved.":
        "Tài khoản {0}, người đã trình {2}, đã bị khóa; cần một người khác trình lại trước khi phê duyệt.",
    "This revision has no recording in that language.": "Bản này không có bản ghi âm bằng ngôn ngữ đó.",
    "The recording is not on this machine; submit the message again.": "Bản ghi âm không có trên máy này; trình lại thông điệp.",
    "There is no such request; the list shows what waits.": "Không có yêu cầu này; xem danh sách chờ duyệt.",
    "The page has lost the hash of what you saw; open it anew.": "Trang đã mất mã băm của bản bạn xem; mở lại trang.",
    "Tick each line of the checklist first, or return it with what must change.":
        "Đánh dấu từng điều trong danh mục trước, hoặc trả lại kèm điều cần sửa.",
    "Say what is to become of it: counted as sent, given up, or sent again.": "Chọn cách xác định: coi như đã gửi, không xác định được, hay gửi lại.",
    "The second factor is set up already; an admin can take it away.": "Mã xác thực thứ hai đã được thiết lập; người quản trị gỡ được.",
    "The office's name has 1 to 120 characters; it stands on reports.": "Tên cơ quan dài từ 1 đến 120 ký tự; tên đứng trên báo cáo.",
    "This set-up link is not good any more; if the office has users, sign in.":
        "Đường dẫn thiết lập không còn dùng được; nếu cơ quan đã có người dùng, hãy đăng nhập.",
    "This office is set up already; sign in.": "Cơ quan đã được thiết lập; hãy đăng nhập.",
    "Say what is to stop: everything, one campaign, one channel, or communes.":
        "Chọn dừng những gì: tất cả, một chiến dịch, một kênh hay các xã.",
    "This stop is not in force any more.": "Lệnh dừng này không còn hiệu lực.",
    "The end is no time; choose a day and an hour, or leave it empty.": "Giờ kết thúc không hợp lệ; chọn ngày giờ, hoặc để trống.",
    "There is no revision {}; submit the message again.": "Không có bản {}; trình lại thông điệp.",
    "The stored revision {} was changed in the database and is not used. Restore a backup, and tell the auditor.":
        "Bản lưu {} bị thay đổi trong cơ sở dữ liệu và không được dùng. Khôi phục bản sao lưu, và báo kiểm toán.",
    "No message is called {}; `broadcaster message list` shows them all.": "Không có thông điệp nào tên {}; xem trang Thông điệp.",
    "No group is called {}. There are: {}. Make one with `broadcaster audience group add`.": "Không có nhóm nào tên {}. Hiện có: {}.",
    "No contact has this address. `broadcaster audience list` shows who there is.": "Không có người nhận nào có địa chỉ này.",
    "There is no contact {}; it may have been erased. See `broadcaster audience list`.": "Không có người nhận {}; có thể đã được xóa.",
    # campaigns, ad-hoc broadcasts, audience
    "There is no such campaign; the list shows those there are.": "Không có chiến dịch này; xem danh sách chiến dịch.",
    "There is a campaign of this id already; choose another id.": "Đã có chiến dịch mang mã này; chọn mã khác.",
    "There is no file of this campaign that can be read; the list says what is wrong with it.":
        "Chiến dịch này không có tệp đọc được; danh sách chiến dịch ghi rõ lỗi.",
    "This campaign has no such schedule; its page shows those it has.": "Chiến dịch này không có lịch phát đó; xem trang chiến dịch.",
    "A campaign needs a schedule; add another first, or cancel the campaign.":
        "Chiến dịch cần ít nhất một lịch phát; thêm lịch khác trước, hoặc hủy chiến dịch.",
    "The file was changed meanwhile, by somebody else or in another window. Open the form anew.":
        "Tệp đã bị người khác hoặc cửa sổ khác sửa trong lúc đó. Mở lại biểu mẫu trong thẻ mới rồi chép sang.",
    "Choose a message and a channel.": "Chọn thông điệp và kênh.",
    "{} has passed; give a later --at, or none for now.": "{} đã qua; chọn giờ muộn hơn, hoặc để trống để gửi ngay.",
    "The channel {} writes to people: say to whom with --group.": "Kênh {} gửi đến từng người: chọn nhóm nhận.",
    "{} has no form for {} ({}) in {}; write one and submit it.": "Thông điệp {} chưa có dạng cho kênh {} ({}) bằng {}; viết thêm rồi trình duyệt.",
    "This list is not here any more; upload it again.": "Danh sách này không còn ở đây; tải lên lại.",
    "The list is larger than 50 MB; split it, or import it with `broadcaster audience import`.":
        "Danh sách lớn hơn 50 MB; chia nhỏ rồi nhập từng phần.",
    "The file is empty; choose the list again.": "Tệp trống; chọn lại danh sách.",
    "The file is empty: its first row names the columns, the others hold one contact each.":
        "Tệp trống: dòng đầu phải là tên cột, mỗi dòng sau là một người.",
    "Choose the list first: a CSV or XLSX file.": "Chọn tệp danh sách trước: CSV hoặc XLSX.",
    "Choose what each column holds from the list.": "Chọn mỗi cột là gì trong danh sách có sẵn.",
    "No column is known here. {}.": "Chưa cột nào được chọn. Chọn mỗi cột là gì.",
    "No column holds an address. {}": "Chưa có cột địa chỉ nào: chọn ít nhất số điện thoại, thư điện tử, Zalo hay Telegram.",
    "Two columns are both read as {}. Keep one, or put the other into rows of its own.":
        "Hai cột cùng được đọc là {}. Giữ một cột, bỏ qua cột kia.",
    "No contact has this address. It can be kept out for good: see below, opting out.":
        "Không có người nhận nào có địa chỉ này. Muốn không bao giờ gửi đến đó: ghi từ chối ở bên.",
    "Choose one of the reasons.": "Chọn một lý do.",
    "Tick that you know it cannot be undone, then erase.": "Đánh dấu rằng bạn biết việc này không hoàn tác được, rồi xóa.",
    "No row of this list was refused.": "Không có dòng nào của danh sách này bị từ chối.",
    "This contact has no address left; nothing is sent to it.": "Người này không còn địa chỉ nào; không gửi gì.",
    "A group needs a name of 1 to 64 printable characters.": "Tên nhóm dài 1 đến 64 ký tự.",
    "This is no date; write it like 2027-07-01 or 01/07/2027 (day first).": "Đây không phải ngày; viết như 01/07/2027.",
    "The date of a consent lies in the past, not before 1990; check the year.": "Ngày đồng ý phải ở quá khứ, sau năm 1990; kiểm tra lại năm.",
    "The phone address {}.": "Số điện thoại chưa đúng: viết như 0912345678 hoặc +84912345678.",
    "The email address {}.": "Thư điện tử chưa đúng: viết một địa chỉ như ten@example.vn.",
    "The {} address {}.": "Địa chỉ {} chưa đúng; kiểm tra lại.",
    "There is no entry {} in the ledger; look for it in the list.": "Nhật ký không có mục {}; tìm trong danh sách.",
    "There is no such entry in the ledger; look for it in the list.": "Nhật ký không có mục như vậy; tìm trong danh sách.",
    "There is no such checkpoint; choose one of the list.": "Không có mốc kiểm tra này; chọn một mốc trong danh sách.",
    "There is no bundle; make one first.": "Chưa có tệp xuất; hãy lập tệp trước.",
    "Somebody else made this bundle; make one of your own.": "Tệp này do người khác lập; hãy lập tệp của bạn.",
    "This is going on already; wait until it is over.": "Việc này đang được làm; đợi đến khi xong.",
    "Nothing at the duty desk has this number; choose one of the list.": "Bàn trực không có tin này; chọn một tin trong danh sách.",
    "Nothing at the duty desk has the number {}; see `broadcaster duty list`.": "Bàn trực không có tin số {}; chọn một tin trong danh sách.",
    "Reply {} was shown to {} at {} UTC; its text is gone. Ask them.":
        "Tin số {} đã được {} xem lúc {} (giờ UTC); nội dung không còn. Hãy hỏi người đó.",
    "Reply {} was not read in 72 hours; its text is gone.": "Tin số {} không ai xem trong 72 giờ; nội dung không còn.",
    "This commune owes no answer any more.": "Xã, phường này không còn nợ lời báo.",
    "There is no user {} who could stand in; choose one of the list.": "Không có người dùng {}; chọn trong danh sách.",
    "Name somebody else: one cannot stand in for oneself.": "Chọn người khác: không ai thay chính mình.",
    "{} approves anyway and needs no delegation; choose another, or leave it.":
        "{} vốn đã có quyền phê duyệt, không cần giao thay; chọn người khác.",
    "The last day lies before the first; give both as dates.": "Ngày cuối trước ngày đầu; chọn lại hai ngày.",
    "These days are over; give days to come.": "Những ngày này đã qua; chọn ngày sắp tới.",
    "At most {} days at once; for longer, an admin gives the role to another person.":
        "Mỗi lần nhiều nhất {} ngày; lâu hơn thì người quản trị trao vai trò cho người khác.",
    "Somebody stands in during these days already; end that first.":
        "Trong những ngày này đã có người thay; kết thúc lần đó trước.",
    "This delegation is over.": "Lần giao thay này đã kết thúc.",
    "Only {} or {} may end this.": "Chỉ {} hoặc {} kết thúc được.",
    "{} stands in for {}, who wrote this; another approver must decide.":
        "{} thay {}, là người soạn; người phê duyệt khác phải quyết định.",
    "Choose what the officer said: played, not played, or planned.": "Chọn điều cán bộ nói: đã phát, không phát, hay định phát.",
    "How often was it played? A number from 1 to {}.": "Đã phát mấy lần? Ghi một số từ 1 đến {}.",
    "Why was it not played? One of: {}.": "Vì sao không phát? Chọn một lý do.",
    "When is it to be played? Give the day and the hour.": "Định phát lúc nào? Ghi ngày và giờ.",
    "That is before the bulletin was handed over; check the day.": "Lúc đó bản tin chưa được giao; kiểm tra lại ngày.",
    "That has not come yet; say it when it was played.": "Lúc đó chưa đến; hãy báo khi đã phát.",
    "{} is no bulletin that was handed over; see `broadcaster bulletin list`.":
        "{} không phải bản tin đã giao; chọn trong danh sách bản tin.",
}  # fmt: skip


def translate(sentence: str) -> str:
    """The Vietnamese of a sentence, with its values; the sentence itself where there is none."""
    for pieces, vietnamese in _pieces():
        if (found := values_of(pieces, sentence)) is not None:
            return vietnamese.format(*map(words, found))
    return sentence


def values_of(pieces: Sequence[str], sentence: str) -> list[str] | None:
    """What stands between the pieces of a sentence, each as short as can be; None if it is another sentence.

    By hand, because a regular expression takes minutes for a value that holds the pieces again and again.
    """
    first, *others = pieces
    if not sentence.startswith(first) or (not others and sentence != first):
        return None
    found, at = [], len(first)
    for place, piece in enumerate(others, 1):
        end = sentence.find(piece, at + 1) if place < len(others) else len(sentence) - len(piece)
        if end <= at or not sentence.startswith(piece, end):
            return None
        found.append(sentence[at:end])
        at = end + len(piece)
    return found


@cache
def _pieces() -> list[tuple[list[str], str]]:
    return [(english.split("{}"), vietnamese) for english, vietnamese in VI.items()]
