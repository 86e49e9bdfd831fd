"""运行顺序：开始、等待、结束。"""

TEXTS = {
    "flow.name.begin": "开始",
    "flow.name.preflight_done": "所有主机检查合格",
    "flow.name.keys_ready": "密钥已就绪",
    "flow.name.dns_published": "DNS 已发布",
    "flow.name.dns_visible": "DNS 在各处均已可见",
    "flow.name.servers_up": "所有服务器已启动",
    "flow.name.mx_published": "MX 已发布",
    "flow.name.end": "结束",
    "flow.begun": "运行顺序有保证",
    "flow.passed": "所有主机均已到达",
    "flow.ended": "没有遗留问题",
    "flow.split_run": "{option} 会让某台主机抢先运行，邮件就会被投递到尚未启动的服务器。"
    "请去掉 {option} 重新运行。",
    "flow.busy": "本站点已有另一个运行（它持有锁 {path}）。请等它结束后再运行。",
    "flow.host_failed": "由于 {hosts} 失败，到此停止。已完成的部分保留；"
    "请按上文提示修复后重新运行同一命令。",
    "flow.host_late": "由于 {hosts} 尚未完成前面的步骤，到此停止。"
    "请不要使用 --serial 和 --no-wait。",
    "flow.unsolved": "运行已完成，但以下内容保持原样，需要您处理：",
    "flow.broken_inventory": "无法读取清单，未作任何改动：{path} 第 {line} 行：{reason}",
    "flow.no_such_host": "{option} {pattern} 不是清单中的主机或组；清单中的主机有：{known}。未作任何改动。",
    "flow.nothing_to_do": "{verb} 在 --limit 和 --exclude 所留下的主机上无事可做；它用于 {groups} 中的主机。未作任何改动或检查。",
    "flow.left_out": "--limit 或 --exclude 排除了 {names}，而本次运行正是要在那里操作。未作任何改动。请去掉该选项，或把属于 {names} 的主机也包括进来，再重新运行。",
    "flow.no_dry": "{verb}：此项不作任何改动，加上 --dry 也就什么都不会显示；请去掉 --dry 运行",
    "flow.dry_yes": "加上 -y（或设了 PYINFRA_YES）就不作比较，--dry 也就什么都不会显示；请去掉它：--dry 本来就不作任何改动",
    "flow.no_answer": "没有人回答上面的问题，运行到此停止，未作任何改动。请加 -y 重新运行，则不再询问。",
    "flow.no_answer_to_failure": "没有人回答是否撇开失败的部分继续，运行到此停止。请按上文提示修复后重新运行。",
    "flow.said_no": "对问题的回答不是单按回车，运行到此停止。",
    "flow.stopped": "有人中止了运行（Ctrl-C）。",
    "flow.keys_changed": "其间另一个运行已让 {domains} 改用另一个 DKIM 密钥，此前准备的内容已过时。未作任何改动；请重新运行。",
    "flow.no_verb": "本次运行不含 pmail-deploy 的任何部署文件，因此对它一无所知。",
    "flow.no_config": "pyinfra 没有读取我们的 config.py：请加 --config {folder}/config.py",
    "flow.no_outcome": "无法把结果写入 {path}（PMAIL_OUTCOME）：{reason}。未作任何改动。",
}
