"""The least rights that DNS credentials need."""

TEXTS = {
    "policy.name": "The least rights",
    "policy.shown": "shown",
    "policy.cloudflare": "{zone}: an API token with Zone > DNS > Edit and Zone > Zone > Read for this zone (for --dry alone: Zone > DNS > Read and Zone > Zone > Read)",
    "policy.dnspod": "{zone}: a CAM policy that allows dnspod:DescribeDomain, DescribePackageDetail, DescribeRecordList, CreateRecord, ModifyRecord, DeleteRecord for this domain (for --dry alone: the three Describe actions)",
    "policy.powerdns": "{zone}: the server's API key; PowerDNS knows no lesser one, so keep the API where only this machine reaches it",
    "policy.rfc2136": "{zone}: a TSIG key that may update this zone (BIND: update-policy {{ grant KEY zonesub A AAAA MX TXT SRV CAA; }}) and transfer or query it (for --dry alone: transfer or query)",
    "policy.zonefile": "{zone}: nobody is asked; the zone file must be writable by you",
    "policy.manual": "{zone}: nobody is asked; you enter the records yourself",
    "policy.octodns": "{zone}: what the octoDNS package's own documentation asks for, for this zone only where the provider can limit it",
}
