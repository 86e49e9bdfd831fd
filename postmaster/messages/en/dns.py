"""DNS: plans, conflicts, providers' errors, propagation."""

TEXTS = {
    "dns.there": "there:",
    "dns.wanted": "wanted:",
    "dns.as_wished": "all records are as they should be",
    "dns.blocked": "nothing was written in this zone: what is marked with ! is in the way of records "
    "that the server cannot do without",
    "dns.not_adopted": "the records are right, but the ledger could not be written",
    "dns.visible": "every authoritative server has shown these records already",
    "dns.not_visible": "the records above are not right on every authoritative server yet. What was "
    "published stays. Look at the servers named, wait, and run again.",
    "dns.time_left": "waiting for all authoritative servers, {left} left",
    "dns.made_by_this_run": "{owner} {ttl} IN TXT (the key is made by this run)",
    "dns.conflict.foreign": "{key}: there is a record of somebody else. It was left alone. If ours "
    "may replace it, add '{key}' to dns_replace of the zone; the old one is kept in state/backups/.",
    "dns.conflict.edited": "{key}: somebody has changed what we wrote. It was left alone. If ours may "
    "replace it, add '{key}' to dns_replace of the zone.",
    "dns.conflict.alias": "{key}: the name is an alias ({found}), so it can have no other record. "
    "Remove the alias, or choose another name.",
    "dns.conflict.delegated": "{key}: the name lies below {found}, that is in another zone. Add "
    "that zone to the inventory.",
    "dns.conflict.dname": "{key}: the name lies below {found}, so it can have no record.",
    "dns.conflict.opaque": "{key}: the provider's record is special (alias, proxied, weighted or for "
    "some clients only) and was left alone. Make it a plain record.",
    "dns.conflict.too_long": "{key}: the value has {length} octets, this provider takes {limit}.",
    "dns.conflict.mx_preference": "{key}: this provider takes an MX preference from {low} to {high}, not {preference}.",
    "dns.conflict.txt_octets": "{key}: a TXT record at this provider cannot have {found}.",
    "dns.conflict.txt_ends": "{key}: this provider drops spaces at the ends of a TXT record, and takes no empty one.",
    "dns.note.left_alone": "{key}: {found} is there already and was left alone",
    "dns.note.hides_wildcard": "{key}: creating it ends what {wildcard} answered for this name",
    "dns.note.no_longer_wanted": "{key}: written by an earlier run and no longer wanted; it was left "
    "alone, delete it when nothing uses it",
    "dns.spf.several": "{key}: there are {count} SPF records, receivers refuse that (RFC 7208 section 4.5). Make one of them.",
    "dns.spf.syntax": "{key}: the SPF record there is not valid at {term!r}. Mend it first.",
    "dns.spf.redirect": "{key}: the SPF record there is kept elsewhere ({term}). Add our address there, or replace it.",
    "dns.spf.parked": "{key}: the SPF record there says that the domain sends no mail (v=spf1 -all). If that is over, "
    "delete it, or add '{key}' to dns_replace.",
    "dns.spf.lookups": "{key}: the SPF record there needs {count} DNS lookups, receivers do at most 10. Make it shorter first.",
    "dns.reason.addresses": "where the server's names point",
    "dns.reason.apex": "the domain itself, as greeting name",
    "dns.reason.spf": "who may send for the domain",
    "dns.reason.dkim": "the key that signatures are checked with",
    "dns.reason.dmarc": "what to do with mail that is not ours, and where to report",
    "dns.reason.srv": "how mail programs find the server",
    "dns.reason.caa": "who may issue certificates",
    "dns.reason.mx": "where mail for the domain goes",
    "dns.reason.acme": "proof for the certificate authority",
    "dns.reason.undo": "put back from a backup",
    "dns.ledger.damaged": "{path} is damaged. Put it back from a backup, or move it away: then every "
    "record that is already right is adopted.",
    "dns.ledger.busy": "another run is publishing {zone}. Wait until it has ended.",
    "dns.backup.damaged": "{path} is no backup of records.",
    "dns.error.no_soa": "{zone}: the provider shows no SOA record, so the zone looks empty or broken. "
    "Nothing was written.",
    "dns.error.not_written": "{key}: the server accepted the change but does not show it. The key may "
    "lack the right, or another record (a CNAME?) stands in the way.",
    "dns.error.options": "the zone's provider settings are wrong: {reasons}",
    "dns.error.secret_file": "the secret's file {path} cannot be read: {reason}",
    "dns.error.secret_form": "the secret of TSIG key {key} is no base64",
    "dns.error.partial": "{cause} Before that, {done} of {total} records were written; the next run "
    "goes on from there.",
    "dns.error.stale": "{keys}: changed by somebody else while we were at work. Nothing was written; "
    "run again.",
    "dns.error.refused": "{server} refused: TSIG key {key} may not do this in {zone}. Give the key "
    "the right to update and to transfer (or query) the zone.",
    "dns.error.not_served": "{server} does not serve {zone} as a primary for TSIG key {key} "
    "({rcode}). Check dns_server and the zone's name.",
    "dns.error.rcode": "{server} answered {rcode} for {zone} (TSIG key {key}).",
    "dns.error.timeout": "{server} ({address}) port {port}/TCP does not answer within {seconds} s. "
    "Is it the right server, is it up, is the port open?",
    "dns.error.unreachable": "{server} ({address}) port {port}/TCP cannot be reached: {reason}",
    "dns.error.server_name": "the name server {server} cannot be found: {reason}",
    "dns.error.junk": "{server} ({address}) port {port} gave no sensible DNS answer ({reason}).",
    "dns.error.tsig_secret": "{server} does not accept the signature of TSIG key {key} for {zone}: "
    "the secret is wrong.",
    "dns.error.tsig_name": "{server} does not know TSIG key {key} with this algorithm for {zone}: "
    "check dns_key_name and dns_key_algorithm.",
    "dns.error.tsig_clock": "{server} refuses TSIG key {key} for {zone} because of the time: the "
    "clocks of this machine and of the server differ by more than 5 minutes. Set the clock.",
    "dns.error.tsig_reply": "{server} answered with a TSIG signature that does not fit key {key} "
    "({zone}).",
    "dns.error.tsig_unsigned": "{server} answered a request with TSIG key {key} unsigned: key name, "
    "secret, algorithm or clock is wrong, or it does not serve {zone}.",
    "dns.error.reload": "{command} failed, so {path} was put back as it was: {reason}",
    "dns.error.no_zone_file": "there is no zone file {path}",
    "dns.error.zone_file": "{path} cannot be read or written: {reason}",
    "dns.error.bad_zone_file": "{path} is no usable zone file of {zone}: {reason}",
    "dns.error.no_delegation": "{zone} has no name servers as seen from {resolvers}. Is the domain "
    "registered, and delegated to your DNS provider?",
    "dns.error.no_address": "none of the name servers of {zone} has an address: {servers}",
    "dns.option.missing": "{option} is missing (dns_provider {provider} needs it)",
    "dns.option.one_of": "give exactly one of {options} (dns_provider {provider} needs it)",
    "dns.option.choice": "{option} must be one of {choices}: {value!r}",
    "dns.option.port": "{option} must be a port number: {value!r}",
    "dns.option.no_file": "{option}: there is no file {value}",
    "dns.option.no_variable": "{option}: the environment variable {value} is not set",
    "dns.verdict.all_ok": "{server} ({address}): right",
    "dns.verdict.ok": "{server} ({address}): {key} is right",
    "dns.verdict.stale": "{server} ({address}): {key} has another value",
    "dns.verdict.nodata": "{server} ({address}): {key} is not there yet",
    "dns.verdict.nxdomain": "{server} ({address}): the name of {key} does not exist yet",
    "dns.verdict.cname": "{server} ({address}): the name of {key} is an alias",
    "dns.verdict.lame": "{server} ({address}) is not authoritative (asked for {key})",
    "dns.verdict.refused": "{server} ({address}) refuses to answer (asked for {key})",
    "dns.verdict.servfail": "{server} ({address}) fails (asked for {key})",
    "dns.verdict.timeout": "{server} ({address}) does not answer (asked for {key})",
    "dns.verdict.unreachable": "{server} ({address}) cannot be reached (asked for {key})",
    "dns.name.publish": "Publish records",
    "dns.name.publish_mx": "Publish MX",
    "dns.name.wait": "Wait until every name server shows them",
    "dns.name.undo": "Put records back",
    "dns.name.retire": "Take out key records that are used no more",
    "dns.not_retired_yet": "the keys that replace them are not in use everywhere yet",
    "dns.none_retired": "none is due",
    "dns.note.retiring": "{key}: signs nothing any more; receivers may still need it for mail on its way, so it is taken out after {day}",
    "dns.reason.retired": "signs nothing any more",
    "dns.option.url": "{option} must be a URL: {value!r}",
    "dns.error.http_timeout": "{url} does not answer within {seconds} s. Is it the right URL, is it up, is the port open?",
    "dns.error.http_unreachable": "{url} cannot be reached: {reason}. Check the URL and the network, and run again: whether something was written is read then.",
    "dns.error.http_failed": "{url} failed ({status}): {reason}. Run again later: whether something was written is read then.",
    "dns.error.http_junk": "{url} gave an answer that makes no sense ({reason}). Is it the API's URL?",
    "dns.error.http_rate": "{url} wants fewer calls: {reason}. Run again later.",
    "dns.error.http_rejected": "{url} refuses the change in {zone}: {reason}. Mend what it names, and run again.",
    "dns.error.alidns_key": "Alibaba Cloud refuses the access key ({reason}). Check alidns_key_id, the secret that belongs to it, and this machine's clock.",
    "dns.error.alidns_rights": "The access key may not do {action} on {zone} ({reason}). Give its RAM user this action.",
    "dns.error.alidns_zone": "Alibaba Cloud DNS shows no zone {zone} to this access key ({reason}). Check the spelling, the account, and alidns_endpoint.",
    "dns.error.powerdns_key": "{url} refuses the API key ({status}): {reason}. Check powerdns_key_env or powerdns_key_file; the server's api-key and webserver-allow-from must fit.",
    "dns.error.powerdns_zone": "{url} has no zone {zone}. Check the zone's name and powerdns_server_id; a zone is never made here.",
    "dns.error.cloudflare_zone": "Cloudflare shows no zone {zone} to this token. Give the token Zone > DNS > Edit and Zone > Zone > Read for this zone, or set cloudflare_zone_id.",
    "dns.error.cloudflare_pending": "{zone} is not live at Cloudflare yet. Set these name servers at your registrar: {servers}",
    "dns.error.cloudflare_several": "Cloudflare has {count} zones {zone} for this token: set cloudflare_zone_id",
    "dns.error.cloudflare_rate": "Cloudflare blocks this user for {seconds} s: too many requests in 5 minutes ({reason}). Nothing more was sent; run again later.",
    "dns.error.cloudflare_token": "Cloudflare refuses the token for {zone} ({reason}). It needs the permissions Zone > DNS > Edit and Zone > Zone > Read for this zone.",
    "dns.error.route53_zone": "Route 53 has no public hosted zone {zone} in this account. Check the credentials' account, or set route53_zone_id; a zone is never made here.",
    "dns.error.route53_several": "Route 53 has {count} hosted zones {zone}, and not exactly one of them is what the domain is delegated to: set route53_zone_id",
    "dns.error.route53_credentials": "AWS credentials are missing ({reason}). Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or route53_profile.",
    "dns.error.route53_rights": "AWS refuses these credentials for {zone} ({reason}). They need route53:ListHostedZonesByName, GetHostedZone, ListResourceRecordSets and ChangeResourceRecordSets.",
}
