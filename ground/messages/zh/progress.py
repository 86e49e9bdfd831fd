"""运行正在等待什么，显示在动态的那一行。"""

TEXTS = {
    "progress.zone": "正在询问 {zone} 的域名服务器",
    "progress.host": "正在查看主机",
    "progress.live": "发送邮件并等待送达",
    "progress.world": "正在询问 DNS 并连接各端口",
    "progress.relay": "正在经中继发一封回到自身的邮件",
    "progress.receivers": "正在从主机连接各大收件方",
}
