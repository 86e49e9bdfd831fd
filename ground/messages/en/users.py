"""Accounts."""

TEXTS = {
    "users.admin_works": "{account} can log in",
    "users.no_password": "the administrator's password is not known here: neither {variable} nor {path}. Set {variable}.",
    "users.no_admin": "{account} can log in but is no administrator",
    "users.password_kept": "the password was made and is in {path}",
    "users.right": "all mailboxes are there",
    "users.enabled": "{account}: enabled again",
    "users.disabled": "{account}: disabled (no longer in the inventory)",
    "users.not_named": "{account} exists but is not in the inventory; it was left alone",
    "users.wrong_password": "PMail does not take the administrator's password that is known here ({account}). Give the right one in {variable}, or put it into {path}.",
    "users.no_account": "there is no account {account}",
    "users.not_set": "the password of {account} could not be set on {host}: {reason}",
}
