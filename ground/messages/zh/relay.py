"""Outbound by Postfix and OpenDKIM."""

TEXTS = {
    "relay.name.resolver_packages": "安装验证型解析器",
    "relay.name.resolver": "配置验证型解析器",
    "relay.name.mta_sts": "安装 MTA-STS 解析器",
    "relay.name.signer": "配置签名程序",
    "relay.name.postfix": "配置 Postfix",
    "relay.name.running": "启动中继，并用签名邮件验证",
    "relay.name.unused_keys": "不再使用的私钥",
    "relay.name.retired": "之前出站模式留下的中继",
    "relay.running": "签名程序和 Postfix 已按磁盘上的配置运行",
    "relay.restart": "（重新）加载签名程序和 Postfix，并验证签名",
    "relay.not_started": "签名程序或 Postfix 未能启动。最后的日志：",
    "relay.not_signed": "经过中继的邮件没有用 {keys} 签名。签名程序最后的日志：",
    "relay.proof_late": "{seconds} 秒内没有到达",
    "relay.not_proven": "{domain}：选择器 {selector} 尚未在所有权威服务器上出现，因此不使用。请不带 --limit 运行部署。",
    "relay.no_ipv6": "{address} 没有指回自身的 PTR，因此只用 IPv4 发信。要使用 IPv6，请把它的 PTR 设为 {host}。",
    "relay.not_there": "没有",
    "relay.still_waiting": "Postfix 队列里还有 {count} 封邮件；它会继续投递，队列清空后的下一次运行会将它停止",
    "relay.stopped": "Postfix 和 OpenDKIM 已停止，队列已空",
    "relay.not_stopped": "无法停止 Postfix 和 OpenDKIM",
    "relay.password": "{smarthost}：{seen}；{remedy}",
}
