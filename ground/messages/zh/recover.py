"""恢复：重建状态与密钥。"""

TEXTS = {
    "recover.name.remember": "服务器记得的内容",
    "recover.name.keys": "进行中的轮换所用的密钥",
    "recover.name.ledger": "因我们而存在的记录",
    "recover.name.admin": "管理员的新密码",
    "recover.name.take_over": "今后从本机写入",
    "recover.two_sites": "找到的内容分属多个站点（{sites}）；一份状态只属于一个站点。请使用只含一个站点的清单，或移走不属于本站点的状态",
    "recover.no_manifest": "{host} 上没有 manifest：较早版本未留下，或已丢失。签名所用的密钥取自其签名程序，所有正确的记录都会被接管",
    "recover.nothing_remembered": "服务器没有记下任何内容。如果这台邮件服务器此前在另一台主机上，"
    "请先把那台主机写回清单，对它运行 pmail-deploy recover，然后再做下一次部署",
    "recover.right": "已存在",
    "recover.site": "站点，由 {controller} 于 {time} 写入（第 {generation} 代）",
    "recover.rotation": "{domain}：进行中的轮换，按服务器所记；请用 rotate-dkim 继续",
    "recover.rotation_over": "{domain}：本机记下的轮换已结束，服务器知道",
    "recover.users": "我们建立的帐号：{names}",
    "recover.aside": "{path} 已另存为 {aside}",
    "recover.ours": "{key}：属于我们，服务器记得",
    "recover.adopted": "{key}：与期望一致，予以接管",
    "recover.former": "{key}：主机记得，{value} 已不再需要",
    "recover.differs": "{key}：曾属于我们，之后被他人改动。保持原样，不再视为我们的。",
    "recover.admin": "{account} 将获得新密码",
    "recover.taken_over": "今后拒绝从先前的状态运行",
    "recover.lost.password": "{account} 的密码无法找回：PMail 不保存密码。请设置 PMAIL_ADMIN_PASSWORD 或 PMAIL_USER_PASSWORD_...，或生成新密码（管理员：--new-admin-password）",
    "recover.lost.zone": "{zone}：主机记得其中有我们的记录（{records}），但清单中没有该区域，因此无法查看。若要撤回这些记录，请在下一次部署之前把该区域放回清单，再次运行 pmail-deploy recover；否则将无人知晓这些记录。",
    "recover.lost.rest": "无法找回的：记录的备份（state/backups）、证书机构的帐号（会新建）、报告、轮换历史、已记下的发布包校验和",
}
