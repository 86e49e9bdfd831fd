"""Notices to senders about their mail (bounce(5)); `$` names are Postfix's."""

TEXTS = {
    "notice.failure.subject": "Your message was not delivered",
    "notice.failure.body": """This is the mail system at $myhostname.

Your message could not be delivered to one or more recipients. What the
receiving server said is below; your message is attached.""",
    "notice.delay.subject": "Your message is delayed, nothing to do yet",
    "notice.delay.body": """This is the mail system at $myhostname.

#### THIS IS ONLY A WARNING. YOU NEED NOT SEND YOUR MESSAGE AGAIN. ####

Your message could not be delivered for more than $delay_warning_time_hours h.
It is tried again until it is $maximal_queue_lifetime_days d old. What the
receiving server said is below.""",
    "notice.success.subject": "Your message was delivered",
    "notice.success.body": """This is the mail system at $myhostname.

Your message was delivered to the recipients below.""",
    "notice.verify.subject": "Report on an address",
    "notice.verify.body": """This is the mail system at $myhostname.

This is the report that you asked for.""",
}
