"""有过去的主机：不是我们的 PMail，与从前不同的数据库。"""

TEXTS = {
    "past.process": "有一个不是我们安装的 PMail 正在运行：{path}（{detail}）",
    "past.unit": "有一个不是我们的单元会启动 PMail：{path}（{detail}）",
    "past.start": "{path} 会启动一个不是我们的 PMail：{detail}",
    "past.container": "某个容器里有不是我们的 PMail：{path}，{detail}",
    "past.config": "有一个不是我们的 PMail 的配置：{path}（域名 {detail}）",
    "past.database": "不是我们的 PMail 的数据库：{path}（{detail}）",
    "past.key": "它的 DKIM 密钥：{path}（{detail}）",
    "past.certificate": "它的证书：{path}（{detail}）",
    "past.folder": "本应属于我们的文件夹里已有内容：{path}（{detail}）",
    "past.none": "没有不是我们安装的 PMail",
    "past.remedy": "请保持原样，改用另一台主机：接管它的邮箱要等以后的版本。这里列出的内容会被覆盖或丢失。",
}
