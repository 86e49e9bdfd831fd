"""What stands before PMail."""

TEXTS = {
    "edge.name.packages": "Install Postfix, OpenDKIM and OpenDMARC",
    "edge.name.greylist": "Install postgrey",
    "edge.name.files": "PMail's own network and what leads there",
    "edge.name.running": "Run what stands before PMail",
    "edge.name.retired": "What stands before PMail in other modes",
    "edge.running": "all of it runs with what is on the disk",
    "edge.restart": "start or restart what has changed",
    "edge.not_started": "what stands before PMail could not be started:",
    "edge.not_there": "nothing stands before PMail",
    "edge.stopped": "PMail's own network, and what leads there",
    "edge.not_stopped": "what stands before PMail could not be stopped",
}
