"""报告。"""

TEXTS = {
    "report.name": "验证",
    "report.title": "{server} 的报告：",
    "report.later": "执行时生成",
    "report.failed": "{server}：有检查未通过，见上文",
    "report.summary": "{server}：{pass} 项通过，{warn} 项警告，{fail} 项失败，{skip} 项跳过，{unknown} 项未知",
}
