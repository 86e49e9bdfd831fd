"""Order of a run: begin, barrier, end."""

TEXTS = {
    "flow.name.begin": "Begin",
    "flow.name.preflight_done": "Every host is fit",
    "flow.name.keys_ready": "Keys are there",
    "flow.name.dns_published": "DNS is published",
    "flow.name.dns_visible": "DNS is visible everywhere",
    "flow.name.servers_up": "Every server is up",
    "flow.name.mx_published": "MX is published",
    "flow.name.end": "End",
    "flow.begun": "the order of the run is kept",
    "flow.passed": "every host has arrived",
    "flow.ended": "nothing was left open",
    "flow.split_run": "{option} would let one host run ahead of the others, and mail would be sent "
    "to a server that is not up yet. Run again without {option}.",
    "flow.busy": "another run is at work on this site (it holds {path}). Wait until it has ended, "
    "then run again.",
    "flow.host_failed": "stopped here because {hosts} failed. What was done so far stays; mend "
    "what is said above and run the same command again.",
    "flow.host_late": "stopped here because {hosts} has not done the steps above yet. Run without "
    "--serial and --no-wait.",
    "flow.unsolved": "The run is through, but this was left as it is and needs you:",
    "flow.broken_inventory": "the inventory cannot be read, nothing was changed: {path}, line {line}: {reason}",
    "flow.no_such_host": "{option} {pattern} names no host and no group of the inventory; its hosts are: {known}. Nothing was changed.",
    "flow.nothing_to_do": "{verb} has nothing to do on the hosts that --limit and --exclude leave; it is for those in {groups}. Nothing was changed or checked.",
    "flow.left_out": "--limit or --exclude leaves {names} out, and this run is asked to do something there. Nothing was changed. Run again without, or take in what belongs to {names}.",
    "flow.no_dry": "{verb}: this changes nothing, and with --dry it would show nothing either; run it without --dry",
    "flow.dry_yes": "with -y (or PYINFRA_YES) nothing is compared, so --dry would show nothing; leave it out: --dry changes nothing anyway",
    "flow.no_answer": "nobody is there to answer the question above, so the run stops here and nothing was changed. Run again with -y to be asked nothing.",
    "flow.no_answer_to_failure": "nobody is there to say whether to go on without what has failed, so the run stops here. Mend what is said above, then run again.",
    "flow.said_no": "the question was not answered with Enter alone, so the run stopped there.",
    "flow.stopped": "somebody stopped the run (Ctrl-C).",
    "flow.keys_changed": "meanwhile another run has put another DKIM key in use for {domains}, so what was prepared here is of the past. Nothing was changed; run again.",
    "flow.no_verb": "none of pmail-deploy's deploy files was in this run, so nothing of it is known.",
    "flow.no_config": "pyinfra has not read our config.py: add --config {folder}/config.py",
    "flow.no_outcome": "the outcome cannot be written to {path} (PMAIL_OUTCOME): {reason}. Nothing was changed.",
    "flow.refused": "Nothing was changed.",
    "flow.refused_on": "{host}: {reason}",
    "flow.not_asked": "it could not be looked at: {reason}",
    "flow.to_compare": "to compare",
    "flow.not_compared": "{host} is not reached, so what it knows of this site was not compared: {reason}",
}
