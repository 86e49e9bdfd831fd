"""Notices to senders about their mail (bounce(5)); `$` names are Postfix's."""

TEXTS = {
    "notice.failure.subject": "您的邮件未能送达",
    "notice.failure.body": """这是 $myhostname 的邮件系统。

您的邮件未能送达下列一个或多个收件人。对方服务器的回复见下文，
原邮件附在后面。""",
    "notice.delay.subject": "您的邮件有延迟，暂时无需处理",
    "notice.delay.body": """这是 $myhostname 的邮件系统。

#### 这只是提醒，您无需重新发送邮件。 ####

您的邮件超过 $delay_warning_time_hours 小时仍未送达。系统会继续重试，
直到邮件满 $maximal_queue_lifetime_days 天。对方服务器的回复见下文。""",
    "notice.success.subject": "您的邮件已送达",
    "notice.success.body": """这是 $myhostname 的邮件系统。

您的邮件已送达下列收件人。""",
    "notice.verify.subject": "地址检查报告",
    "notice.verify.body": """这是 $myhostname 的邮件系统。

这是您要求的报告。""",
}
