"""供邮件客户端自动设置的文档：步骤，以及给人看的页面。"""

TEXTS = {
    "clients.name.put": "供邮件客户端使用的文档",
    "clients.name.signed": "为 Apple 设备签名的描述文件",
    "clients.signed": "描述文件已用当前安装的证书签名",
    "clients.not_signed": "无法为 Apple 设备的描述文件签名",
    "clients.page.title": "邮件客户端设置",
    "clients.page.automatic": "Thunderbird 等许多客户端会自动找到这些设置：只需输入您的地址和密码。",
    "clients.page.imap": "收件（IMAP）",
    "clients.page.smtp": "发件（SMTP）",
    "clients.page.pop": "收件（POP3）",
    "clients.page.port": "端口 {port}，SSL/TLS",
    "clients.page.user": "用户名",
    "clients.page.whole_address": "您的完整邮箱地址，收发相同；密码：普通密码",
    "clients.page.apple": "Apple 设备（iPhone、iPad、Mac）",
    "clients.page.apple_how": "用 Safari 打开您域名的描述文件，再到“设置”中安装已下载的描述文件。它会询问您的地址和密码。",
}
