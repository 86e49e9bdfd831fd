"""DKIM keys."""

TEXTS = {
    "keys.name": "DKIM key {selector}._domainkey.{domain}",
    "keys.there": "{path} is there",
    "keys.plain": "rsa 2048",
    "keys.encrypted": "rsa 2048, encrypted",
    "keys.exists": "{path} is there already; a key is never overwritten",
    "keys.exposed": "{path} can be read or changed by others. Run: chmod {mode} {path}",
    "keys.not_ours": "{path} is owned by somebody else, who can change it. Run: {remedy}",
    "keys.locked": "{path} is encrypted, and PMAIL_KEYS_PASSPHRASE is missing or does not open it",
    "keys.damaged": "{path} holds no usable key: {reason}. Put it back from a backup; or, in the key store, move it "
    "away: the key is then taken back from the host that signs with it.",
    "keys.form.pem": "no private key in PEM form",
    "keys.form.no_rsa": "not an RSA key: receivers and PMail need RSA",
    "keys.form.p_base64": "p= is no base64 of a public key",
    "keys.form.p_rsa": "p= is no RSA public key",
    "keys.in_use": "{path} is in use and stays.",
    "keys.about_damaged": "{path} is damaged; delete it, it is made again from the key",
    "keys.no_file": "there is no key file {path}",
    "keys.too_short": "{path} has {bits} bits; receivers refuse less than {least}",
    "keys.different": "{source} is another key than {path}, which stays in use. Take dkim_key_file out, or move the kept key away.",
    "keys.not_asked": "{domain}: its key is not here, and {who} could not be asked whether there is one. No key was "
    "made. Run again when that answers, or put keys and state back from a backup.",
    "keys.lost_fixed": "{selector}._domainkey.{domain}: the private key of this record is neither here nor on the host, "
    'and a server that signs by itself (outbound = "direct") knows this selector only. Put the key back from a '
    "backup; or delete the record at the provider, wait until its TTL is over, and run again: a new key is made. "
    'If it is the key of another server of yours, name it in dkim_key_file. With outbound = "relay" selectors are '
    "free, and nothing has to be deleted.",
    "keys.pinned_lost": "{selector}._domainkey.{domain}: the inventory names this selector (dkim_selector), and the "
    "private key of its record is neither here nor on the host. Take dkim_selector out, and a new key is published "
    "beside it; or name the key's file in dkim_key_file.",
    "keys.given_revoked": "{domain}: the key that dkim_key_file names was revoked in an emergency, and is not used "
    "again. Take dkim_key_file out.",
    "keys.name.turned": "Rotation whose new key is lost",
    "keys.name.wiped": "DKIM keys of {domain} that nothing needs",
    "keys.taken_back": "{domain}: it was not here any more; the host has it, and it is taken back from there",
    "keys.replaced": "{domain}: the key of {lost} is lost, or must not be used any more. {new} is published beside it, "
    "and signs as soon as every server shows it; the record of {lost} is never given another key",
    "keys.mended": "{domain}: {selector} is the key that signs, and not {current} as keys/store has noted; noted",
    "keys.not_read": "{host}: {path} could not be read",
    "keys.turned": "{domain}: the new key of its rotation is lost before anything was signed with it; it goes back to the old one",
    "keys.wiped": "{path}: nothing signs with it any more, and its record is gone",
    "keys.all_named": "every private key here is needed",
}
