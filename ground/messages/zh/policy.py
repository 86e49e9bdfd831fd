"""DNS 凭据所需的最小权限。"""

TEXTS = {
    "policy.name": "最小权限",
    "policy.shown": "已显示",
    "policy.cloudflare": "{zone}：API 令牌，对此区域具有 Zone > DNS > Edit 和 Zone > Zone > Read（仅 --dry：Zone > DNS > Read 和 Zone > Zone > Read）",
    "policy.dnspod": "{zone}：CAM 策略，对此域名允许 dnspod:DescribeDomain、DescribePackageDetail、DescribeRecordList、CreateRecord、ModifyRecord、DeleteRecord（仅 --dry：三个 Describe 操作）",
    "policy.powerdns": "{zone}：服务器的 API 密钥；PowerDNS 没有更小权限的密钥，因此请让 API 只能从本机访问",
    "policy.rfc2136": "{zone}：可更新此区域的 TSIG 密钥（BIND：update-policy {{ grant KEY zonesub A AAAA MX TXT SRV CAA; }}），并可传送或查询该区域（仅 --dry：传送或查询）",
    "policy.zonefile": "{zone}：无需凭据；区域文件须可由您写入",
    "policy.manual": "{zone}：无需凭据；由您自己录入记录",
    "policy.octodns": "{zone}：按 octoDNS 软件包自身文档的要求，并在服务商允许时仅限此区域",
}
