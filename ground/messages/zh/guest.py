"""使用我们各部分的其他项目会被告知什么。"""

TEXTS = {
    "guest.no_program": "pmail_deploy.parts 只在 pyinfra 自己的程序中运行：pyinfra INVENTORY deploy.py",
    "guest.no_server": "{host} 不在 mail_servers 组中：设置从该组的主机读取",
    "guest.other_server": "{host}：这个 MailServer 与清单所描述的不同。设置写在主机的数据里",
}
