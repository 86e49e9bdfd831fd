"""本方域名的 MTA-STS 策略：提供、告知发送方、收回。"""

TEXTS = {
    "sts.name.served": "提供 MTA-STS 策略",
    "sts.name.publish": "发布 MTA-STS 策略记录",
    "sts.held": "{domains} 的 MTA-STS 策略暂不强制执行，只作试行（testing 模式）：{reason}",
    "sts.not_served": "{domain} 的 MTA-STS 策略尚未公布：https://{name}/.well-known/mta-sts.txt 没有提供它（{seen}）。该名称须指向本服务器，证书须包含它；之后请再次部署。",
    "sts.mx_waits": "在 {until} 之前不会把 {domain} 的 MX 记录改为 {host}：此前发送方可能还记得不含该主机的策略。届时请再次部署。",
    "sts.taken_back": "正在收回 {domain} 的 MTA-STS 策略：发送方可能把先前的策略记到 {until}。在此之前请勿改动其 MX；此后的首次部署会删除其余部分。",
    "sts.guard.unseen": "{host} 的端口 25 没有出示证书。请运行 pmail-deploy verify，并修正它指出的端口 25 的问题。",
    "sts.guard.name": "端口 25 的证书不是给 {host} 的，而是给 {names} 的。请运行 pmail-deploy tls。",
    "sts.guard.untrusted": "{host} 端口 25 的证书不受信任（{reason}）。请使用公共机构签发的证书，并在文件中带上证书链（tls）。",
    "sts.guard.expires": "{host} 端口 25 的证书只剩 {days} 天。请运行 pmail-deploy tls，并解决妨碍续签的问题。",
    "sts.guard.stale": "{host} 的端口 25 出示的证书与已安装的不同。请运行部署：它会重启尚未读取证书的服务。",
}
