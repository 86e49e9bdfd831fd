"""The queue."""

TEXTS = {
    "queue.name": "队列",
    "queue.none": "该出站模式没有队列",
    "queue.listed": "{count} 个收件人在等待",
    "queue.empty": "队列为空",
    "queue.now": "现在",
    "queue.why": "{queue}，下次尝试 {next}：{reason}",
    "queue.no_ids": "{action} 需要邮件编号（queue_ids），列表中可见",
    "queue.bad_ids": "不是队列编号：{ids}",
    "queue.unknown": "队列中没有（或已不在）：{ids}",
    "queue.failed": "无法执行 {action}",
    "queue.delivered": "{count} 次投递及尝试",
    "queue.none_delivered": "没有投递或尝试",
    "queue.clear": "明文",
    "queue.forged": "作者是我们的地址，却没有任何证明",
    "queue.kept": "另行保存了 {count} 封邮件",
    "queue.none_kept": "没有另行保存的邮件",
    "queue.unreadable": "无法读取 {host} 的队列：{reason}",
}
