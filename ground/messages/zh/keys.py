"""DKIM 密钥。"""

TEXTS = {
    "keys.name": "DKIM 密钥 {selector}._domainkey.{domain}",
    "keys.there": "{path} 已存在",
    "keys.plain": "rsa 2048",
    "keys.encrypted": "rsa 2048，已加密",
    "keys.exists": "{path} 已存在；密钥从不被覆盖",
    "keys.exposed": "{path} 可被他人读取或更改。请运行：chmod {mode} {path}",
    "keys.not_ours": "{path} 属于他人，对方可以更改它。请运行：{remedy}",
    "keys.locked": "{path} 已加密，而 PMAIL_KEYS_PASSPHRASE 缺失或不正确",
    "keys.damaged": "{path} 中没有可用的密钥：{reason}。请从备份恢复；若它在密钥库中，也可将其移走：密钥会从正在用它签名的主机取回。",
    "keys.form.pem": "没有 PEM 形式的私钥",
    "keys.form.no_rsa": "不是 RSA 密钥：收信方和 PMail 都需要 RSA",
    "keys.form.p_base64": "p= 不是公钥的 base64",
    "keys.form.p_rsa": "p= 不是 RSA 公钥",
    "keys.in_use": "{path} 正在使用，予以保留。",
    "keys.about_damaged": "{path} 已损坏；请删除，它会由密钥重新生成",
    "keys.no_file": "没有密钥文件 {path}",
    "keys.too_short": "{path} 只有 {bits} 位；收件方拒绝少于 {least} 位的密钥",
    "keys.different": "{source} 与在用的 {path} 不是同一密钥。请去掉 dkim_key_file，或移走已保存的密钥。",
    "keys.not_asked": "{domain}：它的密钥不在本机，也无法向 {who} 询问是否已有密钥。没有生成新密钥。请在其可应答后再运行，或从备份恢复密钥与状态。",
    "keys.lost_fixed": '{selector}._domainkey.{domain}：该记录的私钥既不在本机也不在服务器上，而自行签名的服务器（outbound = "direct"）只认这一个 selector。'
    "请从备份恢复密钥；或在服务商处删除该记录，待其 TTL 过后再运行，届时会生成新密钥。若它是您另一台服务器的密钥，请用 dkim_key_file 指明。"
    '使用 outbound = "relay" 时 selector 不受限，无需删除任何记录。',
    "keys.pinned_lost": "{selector}._domainkey.{domain}：清单指定了此 selector（dkim_selector），而其记录的私钥既不在本机也不在服务器上。"
    "请去掉 dkim_selector，新密钥会发布在它旁边；或用 dkim_key_file 指明密钥文件。",
    "keys.given_revoked": "{domain}：dkim_key_file 指明的密钥已在紧急轮换中吊销，不会再用。请去掉 dkim_key_file。",
    "keys.name.turned": "新密钥已丢失的轮换",
    "keys.name.wiped": "{domain} 不再需要的 DKIM 密钥",
    "keys.taken_back": "{domain}：本机已没有该密钥；服务器上有，已从那里取回",
    "keys.replaced": "{domain}：{lost} 的密钥已丢失，或不可再用。{new} 会发布在它旁边，所有服务器都显示后即用它签名；{lost} 的记录不会换成别的密钥",
    "keys.mended": "{domain}：实际签名的密钥是 {selector}，而不是 keys/store 中记下的 {current}；已更正",
    "keys.not_read": "{host}：无法读取 {path}",
    "keys.turned": "{domain}：轮换的新密钥在用于签名之前已丢失；轮换退回旧密钥",
    "keys.wiped": "{path}：已无人用它签名，其记录也已不在",
    "keys.all_named": "本机的每个私钥都需要",
}
