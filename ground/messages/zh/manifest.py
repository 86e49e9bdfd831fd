"""主机所记住的站点信息。"""

TEXTS = {
    "manifest.name": "主机记住其站点",
    "manifest.right": "{path} 与实际一致",
    "manifest.damaged": "主机上的 /etc/pmail-deploy/manifest.json 已损坏。请先在主机上将其移走，再运行 pmail-deploy recover，由它重新生成。",
    "manifest.version": "主机上的 /etc/pmail-deploy/manifest.json 由更高版本的 pmail-deploy 写入（格式为 {version}）。请在此处也使用该版本。",
    "manifest.unread": "无法读取主机所记住的站点信息（连接中断？）。请重新运行。",
    "manifest.changed": "{host}：其间另一次运行已从另一份状态副本写入 /etc/pmail-deploy/manifest.json，未被覆盖。请重新运行，届时会说明是谁写入的。",
    "manifest.not_written": "{host}：无法写入 /etc/pmail-deploy/manifest.json，原有内容保持不变：{reason}",
    "state.damaged.site": "{path} 已损坏。请将其移走，再运行 pmail-deploy recover，由它从各主机取回其中的内容。",
}
