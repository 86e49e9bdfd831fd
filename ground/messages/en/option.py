"""Options of a verb, as `--data` takes them."""

TEXTS = {
    "option.flag": "{word} is 1 (yes) or 0 (no), not {given!r}",
    "option.choice": "{word} must be one of {choices}: {given!r}",
    "option.number": "{word} must be a number from {least} to {most}: {given!r}",
    "option.no_file": "{word}: there is no file {path}",
    "option.value": "{word}: {given} cannot be its value",
    "option.unknown": "{file} takes no {words} by --data; it takes: {known}",
}
