"""MTA-STS policies of our own domains: served, told to senders, taken back."""

TEXTS = {
    "sts.name.served": "MTA-STS policies are served",
    "sts.name.publish": "Publish which MTA-STS policies there are",
    "sts.held": "The MTA-STS policy of {domains} is not enforced yet, only tried (mode testing): {reason}",
    "sts.not_served": "The MTA-STS policy of {domain} is not announced yet: https://{name}/.well-known/mta-sts.txt does not serve it ({seen}). The name has to lead to the server, and the certificate has to have it; then run the deploy again.",
    "sts.mx_waits": "The MX record of {domain} is not changed to {host} before {until}: until then senders may remember a policy that does not name this host. Run the deploy again then.",
    "sts.taken_back": "The MTA-STS policy of {domain} is being taken back: senders may remember the earlier one until {until}. Leave its MX as it is till then; the first deploy after that takes the rest out.",
    "sts.guard.unseen": "port 25 of {host} showed no certificate. Run pmail-deploy verify, and mend what it says of port 25.",
    "sts.guard.name": "the certificate at port 25 is not for {host}, but for {names}. Run pmail-deploy tls.",
    "sts.guard.untrusted": "the certificate at port 25 of {host} is not trusted ({reason}). Get one from a public authority, with the chain in the file (tls).",
    "sts.guard.expires": "the certificate at port 25 of {host} has only {days} days left. Run pmail-deploy tls, and mend what keeps it from being renewed.",
    "sts.guard.stale": "port 25 of {host} shows another certificate than the one that is installed. Run the deploy: it restarts what has not read it.",
}
