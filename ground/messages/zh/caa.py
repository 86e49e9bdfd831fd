"""CAA：哪个证书机构可以为服务器的名字签发证书。"""

TEXTS = {
    "caa.none": "没有 CAA 记录妨碍证书签发",
    "caa.given": "{owner} 的 CAA 允许该机构签发（{records}）",
    "caa.refused": "{owner} 的 CAA 禁止该证书机构签发：{records}",
    "caa.refused.remedy": "请在现有记录之外添加：{line}",
    "caa.strange": "{owner} 的 CAA 含有任何机构都不认识的关键属性，因此没有机构会签发：{records}",
    "caa.strange.remedy": "请去掉 {owner} 那条记录的标志 128",
    "caa.one_account": "{owner} 的 CAA 只允许该机构的一个账户签发，它可能不是本服务器的账户：{records}",
    "caa.one_account.remedy": "请去掉其中的 accounturi，或确认该账户属于本服务器",
    "caa.forbidden": "无法取得证书：{found}；{remedy}",
    "caa.unanswered": "无法查询 {owner} 的 CAA 记录；证书机构若也查不到，就不会签发",
    "caa.unknown": "{owner} 的 CAA 限制了谁可以签发，而它对 {directory} 机构的称呼未知；请在设置 caa 中写明",
    "caa.name": "证书机构",
    "caa.stops": "部署会因此停止；上面的记录仍会发布。",
    "caa.asked": "已查询 CAA",
    "caa.name.withdraw": "删除属于其他 ACME 账户的 CAA 记录",
    "caa.name.publish": "只允许本服务器的 ACME 账户签发",
    "caa.no_account": "{host}：在取得下一张证书之前还不知道它的 ACME 账户，因此暂无 CAA 记录指明账户",
}
