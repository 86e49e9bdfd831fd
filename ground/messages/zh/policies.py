"""检查域名对外声明的内容：面向邮件客户端和发送方。"""

TEXTS = {
    "checks.title.cli_02": "SRV 记录把邮件客户端引到本服务器",
    "checks.title.rpt_01": "发送方知道向何处报告 TLS 失败",
    "checks.srv.none": "没有这条记录",
    "checks.srv.not_said": "未提供该服务，也没有记录声称提供",
    "checks.srv.not_offered": "记录表明不提供该服务",
    "checks.srv.elsewhere": "本服务器不提供该服务，而记录指向别处：{found}",
    "checks.srv.right": "指向 {host} 端口 {port}",
    "checks.srv.mixed": "既指向本服务器，也指向别处：{found}",
    "checks.srv.wrong": "指向别处：{found}",
    "checks.srv.remedy": "请只发布这一条记录：{owner} SRV {record}",
    "checks.rpt.count": "TLS-RPT 记录应为一条，现有 {count} 条",
    "checks.rpt.syntax": "发送方会忽略该记录，它在 {part!r} 处无效",
    "checks.rpt.outside": "报告发往 {uris}",
    "checks.rpt.inside": "报告发往 {uris}；当该域名收不到邮件时，报告也收不到：可改用其他域名的地址",
    "checks.rpt.remedy": "请只发布一条：{owner} TXT {record}",
}
