"""Recovery: state and keys anew."""

TEXTS = {
    "recover.name.remember": "What the host remembers",
    "recover.name.keys": "Keys of rotations that go on",
    "recover.name.ledger": "What is there because of us",
    "recover.name.admin": "New password of the administrator",
    "recover.name.take_over": "From here it is written from now on",
    "recover.two_sites": "what is found is of several sites ({sites}); one state is of one site. Name the "
    "hosts of one site only in the inventory, or move away the state that is not of this one",
    "recover.no_manifest": "{host} has no manifest: an earlier version left none, or it was lost. What it signs with is taken "
    "from its signer, and all records that are right are adopted",
    "recover.nothing_remembered": "the host remembers nothing. Where its server was on another machine until now, put that one "
    "back into the inventory and run pmail-deploy recover with it, before the next deploy",
    "recover.right": "there already",
    "recover.site": "the site as {controller} wrote it at {time} (generation {generation})",
    "recover.rotation": "{domain}: the rotation that goes on, as the host remembers it; go on with rotate-dkim",
    "recover.rotation_over": "{domain}: the rotation that is noted here is over, as the host knows",
    "recover.users": "accounts that we made: {names}",
    "recover.aside": "{path} is kept as {aside}",
    "recover.ours": "{key}: ours, as the host remembers",
    "recover.adopted": "{key}: adopted, as it is as wished",
    "recover.former": "{key}: {value} is not wanted since, as the host remembers",
    "recover.differs": "{key}: ours once, and somebody has changed it since. It was left alone, and is no longer thought ours.",
    "recover.admin": "{account} gets a new password",
    "recover.taken_over": "a run from the former state is refused from now on",
    "recover.lost.password": "the password of {account} cannot come back: PMail keeps none. Set PMAIL_ADMIN_PASSWORD or "
    "PMAIL_USER_PASSWORD_..., or make a new one (--new-admin-password for the administrator)",
    "recover.lost.zone": "{zone}: the host remembers records of ours in it ({records}), and the inventory does not have this zone, so they could not be looked at. To have them withdrawn, put the zone back into the inventory and run pmail-deploy recover again, before the next deploy; else nobody knows of them any more.",
    "recover.lost.rest": "what cannot come back: backups of records (state/backups), the account at the certificate "
    "authority (a new one is made), reports, the history of rotations, sums of releases that were noted",
}
