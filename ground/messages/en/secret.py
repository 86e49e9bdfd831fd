"""Texts about secrets: what is wrong with one, which is never shown."""

TEXTS = {
    "secret.empty": "{where} has no secret in it",
    "secret.lines": "{where} has several lines; a secret is one line",
    "secret.blanks": "{where} has blanks in it (a password that you chose: at its ends); copy it again, without what stands around it",
    "secret.unprintable": "{where} has characters that cannot be seen, or is no text; copy the secret again",
    "secret.no_name": "{option} takes the name of an environment variable, and what it has is neither that of one that is set nor looks like one. It is not shown: it may be the secret itself. Put the secret into a variable, as by export MY_TOKEN=..., and the variable's name here; a secret that was in a file like this should be replaced.",
    "secret.no_path": "{option} takes the path of a file, and what it has is neither that of one that is there nor looks like one. It is not shown: it may be the secret itself. Put the secret into a file of mode 600, and its path here.",
    "secret.no_https": "{option}: a secret goes to this address, and http:// would let everybody on the way read it; take https://, or an address on this machine (127.0.0.1)",
    "secret.in_url": "{option} has a user or a password in its URL; secrets stay out of the inventory. The URL is not shown.",
}
