"""What block lists answer a host: its own resolver asks, as they refuse those of the public."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ground.foreign import json_in

# Names come by standard input, one a line: keys may be in them. All are asked at the same time; a
# name without an address is an answer (EAI_NONAME, EAI_NODATA), any other failure is none.
SCRIPT = r"""
command -v python3 >/dev/null || exit 69
exec 3<&0
python3 -I - <<'END'
import json, os, socket, threading, time
names = [line.strip() for line in os.fdopen(3) if line.strip()]
found = dict.fromkeys(names)
slots = threading.BoundedSemaphore(32)
def ask(name):
    with slots:
        try:
            rows = socket.getaddrinfo(name + ".", None, socket.AF_INET, socket.SOCK_STREAM)
            found[name] = sorted({row[4][0] for row in rows})
        except socket.gaierror as error:
            if error.errno in (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", -5)):
                found[name] = []
        except (OSError, UnicodeError):
            pass
threads = [threading.Thread(target=ask, args=(name,), daemon=True) for name in names]
for each in threads:
    each.start()
until = time.monotonic() + 40
for each in threads:
    each.join(max(0, until - time.monotonic()))
print(json.dumps(dict(found)), flush=True)
os._exit(0)
END
"""


def asked(names: Iterable[str]) -> str:
    """Return what the script reads."""
    return "".join(f"{each}\n" for each in dict.fromkeys(names))


def parse(output: str) -> Mapping[str, tuple[str, ...] | None]:
    """Return the addresses of each name; None where nobody answered, nothing where it is none."""
    found = json_in(output.strip() or "{}")
    if not isinstance(found, dict):
        return {}
    return {
        str(name): tuple(map(str, values)) if isinstance(values, list) else None
        for name, values in found.items()
    }
