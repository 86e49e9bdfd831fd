"""A host that has a past: a PMail that is not ours, a database that is not as it was."""

TEXTS = {
    "past.process": "a PMail that is not ours runs: {path} ({detail})",
    "past.unit": "a unit that is not ours starts a PMail: {path} ({detail})",
    "past.start": "a PMail that is not ours is started by {path}: {detail}",
    "past.container": "a container has a PMail that is not ours: {path}, {detail}",
    "past.config": "a PMail that is not ours is configured: {path} (for {detail})",
    "past.database": "the database of a PMail that is not ours: {path} ({detail})",
    "past.key": "its DKIM key: {path} ({detail})",
    "past.certificate": "its certificate: {path} ({detail})",
    "past.folder": "a folder that would be ours has something in it already: {path} ({detail})",
    "past.none": "there is no PMail that is not ours",
    "past.remedy": "Leave it as it is, and use another host: taking over its mailboxes comes with a later version. What is told here would be overwritten, or lost.",
}
