"""报告。"""

TEXTS = {
    "report.name": "验证",
    "report.title": "{server} 的报告：",
    "report.later": "执行时生成",
    "report.failed": "{server}：有检查未通过，见上文",
    "report.summary": "{server}：{pass} 项通过，{warn} 项警告，{fail} 项失败，{skip} 项跳过，{unknown} 项未知",
    "report.partial": "{summary}（仅：{only}；略过：{skip}）",
    "report.changes": "自 {since} 以来：新增：{new}；消失：{gone}",
    "report.unchanged": "自 {since} 以来：无新增，无消失；仍未解决：{still}",
    "report.more": "{names} 等，另有 {more} 项",
    "report.no_rule": "没有名为 {names} 的规则；现有：{known}（也可只写字母，表示该类全部：SPF）",
    "report.nothing_left": "--only 与 --skip 之后没有剩下任何规则",
    "report.receivers": "据这些检查，收件方会怎么说（邮件内容和发件人信誉不在检查之内）：",
    "report.receiver.accepts": "接受",
    "report.receiver.refuses": "拒收",
    "report.receiver.refuses-bulk": "拒收大量发信者，对其他发信者不信任",
    "report.receiver.unreached": "邮件无法到达",
    "report.receiver.unknown": "未知",
    "report.page": "可用浏览器查看的报告：{path}",
    "report.place": "在 {provider} 的 {zone} 区域中：主机记录 {name}，类型 {rtype}",
    "report.no_page": "无法生成 {path} 中报告的网页：{reason}",
}
