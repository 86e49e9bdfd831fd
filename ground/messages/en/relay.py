"""Outbound by Postfix and OpenDKIM."""

TEXTS = {
    "relay.name.resolver_packages": "Install a validating resolver",
    "relay.name.resolver": "Configure the validating resolver",
    "relay.name.mta_sts": "Install the MTA-STS resolver",
    "relay.name.signer": "Configure the signer",
    "relay.name.postfix": "Configure Postfix",
    "relay.name.running": "Start the relay and prove it by signed messages",
    "relay.name.unused_keys": "Private keys that are used no more",
    "relay.name.retired": "Relay of an earlier outbound mode",
    "relay.running": "signer and Postfix run with what is on the disk",
    "relay.restart": "(re)load signer and Postfix, prove signatures",
    "relay.not_started": "signer or Postfix did not start. Their last words:",
    "relay.not_signed": "a message through the relay was not signed with {keys}. The signer's last words:",
    "relay.proof_late": "it did not arrive within {seconds} s",
    "relay.not_proven": "{domain}: selector {selector} was not seen on all authoritative servers yet, so it is not used. Run the deploy without --limit.",
    "relay.no_ipv6": "{address} has no PTR name that points back to it, so mail leaves over IPv4 only. Set its PTR to {host} to use IPv6.",
    "relay.not_there": "there is none",
    "relay.still_waiting": "messages that still wait in Postfix's queue: {count}; it goes on trying, and is stopped by the first run that finds the queue empty",
    "relay.stopped": "Postfix and OpenDKIM are stopped, their queue is empty",
    "relay.not_stopped": "Postfix and OpenDKIM could not be stopped",
    "relay.password": "{smarthost}: {seen}; {remedy}",
}
