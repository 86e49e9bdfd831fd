"""PMail 前面的程序。"""

TEXTS = {
    "edge.name.packages": "安装 Postfix、OpenDKIM 和 OpenDMARC",
    "edge.name.greylist": "安装 postgrey",
    "edge.name.files": "PMail 独有的网络及通往它的入口",
    "edge.name.running": "运行 PMail 前面的程序",
    "edge.name.retired": "其他方式下 PMail 前面的程序",
    "edge.running": "全部按磁盘上的内容运行",
    "edge.restart": "启动或重启有变化的部分",
    "edge.not_started": "PMail 前面的程序无法启动：",
    "edge.not_there": "PMail 前面没有程序",
    "edge.stopped": "PMail 独有的网络及通往它的入口",
    "edge.not_stopped": "PMail 前面的程序无法停止",
}
