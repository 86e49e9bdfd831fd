"""账户。"""

TEXTS = {
    "users.admin_works": "{account} 可以登录",
    "users.no_password": "此处不知道管理员密码：既无 {variable} 也无 {path}。请设置 {variable}。",
    "users.no_admin": "{account} 可以登录，但不是管理员",
    "users.password_kept": "密码已生成，保存在 {path}",
    "users.right": "所有邮箱均已存在",
    "users.enabled": "{account}：重新启用",
    "users.disabled": "{account}：已停用（清单中不再有）",
    "users.not_named": "{account} 存在但不在清单中；未作改动",
    "users.wrong_password": "PMail 不接受此处已知的管理员密码（{account}）。请在 {variable} 中给出正确的密码，或将其写入 {path}。",
    "users.no_account": "没有帐号 {account}",
    "users.not_set": "无法在 {host} 上设置 {account} 的密码：{reason}",
}
