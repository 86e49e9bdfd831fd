"""What a host is like before anything is installed: the script that looks, and what it shows."""

from __future__ import annotations

import base64
import binascii
import shlex
from dataclasses import dataclass

from ground.foreign import whole_number
from probes.host import firewall
from probes.host.firewall import Chains

PORTS = (25, 465, 587, 993, 995, 110, 80, 443, 880)

# The host's addresses, one a line.
ADDRESSES = r"""ip -o addr show scope global | awk '{split($4, a, "/"); print a[1]}'"""

# Plain POSIX sh and what a minimal Debian has; every line of output is `name value`.
_SCRIPT = r"""
export LC_ALL=C
echo uid $(id -u)
echo init $(cat /proc/1/comm)
. /etc/os-release; echo os "$ID $VERSION_ID"
echo arch $(uname -m)
ours=$(systemctl show -p MainPID --value pmail 2>/dev/null)
echo ours ${ours:-0}
# What stands before PMail: sockets that systemd holds, and Postfix with our configuration.
systemctl list-units --plain --no-legend --state=active 'pmail-deploy-*.socket' 2>/dev/null \
    | cut -d' ' -f1 | xargs -r systemctl show -P Listen \
    | sed -n 's/^\(.*:\)\{0,1\}\([0-9][0-9]*\) (Stream)$/front \2/p'
if grep -qs 'Managed by pmail-deploy' /etc/postfix/main.cf; then
    ss -Hltnp 2>/dev/null | sed -n 's/.*:\([0-9]*\) .*"master".*/front \1/p'
fi
if systemctl is-active -q pmail-deploy-nginx 2>/dev/null; then echo front 80; echo front 443; fi
if [ -e /usr/sbin/sendmail ] && ! grep -qs 'Managed by pmail-deploy' /etc/postfix/main.cf; then
    mailer=$(dpkg -S /usr/sbin/sendmail 2>/dev/null | cut -d: -f1)
    # Postfix without a configuration does nothing: an earlier run may have installed it.
    [ "$mailer" = postfix ] && [ ! -e /etc/postfix/main.cf ] || echo mailer ${mailer:-sendmail}
fi
if dpkg -V opendkim 2>/dev/null | grep -q ' /etc/opendkim.conf$' \
    && [ ! -e /etc/systemd/system/opendkim.service.d/pmail-deploy.conf ]
then echo mailer opendkim; fi
ss -Hltnp 2>/dev/null | awk '{print "listen", $4, $6}'
echo disk $(df -Pk /var/lib | awk 'NR==2 {print $4}')
echo memory $(awk '/^MemTotal/ {print $2}' /proc/meminfo)
# The first port that not only root may listen on.
echo open $(cat /proc/sys/net/ipv4/ip_unprivileged_port_start 2>/dev/null)
echo clock $(date +%s)
# A container has the clock of the machine that it is on, and cannot set it.
if systemd-detect-virt -cq 2>/dev/null; then echo synced yes
else echo synced $(timedatectl show -p NTPSynchronized --value 2>/dev/null || echo unknown); fi
for name in @names@; do
    if getent ahosts "$name" >/dev/null 2>&1; then echo resolver yes; break; fi
    echo resolver no
done
if command -v nft >/dev/null 2>&1; then
    printf 'table inet pmail_deploy_test {\n chain c { type nat hook output priority -100; }\n}\n' \
        | nft -c -f - 2>/dev/null && echo nat yes || echo nat no
elif modprobe -qn nft_chain_nat 2>/dev/null; then echo nat yes
else echo nat unknown; fi
@addresses@ | sed 's/^/address /'
# By which address and interface it sends; nobody's addresses (RFC 5737, RFC 3849) are outside.
for to in 192.0.2.1 2001:db8::1; do
    ip -o route get $to 2>/dev/null | sed -n \
        's/.* dev \([^ ]*\) .*src \([0-9a-f.:]*\).*/source \2 \1/p' | head -n 1
done
for what in sys_vendor product_name product_version chassis_asset_tag bios_vendor; do
    echo dmi $what $(head -c 100 /sys/class/dmi/id/$what 2>/dev/null | tr -cd ' -~')
done
# Its packet filter, whoever has made it.
if command -v nft >/dev/null 2>&1; then
    echo nft $(nft -j list ruleset 2>/dev/null | head -c 4000000 | base64 -w0)
fi
for family in '4 iptables' '6 ip6tables'; do
    set -- $family
    if ! command -v nft >/dev/null 2>&1; then save=$2-save; else save=$2-legacy-save; fi
    # The old tables are only there where their module is: to ask would load it.
    case $save in *legacy*) [ -s /proc/net/${2%tables}_tables_names ] || continue;; esac
    command -v $save >/dev/null 2>&1 || continue
    echo tables $1 $($save 2>/dev/null | head -c 4000000 | base64 -w0)
done
"""

_CONNECT = r"""
now() { date +%s%3N; }
t=$(now)
# Reached, then greeted: some let their clients wait for the greeting.
out=$(timeout @within@ bash -c 'exec 3<>/dev/tcp/@address@/25 || exit 9
    echo open $(date +%s%3N); IFS= read -r -t @greeting@ line <&3 && printf "%s\n" "$line"
    printf "QUIT\r\n" >&3' 2>&1)
ended=$?
case $out in
    open*) r=open; set -- $(printf %s "$out" | head -n 1); at=$2 ;;
    *) [ $ended = 124 ] && r=timeout || case $out in *refused*) r=refused;; *) r=unreachable;; esac
        at=$(now) ;;
esac
greeted=$(printf %s "$out" | sed -n 2p | tr -cd ' -~' | head -c 200)
echo connect @domain@ @address@ $r $(( at - t )) $greeted
"""
_WITHIN, _GREETING = 8, 6  # seconds


@dataclass(frozen=True, slots=True)
class Listener:
    """A process that holds a port. pid 0: not seen."""

    port: int
    process: str
    pid: int


@dataclass(frozen=True, slots=True)
class Outbound:
    """A connection from the host to a domain's MX host; milliseconds it took.

    greeting: its first line, "" where none came within some seconds.
    """

    domain: str
    address: str
    reach: str
    milliseconds: int
    greeting: str = ""

    @property
    def family(self) -> int:
        """4 or 6."""
        return 6 if ":" in self.address else 4


@dataclass(frozen=True, slots=True)
class Fitness:
    """What was seen of a host. Disk and memory in KiB, clock in Unix seconds, None: not seen.

    mailers: packages of somebody else's mail system. ours: pid of PMail under our unit, 0 when it
    does not run. fronts: ports that what we put before PMail holds. addresses: on its interfaces.
    open_from: the first port that any user may listen on. sources: each address that it sends to
    the world from, and the interface. dmi: what the machine says of its maker, by name. filters:
    the rules of its packet filter, None where they were not seen.
    """

    uid: int | None
    init: str
    os: str
    arch: str
    ours: int
    listeners: tuple[Listener, ...]
    disk: int | None
    memory: int | None
    clock: int | None
    synced: str
    resolver: bool | None
    nat: str
    mailers: tuple[str, ...]
    fronts: tuple[int, ...]
    addresses: tuple[str, ...]
    outbound: tuple[Outbound, ...]
    open_from: int | None
    sources: tuple[tuple[str, str], ...] = ()
    dmi: tuple[tuple[str, str], ...] = ()
    filters: Chains | None = None


@dataclass(frozen=True, slots=True)
class Exchange:
    """The first MX host of a domain, and its address."""

    domain: str
    name: str
    address: str


def script(exchanges: tuple[Exchange, ...]) -> str:
    """Return the script. exchanges: resolved, and connected to on port 25."""
    names = " ".join(shlex.quote(each.name) for each in exchanges)
    parts = [_SCRIPT.replace("@names@", names).replace("@addresses@", ADDRESSES)]
    for each in exchanges:
        connect = _CONNECT.replace("@address@", each.address).replace("@domain@", each.domain)
        connect = connect.replace("@within@", str(_WITHIN)).replace("@greeting@", str(_GREETING))
        parts.append(f"( {connect} ) &\n")
    return "".join(parts) + "wait\nexit 0\n"


def parse(output: str) -> Fitness:
    """Return the observation in the script's output."""
    values: dict[str, str] = {}
    listeners, addresses, outbound, mailers = [], [], [], []
    fronts = list[int]()
    sources, dmi, filters = list[tuple[str, str]](), list[tuple[str, str]](), list[Chains]()
    for line in output.splitlines():
        name, _, rest = line.partition(" ")
        if name == "listen":
            listeners += _listener(rest)
        elif name == "mailer":
            mailers.append(rest.strip())
        elif name == "front":
            fronts += filter(None, (whole_number(rest),))
        elif name == "address":
            addresses.append(rest.strip())
        elif name == "connect" and len(fields := rest.split(" ", 4)) >= 4:
            outbound.append(_outbound(fields))
        elif name == "source" and len(fields := rest.split()) == 2:
            sources.append((fields[0], fields[1]))
        elif name == "dmi" and len(fields := rest.split(" ", 1)) == 2:
            dmi.append((fields[0], fields[1].strip()))
        elif name in ("nft", "tables"):
            filters.append(_filters(name, rest))
        else:
            values[name] = rest.strip()
    return Fitness(
        uid=whole_number(values.get("uid")),
        init=values.get("init", ""),
        os=values.get("os", ""),
        arch=values.get("arch", ""),
        ours=whole_number(values.get("ours")) or 0,
        listeners=tuple(listeners),
        disk=whole_number(values.get("disk")),
        memory=whole_number(values.get("memory")),
        clock=whole_number(values.get("clock")),
        synced=values.get("synced", ""),
        resolver={"yes": True, "no": False}.get(values.get("resolver", "")),
        nat=values.get("nat", "unknown"),
        mailers=tuple(mailers),
        fronts=tuple(fronts),
        addresses=tuple(addresses),
        outbound=tuple(sorted(outbound, key=lambda each: each.domain)),
        open_from=whole_number(values.get("open")),
        sources=tuple(sources),
        dmi=tuple(dmi),
        filters=tuple(chain for each in filters for chain in each) if filters else None,
    )


def _outbound(fields: list[str]) -> Outbound:
    domain, address, reach, took = fields[:4]
    return Outbound(domain, address, reach, whole_number(took) or 0, "".join(fields[4:]).strip())


def _filters(kind: str, rest: str) -> Chains:
    family, _, written = rest.strip().rpartition(" ")
    try:
        listing = base64.b64decode(written).decode("utf-8", "replace")
    except binascii.Error:
        return ()
    if kind == "nft":
        return firewall.of_nft(listing)
    return firewall.of_iptables(listing, 6 if family == "6" else 4)


def _listener(text: str) -> list[Listener]:
    """`[::]:25 users:(("master",pid=123,fd=13))` of `ss -p`; loopback-only listeners count not."""
    local, _, users = text.partition(" ")
    address, _, port = local.rpartition(":")
    number = whole_number(port)
    if number is None or address.strip("[]").startswith("127.") or address in ("[::1]", "::1"):
        return []
    process = users.partition('(("')[2].partition('"')[0]
    pid = users.partition("pid=")[2].partition(",")[0]
    return [Listener(number, process, whole_number(pid) or 0)]
