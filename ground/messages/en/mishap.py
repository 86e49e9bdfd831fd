"""What happens to a record's text between a guide and a DNS panel."""

TEXTS = {
    "mishap.wide": "full-width characters",
    "mishap.curly": "typographic quotes or dashes",
    "mishap.quotes": "quotation marks in the text",
    "mishap.backslash": "backslashes in the text",
    "mishap.entity": "HTML entities such as &quot;",
    "mishap.invisible": "line breaks, tabs or other characters that are not seen",
}
