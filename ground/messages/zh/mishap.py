"""记录的文字从说明页到 DNS 面板途中常见的损坏。"""

TEXTS = {
    "mishap.wide": "全角字符",
    "mishap.curly": "排版引号或破折号",
    "mishap.quotes": "文字里有引号",
    "mishap.backslash": "文字里有反斜杠",
    "mishap.entity": "HTML 实体（如 &quot;）",
    "mishap.invisible": "换行、制表符或其他看不见的字符",
}
