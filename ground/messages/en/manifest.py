"""What a host remembers of its site."""

TEXTS = {
    "manifest.name": "The host remembers its site",
    "manifest.right": "{path} says what is true",
    "manifest.damaged": "/etc/pmail-deploy/manifest.json on the host is damaged. Move it away there, then run pmail-deploy recover, which makes it anew.",
    "manifest.version": "/etc/pmail-deploy/manifest.json on the host was written by a later version of pmail-deploy (its form is {version}). Use that version here too.",
    "manifest.unread": "what the host remembers of its site could not be read (connection cut?). Run again.",
    "manifest.changed": "{host}: another run has written /etc/pmail-deploy/manifest.json meanwhile, from another copy of the state. Nothing was written over it. Run again: it is then said who that was.",
    "manifest.not_written": "{host}: /etc/pmail-deploy/manifest.json could not be written, what was there before stays: {reason}",
    "state.elsewhere": "{found} holds this site's, but state and keys are beside the inventory now, whatever folder a run is started in: {wanted}. Nothing was changed. Move it there: {command} (or keep it where it is by {variable}={found}).",
    "state.twice": "{found} and {wanted} both hold this site's, and only the second is used. Nothing was changed. See which of them is right, put that in {wanted}, and move the other away.",
    "state.damaged.users": "{path}, the record of the accounts that we made, was damaged; it is kept as {aside} and begun anew. What we made before is disabled no more when the inventory names it no longer.",
    "state.damaged.reports": "{path}, the reports of the last run, was damaged; it is kept as {aside} and begun anew.",
    "state.damaged.history": "{path} had lines that are damaged; it is kept as {aside}, and goes on with those that can be read.",
    "state.damaged.site": "{path} is damaged. Move it away, then run pmail-deploy recover: it takes what it said from the hosts.",
}
