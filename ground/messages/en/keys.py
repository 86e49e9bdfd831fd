"""DKIM keys."""

TEXTS = {
    "keys.name": "DKIM key {selector}._domainkey.{domain}",
    "keys.there": "{path} is there",
    "keys.plain": "rsa 2048",
    "keys.encrypted": "rsa 2048, encrypted",
    "keys.exists": "{path} is there already; a key is never overwritten",
    "keys.exposed": "{path} can be read by others. Run: chmod {mode} {path}",
    "keys.locked": "{path} is encrypted, and PMAIL_KEYS_PASSPHRASE is missing or does not open it",
    "keys.damaged": "{path} holds no usable key: {reason}",
    "keys.form.pem": "no private key in PEM form",
    "keys.form.no_rsa": "not an RSA key: receivers and PMail need RSA",
    "keys.form.p_base64": "p= is no base64 of a public key",
    "keys.form.p_rsa": "p= is no RSA public key",
    "keys.in_use": "{path} is in use and stays.",
    "keys.about_damaged": "{path} is damaged; delete it, it is made again from the key",
    "keys.no_file": "there is no key file {path}",
    "keys.too_short": "{path} has {bits} bits; receivers refuse less than {least}",
    "keys.different": "{source} is another key than {path}, which stays in use. Take dkim_key_file out, or move the kept key away.",
}
