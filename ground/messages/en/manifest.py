"""What a host remembers of its site."""

TEXTS = {
    "manifest.name": "The host remembers its site",
    "manifest.right": "{path} says what is true",
    "manifest.damaged": "/etc/pmail-deploy/manifest.json on the host is damaged. Move it away there, then run pmail-deploy recover, which makes it anew.",
    "manifest.version": "/etc/pmail-deploy/manifest.json on the host was written by a later version of pmail-deploy (its form is {version}). Use that version here too.",
    "manifest.unread": "what the host remembers of its site could not be read (connection cut?). Run again.",
    "manifest.changed": "{host}: another run has written /etc/pmail-deploy/manifest.json meanwhile, from another copy of the state. Nothing was written over it. Run again: it is then said who that was.",
    "manifest.not_written": "{host}: /etc/pmail-deploy/manifest.json could not be written, what was there before stays: {reason}",
    "state.damaged.site": "{path} is damaged. Move it away, then run pmail-deploy recover: it takes what it said from the hosts.",
}
