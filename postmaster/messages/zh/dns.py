"""DNS：计划、冲突、服务商错误、传播。"""

TEXTS = {
    "dns.there": "现有：",
    "dns.wanted": "需要：",
    "dns.as_wished": "所有记录均符合要求",
    "dns.blocked": "本区域未写入任何内容：标有 ! 的记录挡住了服务器必需的记录",
    "dns.visible": "所有权威服务器此前均已显示这些记录",
    "dns.not_visible": "以上记录尚未在每台权威服务器上正确显示。已发布的内容保留。"
    "请检查所列服务器，稍后重新运行。",
    "dns.time_left": "正在等待所有权威服务器，剩余 {left}",
    "dns.made_by_this_run": "{owner} {ttl} IN TXT（密钥由本次运行生成）",
    "dns.conflict.foreign": "{key}：已有他人的记录，未作改动。如允许替换，请把 '{key}' 加入该区域的 "
    "dns_replace；旧记录会保存在 state/backups/。",
    "dns.conflict.edited": "{key}：我们写入的内容已被他人修改，未作改动。如允许替换，请把 '{key}' "
    "加入该区域的 dns_replace。",
    "dns.conflict.alias": "{key}：该名称是别名（{found}），不能再有其他记录。请删除别名或改用其他名称。",
    "dns.conflict.delegated": "{key}：该名称位于 {found} 之下，属于另一个区域。请把该区域加入清单。",
    "dns.conflict.dname": "{key}：该名称位于 {found} 之下，不能有记录。",
    "dns.conflict.opaque": "{key}：服务商的这条记录是特殊记录（别名、代理、加权或分线路），未作改动。"
    "请改为普通记录。",
    "dns.conflict.too_long": "{key}：值长 {length} 字节，该服务商最多接受 {limit}。",
    "dns.note.left_alone": "{key}：已有 {found}，未作改动",
    "dns.note.hides_wildcard": "{key}：创建后，{wildcard} 不再对该名称生效",
    "dns.note.no_longer_wanted": "{key}：由以前的运行写入，现已不再需要；未作改动，确认无人使用后请删除",
    "dns.reason.undo": "从备份恢复",
    "dns.ledger.damaged": "{path} 已损坏。请从备份恢复，或将其移走：届时已正确的记录会被重新登记。",
    "dns.ledger.busy": "另一个运行正在发布 {zone}。请等它结束。",
    "dns.backup.damaged": "{path} 不是记录备份。",
    "dns.error.no_soa": "{zone}：服务商没有给出 SOA 记录，区域似乎为空或已损坏。未写入任何内容。",
    "dns.error.not_written": "{key}：服务器接受了修改却没有显示出来。密钥可能权限不足，"
    "或有其他记录（CNAME？）挡住。",
    "dns.error.options": "该区域的服务商设置有误：{reasons}",
    "dns.error.secret_file": "无法读取密钥文件 {path}：{reason}",
    "dns.error.secret_form": "TSIG 密钥 {key} 的内容不是 base64",
    "dns.error.stale": "{keys}：在我们操作期间被他人修改。未写入任何内容，请重新运行。",
    "dns.error.refused": "{server} 拒绝：TSIG 密钥 {key} 无权在 {zone} 中执行此操作。"
    "请授予该密钥更新和传送（或查询）该区域的权限。",
    "dns.error.not_served": "{server} 不是 {zone} 对 TSIG 密钥 {key} 的主服务器（{rcode}）。"
    "请检查 dns_server 和区域名称。",
    "dns.error.rcode": "{server} 对 {zone} 返回 {rcode}（TSIG 密钥 {key}）。",
    "dns.error.timeout": "{server}（{address}）端口 {port}/TCP 在 {seconds} 秒内没有应答。"
    "服务器是否正确、是否在运行、端口是否开放？",
    "dns.error.unreachable": "无法连接 {server}（{address}）端口 {port}/TCP：{reason}",
    "dns.error.server_name": "找不到名称服务器 {server}：{reason}",
    "dns.error.junk": "{server}（{address}）端口 {port} 没有给出有效的 DNS 应答（{reason}）。",
    "dns.error.tsig_secret": "{server} 不接受 TSIG 密钥 {key} 对 {zone} 的签名：密钥内容有误。",
    "dns.error.tsig_name": "{server} 不认识用于 {zone} 的 TSIG 密钥 {key} 或其算法：请检查 "
    "dns_key_name 和 dns_key_algorithm。",
    "dns.error.tsig_clock": "{server} 因时间问题拒绝用于 {zone} 的 TSIG 密钥 {key}："
    "本机与服务器时钟相差超过 5 分钟。请校准时钟。",
    "dns.error.tsig_reply": "{server} 应答的 TSIG 签名与密钥 {key} 不符（{zone}）。",
    "dns.error.tsig_unsigned": "{server} 对使用 TSIG 密钥 {key} 的请求给出了未签名的应答："
    "密钥名称、内容、算法或时钟有误，或它不提供 {zone}。",
    "dns.error.reload": "{command} 失败，{path} 已恢复原状：{reason}",
    "dns.error.no_zone_file": "没有区域文件 {path}",
    "dns.error.zone_file": "无法读写 {path}：{reason}",
    "dns.error.bad_zone_file": "{path} 不是 {zone} 的可用区域文件：{reason}",
    "dns.error.no_delegation": "从 {resolvers} 看，{zone} 没有名称服务器。"
    "域名是否已注册，并已委派给您的 DNS 服务商？",
    "dns.error.no_address": "{zone} 的名称服务器都没有地址：{servers}",
    "dns.option.missing": "缺少 {option}（dns_provider {provider} 需要）",
    "dns.option.one_of": "请在 {options} 中恰好给出一个（dns_provider {provider} 需要）",
    "dns.option.choice": "{option} 必须是 {choices} 之一：{value!r}",
    "dns.option.port": "{option} 必须是端口号：{value!r}",
    "dns.option.no_file": "{option}：没有文件 {value}",
    "dns.option.no_variable": "{option}：环境变量 {value} 未设置",
    "dns.verdict.all_ok": "{server}（{address}）：正确",
    "dns.verdict.ok": "{server}（{address}）：{key} 正确",
    "dns.verdict.stale": "{server}（{address}）：{key} 的值不同",
    "dns.verdict.nodata": "{server}（{address}）：尚无 {key}",
    "dns.verdict.nxdomain": "{server}（{address}）：{key} 的名称尚不存在",
    "dns.verdict.cname": "{server}（{address}）：{key} 的名称是别名",
    "dns.verdict.lame": "{server}（{address}）不是权威服务器（查询 {key}）",
    "dns.verdict.refused": "{server}（{address}）拒绝应答（查询 {key}）",
    "dns.verdict.servfail": "{server}（{address}）出错（查询 {key}）",
    "dns.verdict.timeout": "{server}（{address}）没有应答（查询 {key}）",
    "dns.verdict.unreachable": "无法连接 {server}（{address}）（查询 {key}）",
    "dns.name.publish": "发布记录",
    "dns.name.publish_mx": "发布 MX",
    "dns.name.wait": "等待所有名称服务器显示记录",
    "dns.name.undo": "恢复记录",
}
