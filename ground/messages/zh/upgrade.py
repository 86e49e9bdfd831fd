"""换用另一个 PMail。"""

TEXTS = {
    "upgrade.name": "切换到所需的 PMail",
    "upgrade.name.program": "切换 PMail 的程序",
    "upgrade.none": "PMail 已是所需的版本",
    "upgrade.switch": "切换到 {binary}：先在数据库副本上试运行",
    "upgrade.switched": "PMail {version} 正在运行；之前的数据库保存在 /var/lib/pmail-deploy/before",
    "upgrade.refused": "新的 PMail 在数据库副本上无法工作。未做任何切换，旧的仍在运行。它的输出：",
    "upgrade.back": "新的 PMail 没有就绪：旧的 PMail 及其数据库已恢复并在运行。新的输出：",
    "upgrade.stuck": "新的 PMail 没有就绪；旧的及其数据库已恢复，但旧的也没有就绪。请在主机上查看 `journalctl -u pmail`。输出：",
    "upgrade.unknown": "没有收到切换的结果。它会自行完成或退回：请过几分钟再运行",
    "upgrade.reason.spoiled": "它损坏了数据库，或丢失了其中的内容",
    "upgrade.reason.unnamed": "它没有把版本写入数据库：它是 PMail 吗？",
    "upgrade.reason.no_hold": "nft 无法在此期间暂停收信",
    "upgrade.reason.not_copied": "无法复制数据库",
    "upgrade.reason.not_put_back": "旧的数据库无法放回：它在 /var/lib/pmail-deploy/before",
    "upgrade.reason.interrupted": "切换被中断",
}
