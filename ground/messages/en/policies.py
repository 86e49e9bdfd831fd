"""Checks of what domains say of themselves: to mail programs, and to those who send to them."""

TEXTS = {
    "checks.title.cli_02": "SRV records lead mail programs here",
    "checks.title.rpt_01": "senders know where to report failures of TLS",
    "checks.srv.none": "there is no such record",
    "checks.srv.not_said": "not offered, and nothing says otherwise",
    "checks.srv.not_offered": "says that the service is not offered",
    "checks.srv.elsewhere": "this server does not offer the service; the record leads elsewhere: {found}",
    "checks.srv.right": "leads to {host} port {port}",
    "checks.srv.mixed": "leads here and elsewhere: {found}",
    "checks.srv.wrong": "leads elsewhere: {found}",
    "checks.srv.remedy": "publish this record and no other beside it: {owner} SRV {record}",
    "checks.rpt.count": "TLS-RPT records instead of one: {count}",
    "checks.rpt.syntax": "senders ignore the record, which is not valid at {part!r}",
    "checks.rpt.outside": "reports go to {uris}",
    "checks.rpt.inside": "reports go to {uris}; while mail to this domain fails, they do not arrive: an address elsewhere would get them",
    "checks.rpt.remedy": "publish exactly one: {owner} TXT {record}",
}
