"""主机所记住的站点信息。"""

TEXTS = {
    "manifest.name": "主机记住其站点",
    "manifest.right": "{path} 与实际一致",
    "manifest.damaged": "主机上的 /etc/pmail-deploy/manifest.json 已损坏。请先在主机上将其移走，再运行 pmail-deploy recover，由它重新生成。",
    "manifest.version": "主机上的 /etc/pmail-deploy/manifest.json 由更高版本的 pmail-deploy 写入（格式为 {version}）。请在此处也使用该版本。",
    "manifest.unread": "无法读取主机所记住的站点信息（连接中断？）。请重新运行。",
    "manifest.changed": "{host}：其间另一次运行已从另一份状态副本写入 /etc/pmail-deploy/manifest.json，未被覆盖。请重新运行，届时会说明是谁写入的。",
    "manifest.not_written": "{host}：无法写入 /etc/pmail-deploy/manifest.json，原有内容保持不变：{reason}",
    "state.elsewhere": "{found} 中有本站点的内容，但无论从哪个目录启动，状态与密钥现在都与清单放在一起：{wanted}。未作任何更改。请移过去：{command}（或以 {variable}={found} 保留在原处）。",
    "state.twice": "{found} 与 {wanted} 中都有本站点的内容，而只会使用后者。未作任何更改。请确认哪一份正确，将其放在 {wanted}，并移走另一份。",
    "state.damaged.users": "我们所建账户的记录 {path} 已损坏；已保存为 {aside} 并重新开始。此前由我们建立的账户，即使清单不再列出，也不会再被停用。",
    "state.damaged.reports": "上次运行的报告 {path} 已损坏；已保存为 {aside} 并重新开始。",
    "state.damaged.history": "{path} 中有损坏的行；原文件已保存为 {aside}，并以可读取的行继续。",
    "state.damaged.site": "{path} 已损坏。请将其移走，再运行 pmail-deploy recover，由它从各主机取回其中的内容。",
}
