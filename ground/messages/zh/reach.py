"""从本机的可达性。"""

TEXTS = {
    "reach.name": "从外部可达",
    "reach.later": "执行时检测",
    "reach.open": "服务器在 25 端口应答",
    "reach.closed": "从本机无法到达 {address} 端口 {port}：请在云防火墙（安全组）以及 ufw 或 firewalld 中开放",
    "reach.own_network": "您自己的网络不允许连接 25 端口；{address} 在 465 端口应答，视为已启动",
    "reach.own_network_closed": "{address} 在 25 端口（您自己的网络封锁了它）和 465 端口均无应答。不发布 MX。",
    "reach.port25.open": "{host}（{address}）在端口 {port} 接受连接，但没有以邮件服务器身份问候。不发布 MX。",
    "reach.port25.refused": "{host}（{address}）拒绝端口 {port}：服务器未运行。不发布 MX。",
    "reach.port25.timeout": "{host}（{address}）在端口 {port} 无应答：请在云防火墙（安全组）以及 ufw 或 firewalld 中开放。不发布 MX。",
    "reach.port25.unreachable": "从本机无法到达 {host}（{address}）（端口 {port}）。不发布 MX。",
}
