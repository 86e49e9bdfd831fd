"""Another PMail in the place of the one that runs."""

TEXTS = {
    "upgrade.name": "Switch to the wanted PMail",
    "upgrade.name.program": "What switches from one PMail to another",
    "upgrade.none": "PMail is the wanted one",
    "upgrade.switch": "switch to {binary}: on a copy of the database first",
    "upgrade.switched": "PMail {version} runs; the database of before is kept in /var/lib/pmail-deploy/before",
    "upgrade.refused": "the new PMail did not work on a copy of the database. Nothing was switched, the old one runs. What it said:",
    "upgrade.back": "the new PMail did not get ready: the old one and its database are back, and it runs. What the new one said:",
    "upgrade.stuck": "the new PMail did not get ready; the old one and its database are back, but it does not get ready either. Look at `journalctl -u pmail` on the host. What was said:",
    "upgrade.unknown": "nothing was heard of the switch. It goes on, or back, by itself: run again in a few minutes",
    "upgrade.reason.spoiled": "it damaged the database, or lost something in it",
    "upgrade.reason.unnamed": "it did not write its version into the database: is it PMail?",
    "upgrade.reason.no_hold": "nft could not keep mail away meanwhile",
    "upgrade.reason.not_copied": "the database could not be copied",
    "upgrade.reason.not_put_back": "the old database could not be put back: it is in /var/lib/pmail-deploy/before",
    "upgrade.reason.interrupted": "the switch was interrupted",
}
