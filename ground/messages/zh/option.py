"""动作的选项，即 `--data` 所接受的。"""

TEXTS = {
    "option.flag": "{word} 应为 1（是）或 0（否），而不是 {given!r}",
    "option.choice": "{word} 必须是 {choices} 之一：{given!r}",
    "option.number": "{word} 必须是 {least} 到 {most} 的数字：{given!r}",
    "option.no_file": "{word}：没有文件 {path}",
    "option.value": "{word}：{given} 不能作为它的值",
    "option.unknown": "{file} 不接受 --data {words}；它接受：{known}",
}
