"""What stands before PMail's web mail on the host: who else could reach PMail past it."""

from __future__ import annotations

from dataclasses import dataclass

from probes.host.as_user import as_user

# As somebody who has no business there: `past socket`, `past port`.
_SCRIPT = f"""
export LC_ALL=C
stranger() {{
    {as_user("nobody", "nogroup")} curl -s -o /dev/null --noproxy '*' --max-time 5 "$@" http://127.0.0.1:@port@/
}}
echo owner $(stat -c '%F %U %a' @endpoint@ 2>/dev/null)
stranger && echo past port
stranger --unix-socket @endpoint@ && echo past socket
exit 0
"""


@dataclass(frozen=True, slots=True)
class FrontView:
    """What was seen.

    owner: of the socket to PMail, "" where there is none. past: ways by which another local user
    reaches PMail ("port", "socket"). server: the user's web server that is to have our names, or
    "". included: it has our line. command: what gives it that.
    """

    reached: bool
    owner: str = ""
    past: tuple[str, ...] = ()
    server: str = ""
    included: bool = True
    command: str = ""


def script(endpoint: str, port: int) -> str:
    """Return the script that looks. endpoint: path of the socket. port: PMail's plain HTTP."""
    return _SCRIPT.replace("@endpoint@", endpoint).replace("@port@", str(port))


def parse(output: str) -> FrontView:
    """Return the observation in the script's output."""
    owner, past = "", []
    for line in output.splitlines():
        name, _, rest = line.partition(" ")
        if name == "owner" and rest.startswith("socket ") and rest.endswith(" 600"):
            owner = rest.split()[1]
        elif name == "past":
            past.append(rest)
    return FrontView(True, owner, tuple(past))
