"""The rules that a mail server is checked by: each declared once, in the order of reports."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from ground.words import Words, family
from postmaster.checks.subjects import About
from postmaster.outbound import mode_of
from postmaster.settings import MailServer
from postmaster.web import web_of


class Run(StrEnum):
    """Which run tries a rule. Its value begins the message ids of the rule's texts."""

    PREFLIGHT = "preflight"  # of a host that has nothing of ours yet
    VERIFY = "checks"
    LIVE = "live"  # only where mail is sent to prove it


class When(StrEnum):
    """What a server must be like for a rule to apply."""

    RELAYED = "mail goes through Postfix on the host"
    OWN_ADDRESS = "receivers see the server's own address"
    PROVIDER = "receivers see a provider's address"
    ISSUED = "an authority issues the certificate"
    TLS_REPORTS = "the setting tls_rpt names where reports go"
    LISTS = "the setting block_lists names some"
    REGISTERED = "a registry has its domains"
    OURS = "an inventory says what is ours"
    STS_POLICY = "the setting mta_sts_policy is not off"
    FRONTED = "a web server stands before web mail"
    NOBODYS = "no inventory says whose it is"


class By(StrEnum):
    """Who refuses or distrusts mail where a rule does not hold. BULK: of big senders only."""

    GMAIL = "Gmail"
    GMAIL_BULK = "Gmail, bulk"
    YAHOO = "Yahoo"
    YAHOO_BULK = "Yahoo, bulk"
    OUTLOOK_BULK = "Outlook.com, bulk"
    APPLE = "iCloud"
    QQ = "QQ"
    NETEASE = "NetEase"
    SINA = "Sina"
    EVERYBODY = "everybody"


class Gate(StrEnum):
    """How a rule keeps a DKIM key from being replaced, unless the key has leaked."""

    EACH = "each"  # no subject that concerns the domain may fail or be unknown
    ONE = "one"  # unknown ones do not count while another of that kind is known


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    source: who says so. needs: rules that have to hold first, else this one is skipped. when: all
    of this must be true of a server, else the rule is not reported. gates: whether, and how, it
    gates the rotation of the keys of domains that its subject concerns. required: an unknown result
    makes the exit status 3. again: id of the rule of VERIFY that judges the same; what a PREFLIGHT
    rule without one warns of is in every report.
    """

    id: str
    about: About
    source: str
    needs: tuple[Rule, ...] = ()
    when: frozenset[When] = frozenset()
    gates: Gate | None = None
    required_by: frozenset[By] = frozenset()
    run: Run = Run.VERIFY
    required: bool = True
    again: str = ""

    def applies(self, server: MailServer | None) -> bool:
        """Whether a report on this server has the rule; None: on domains without an inventory."""
        if server is None:
            return self.when <= {When.OWN_ADDRESS, When.NOBODYS}
        mode = mode_of(server)
        own = mode.sends_from == "server"
        true_of_it = {
            When.RELAYED: mode.relayed,
            When.OWN_ADDRESS: own,
            When.PROVIDER: not own,
            When.ISSUED: server.tls.method != "files",
            When.TLS_REPORTS: bool(server.tls_rpt),
            When.LISTS: bool(server.block_lists),
            When.REGISTERED: any(not _reserved(each.name) for each in server.domains),
            When.OURS: True,
            When.STS_POLICY: server.mta_sts_policy != "off",
            When.FRONTED: web_of(server).fronted,
            When.NOBODYS: False,
        }
        return all(true_of_it[each] for each in self.when)

    @property
    def title(self) -> Words:
        """What the rule says, in a few words."""
        return Words(_TITLES[self.id])


def _reserved(domain: str) -> bool:
    """Whether no registry can have a domain (RFC 6761)."""
    return domain.rpartition(".")[2] in ("test", "example", "invalid", "localhost")


_RELAYED, _OWN_ADDRESS = frozenset({When.RELAYED}), frozenset({When.OWN_ADDRESS})
_OURS = frozenset({When.OURS})
_PROVIDER, _ISSUED = frozenset({When.PROVIDER}), frozenset({When.ISSUED})
_LISTS, _REGISTERED = frozenset({When.LISTS}), frozenset({When.REGISTERED})
_SPF_ASKED = frozenset({By.GMAIL, By.YAHOO, By.OUTLOOK_BULK, By.APPLE, By.QQ, By.NETEASE})
_DKIM_ASKED = frozenset({By.GMAIL_BULK, By.YAHOO_BULK, By.OUTLOOK_BULK, By.APPLE})
_PTR_ASKED = frozenset({By.GMAIL, By.YAHOO, By.APPLE, By.SINA})


def _preflight(
    id: str,
    source: str,
    about: About = About.HOST,
    when: frozenset[When] = frozenset(),
    required_by: frozenset[By] = frozenset(),
    again: str = "",
) -> Rule:
    """A rule for a host that is to become a mail server; what is not seen there stops nothing."""
    return Rule(
        id,
        about,
        source,
        when=when,
        required_by=required_by,
        run=Run.PREFLIGHT,
        required=False,
        again=again,
    )


# -- preflight -----------------------------------------------------------------------------------

PRE_01 = _preflight("PRE-01", "what a deploy does")
PRE_02 = _preflight("PRE-02", "systemd.unit(5)")
PRE_03 = _preflight("PRE-03", "what was tried in the lab")
PRE_04 = _preflight("PRE-04", "PMail's releases")
PRE_05 = _preflight("PRE-05", "RFC 5321 section 4.5.4.2, RFC 8314")
PRE_06 = _preflight("PRE-06", "measured in the lab")
PRE_07 = _preflight("PRE-07", "measured in the lab")
PRE_08 = _preflight("PRE-08", "RFC 6376 section 3.5 (t=), RFC 5280 section 4.1.2.5")
PRE_09 = _preflight("PRE-09", "RFC 5321 section 5.1")
PRE_10 = _preflight("PRE-10", "nft(8)")
PRE_11 = _preflight("PRE-11", "RFC 5321 section 5.1")
PRE_12 = _preflight("PRE-12", "Debian Policy section 11.6", when=_RELAYED)
PRE_13 = _preflight("PRE-13", "RFC 4954", About.SMARTHOST, _PROVIDER)
PRE_14 = _preflight("PRE-14", "what a deploy does")
PRE_15 = _preflight("PRE-15", "RFC 8659, RFC 8657", when=_ISSUED, again="CAA-01")
PRE_16 = _preflight("PRE-16", "ip-sysctl (ip_unprivileged_port_start)")
PRE_17 = _preflight(
    "PRE-17",
    "RFC 5321 section 4.5.4.2",
    when=_OWN_ADDRESS,
    required_by=frozenset({By.EVERYBODY}),
    again="NET-01",
)
PRE_18 = _preflight(
    "PRE-18",
    "RFC 1912 section 2.1",
    About.ADDRESS,
    when=_OWN_ADDRESS,
    required_by=_PTR_ASKED,
    again="RDNS-01",
)
PRE_19 = _preflight("PRE-19", "nft(8), iptables(8)")

# -- delegation ----------------------------------------------------------------------------------

# What stands in the way of everything in a zone keeps a key from being replaced, too.
PROP_05 = Rule("PROP-05", About.RESOLVER, "RFC 1034 section 5.3.1, RFC 5737", gates=Gate.EACH)
PROP_06 = Rule("PROP-06", About.RESOLVER, "RFC 2308 section 2.1", needs=(PROP_05,), required=False)
DEL_01 = Rule("DEL-01", About.ZONE, "RFC 1034 section 4.2.2", needs=(PROP_05,), gates=Gate.EACH)
DEL_03 = Rule("DEL-03", About.ZONE, "RFC 1912 section 2.8", needs=(DEL_01,), gates=Gate.EACH)
_SERVED = (DEL_01, DEL_03)
DEL_02 = Rule("DEL-02", About.ZONE, "RFC 1034 section 4.2.2", needs=_SERVED)
DEL_04 = Rule("DEL-04", About.ZONE, "RFC 2182 sections 3.1 and 5", needs=(DEL_01,))
DEL_05 = Rule("DEL-05", About.ZONE, "RFC 1034 section 4.3.5", needs=_SERVED)
DEL_06 = Rule("DEL-06", About.ZONE, "RFC 1912 section 2.3", needs=_SERVED)
DEL_07 = Rule("DEL-07", About.ZONE, "RFC 4035 section 5, RFC 8914", needs=_SERVED)
DEL_09 = Rule("DEL-09", About.DOMAIN, "RFC 4592", needs=_SERVED)
DEL_10 = Rule("DEL-10", About.DOMAIN, "RFC 1034 section 3.6.2", needs=_SERVED)
DEL_11 = Rule("DEL-11", About.DOMAIN, "RFC 1912 section 2.2", needs=_SERVED)
DEL_12 = Rule("DEL-12", About.ZONE, "RFC 7766, RFC 6891", needs=_SERVED)

# -- DNS -----------------------------------------------------------------------------------------

PROP_01 = Rule("PROP-01", About.RECORD, "RFC 1034 section 4.3.1", needs=_SERVED, gates=Gate.EACH)
PROP_03 = Rule(
    "PROP-03",
    About.RESOLVER,
    "RFC 1034 section 5.3.3, RFC 2308",
    needs=(PROP_01,),
    gates=Gate.ONE,
    required=False,
)
ADR_01 = Rule("ADR-01", About.HOST_NAME, "RFC 5321 section 5.1", needs=_SERVED)
ADR_02 = Rule(
    "ADR-02",
    About.HOST_NAME,
    "RFC 5321 section 5.1",
    needs=_SERVED,
    required_by=frozenset({By.GMAIL}),
)
MX_01 = Rule(
    "MX-01",
    About.DOMAIN,
    "RFC 5321 section 5.1",
    needs=_SERVED,
    when=frozenset({When.NOBODYS}),  # of ours MX-07 says more
    required_by=frozenset({By.SINA}),
)
MX_02 = Rule("MX-02", About.DOMAIN, "RFC 7505 section 3", needs=(*_SERVED, MX_01))
MX_08 = Rule("MX-08", About.DOMAIN, "RFC 5321 section 5.1", needs=(MX_01, MX_02))
MX_04 = Rule("MX-04", About.HOST_NAME, "RFC 1035 section 3.3.9", needs=(MX_01, MX_02))
MX_05 = Rule("MX-05", About.HOST_NAME, "RFC 1123 section 2.1", needs=(MX_04,))
MX_03 = Rule("MX-03", About.HOST_NAME, "RFC 2181 section 10.3", needs=(MX_05,))
MX_06 = Rule("MX-06", About.HOST_NAME, "RFC 5321 section 5.1", needs=(MX_05,))
MX_07 = Rule(
    "MX-07",
    About.DOMAIN,
    "RFC 5321 section 5.1",
    needs=(MX_02, ADR_01, ADR_02),
    when=frozenset({When.OURS}),
)
DANE_01 = Rule("DANE-01", About.RECORD, "RFC 7672", required=False)
# -- SPF, DKIM, DMARC ----------------------------------------------------------------------------

# A rule stands behind those that it needs; what gates needs nothing that does not.
SPF_01 = Rule(
    "SPF-01",
    About.NAME,
    "RFC 7208 section 3.2",
    needs=_SERVED,
    gates=Gate.EACH,
    required_by=_SPF_ASKED,
)
SPF_11 = Rule(
    "SPF-11",
    About.NAME,
    "RFC 7208 section 3.3",
    needs=(SPF_01,),
    gates=Gate.EACH,
    required_by=_SPF_ASKED,
)
SPF_02 = Rule(
    "SPF-02",
    About.NAME,
    "RFC 7208 section 4.6",
    needs=(SPF_01, SPF_11),
    gates=Gate.EACH,
    required_by=_SPF_ASKED,
)
_SPF_READ = (SPF_01, SPF_11, SPF_02)
SPF_03 = Rule(
    "SPF-03",
    About.SENDER,
    "RFC 7208 section 4",
    needs=_SPF_READ,
    gates=Gate.EACH,
    required_by=_SPF_ASKED,
)
SPF_04 = Rule("SPF-04", About.NAME, "RFC 7208 section 5.1", needs=_SPF_READ)
SPF_05 = Rule("SPF-05", About.NAME, "RFC 7208 section 4.6.4", needs=_SPF_READ)
SPF_06 = Rule("SPF-06", About.NAME, "RFC 7208 section 4.6.4", needs=_SPF_READ)
SPF_07 = Rule(
    "SPF-07",
    About.INCLUDE,
    "RFC 7208 section 5.2",
    needs=(PROP_05,),
    gates=Gate.EACH,
    required_by=_SPF_ASKED,
)
SPF_08 = Rule("SPF-08", About.NAME, "RFC 7208 section 5.1", needs=(*_SPF_READ, SPF_04))
SPF_09 = Rule("SPF-09", About.NAME, "RFC 7208 section 5.5", needs=_SPF_READ)
SPF_10 = Rule("SPF-10", About.NAME, "RFC 7208 section 3.4", needs=_SPF_READ)
SPF_12 = Rule("SPF-12", About.NAME, "RFC 7208 section 3.1", needs=(SPF_01,))
SPF_13 = Rule("SPF-13", About.NAME, "RFC 7208 section 11.2", needs=(*_SPF_READ, SPF_04))
SPF_14 = Rule(
    "SPF-14",
    About.SENDER,
    "RFC 7208 section 2.3",
    needs=(SPF_11, SPF_02),
    gates=Gate.EACH,
    required_by=_SPF_ASKED,
)
SPF_16 = Rule("SPF-16", About.NAME, "RFC 7208 section 11.2", needs=(*_SPF_READ, SPF_04))


def _dkim(id: str, source: str, *needs: Rule) -> Rule:
    """A rule for key records without which no signature verifies."""
    return Rule(id, About.RECORD, source, needs, gates=Gate.EACH, required_by=_DKIM_ASKED)


DKIM_14 = _dkim("DKIM-14", "RFC 6376 section 6.1.2")
DKIM_15 = _dkim("DKIM-15", "RFC 6376 section 6.1.2", DKIM_14)
DKIM_01 = _dkim("DKIM-01", "RFC 6376 section 3.6.2", DKIM_14, DKIM_15)
DKIM_02 = _dkim("DKIM-02", "RFC 6376 section 3.6.2.2", DKIM_01)
DKIM_13 = _dkim("DKIM-13", "RFC 6376 section 3.6.2.2", DKIM_02)
DKIM_03 = _dkim("DKIM-03", "RFC 6376 section 3.6.1", DKIM_13)
DKIM_12 = _dkim("DKIM-12", "RFC 6376 section 3.6.1 (p=)", DKIM_03)
DKIM_10 = _dkim("DKIM-10", "RFC 6376 section 3.6.1 (k=, s=)", DKIM_12)
DKIM_09 = _dkim("DKIM-09", "RFC 8301 section 3.1", DKIM_12)
DKIM_04 = _dkim("DKIM-04", "RFC 6376 section 3.6.1 (p=)", DKIM_10)
DKIM_05 = _dkim("DKIM-05", "RFC 8301 section 3.2", DKIM_04)
DKIM_06 = replace(_dkim("DKIM-06", "RFC 6376 section 3.6.2", DKIM_04), when=_OURS)
DKIM_08 = Rule("DKIM-08", About.RECORD, "RFC 6376 section 3.6.1 (t=)", needs=(DKIM_04,))
DKIM_11 = Rule("DKIM-11", About.RECORD, "RFC 8463", needs=(DKIM_04,))
DKIM_16 = Rule(
    "DKIM-16",
    About.DOMAIN,
    "RFC 9989",
    when=_OURS,
    required_by=frozenset({By.GMAIL_BULK, By.YAHOO_BULK, By.OUTLOOK_BULK}),
)
DKIM_17 = Rule(
    "DKIM-17",
    About.RESOLVER,
    "RFC 6376 section 6",
    needs=(DKIM_06,),
    when=_OURS,
    required_by=_DKIM_ASKED,
    required=False,
)
DKIM_19 = Rule("DKIM-19", About.RECORD, "M3AAWG, DKIM key rotation", when=_OURS)


def _dmarc(id: str, source: str, *needs: Rule, asked: bool = False) -> Rule:
    """A rule for a DMARC record. asked: receivers want it to hold; so does who rotates a key."""
    return Rule(
        id,
        About.RECORD,
        source,
        needs,
        gates=Gate.EACH if asked else None,
        required_by=_DKIM_ASKED | {By.QQ} if asked else frozenset(),
    )


DMARC_10 = _dmarc("DMARC-10", "RFC 9989 section 4.7", *_SERVED, asked=True)
DMARC_01 = _dmarc("DMARC-01", "RFC 9989 section 4.10", DMARC_10, asked=True)
DMARC_02 = _dmarc("DMARC-02", "RFC 9989 section 4.8", DMARC_01, asked=True)
DMARC_09 = _dmarc("DMARC-09", "RFC 9989 section 4.7 (psd)", DMARC_02)
DMARC_03 = _dmarc("DMARC-03", "RFC 9989 section 4.7 (p)", DMARC_02)
DMARC_04 = _dmarc("DMARC-04", "RFC 9989 section 4.7 (sp, np, t)", DMARC_02)
DMARC_05 = Rule(
    "DMARC-05",
    About.RECORD,
    "RFC 9989 section 4.4",
    needs=(DMARC_02,),
    required_by=frozenset({By.GMAIL_BULK, By.YAHOO_BULK, By.OUTLOOK_BULK}),
)
DMARC_06 = _dmarc("DMARC-06", "RFC 9989 section 4.6", DMARC_02)
DMARC_07 = _dmarc("DMARC-07", "RFC 9990 section 4", DMARC_02)
DMARC_08 = _dmarc("DMARC-08", "RFC 9989 section 4.10.2", DMARC_02, DMARC_09)

# -- reverse DNS ---------------------------------------------------------------------------------

RDNS_01 = Rule(
    "RDNS-01",
    About.ADDRESS,
    "RFC 1912 section 2.1",
    when=_OWN_ADDRESS,
    required_by=_PTR_ASKED,
)
RDNS_02 = Rule(
    "RDNS-02",
    About.ADDRESS,
    "RFC 8601 section 3",
    needs=(RDNS_01,),
    when=_OWN_ADDRESS,
    required_by=frozenset({By.GMAIL, By.YAHOO, By.APPLE}),
)

RDNS_03 = Rule("RDNS-03", About.ADDRESS, "RFC 8601 section 3", needs=(RDNS_01,), when=_OWN_ADDRESS)
RDNS_04 = Rule("RDNS-04", About.ADDRESS, "RFC 8601 section 3", needs=(RDNS_01,), when=_OWN_ADDRESS)
EHLO_01 = Rule(
    "EHLO-01",
    About.GREETING,
    "RFC 5321 section 4.1.1.1",
    when=_OWN_ADDRESS,
    required_by=frozenset({By.SINA, By.NETEASE}),
)
EHLO_02 = Rule(
    "EHLO-02",
    About.GREETING,
    "RFC 5321 section 4.1.4",
    needs=(EHLO_01,),
    when=_OWN_ADDRESS,
    required_by=frozenset({By.SINA}),
)
EHLO_03 = Rule(
    "EHLO-03",
    About.HOST,
    "RFC 5321 section 4.1.4",
    when=_OWN_ADDRESS,
    required_by=frozenset({By.SINA}),
)

CAA_01 = Rule("CAA-01", About.HOST, "RFC 8659, RFC 8657", when=_ISSUED)

# -- to receivers, from the host ------------------------------------------------------------------

NET_01 = Rule(
    "NET-01",
    About.RECEIVER,
    "RFC 5321 section 4.5.4.2",
    when=_OWN_ADDRESS,
    required_by=frozenset({By.EVERYBODY}),
)

# -- what others think of it -------------------------------------------------------------------


def _listed(id: str, source: str, *when: When) -> Rule:
    lists = _LISTS | frozenset(when)
    return Rule(id, About.LISTING, f"RFC 5782, {source}", when=lists, required=False)


BL_01 = _listed("BL-01", "Spamhaus ZEN", When.OWN_ADDRESS)
BL_02 = _listed("BL-02", "Spamhaus DBL")
BL_03 = _listed("BL-03", "Spamhaus ZRD")
BL_04 = _listed("BL-04", "SpamCop", When.OWN_ADDRESS)
BL_05 = _listed("BL-05", "Barracuda", When.OWN_ADDRESS)
BL_06 = _listed("BL-06", "Abusix", When.OWN_ADDRESS)
BL_07 = _listed("BL-07", "SURBL, URIBL")
BL_08 = Rule("BL-08", About.ADDRESS, "RFC 7208 section 4", when=_OWN_ADDRESS, required=False)
DOM_01 = Rule("DOM-01", About.DOMAIN, "RFC 9083 section 4.5", when=_REGISTERED, required=False)
DOM_02 = Rule("DOM-02", About.DOMAIN, "RFC 8056", when=_REGISTERED, required=False)
DOM_03 = Rule(
    "DOM-03", About.DOMAIN, "Interisle, Phishing Activity in TLDs", when=_REGISTERED, required=False
)

# -- ports, from outside -------------------------------------------------------------------------

NET_02 = Rule("NET-02", About.PORT, "RFC 5321 section 4.5.4.2, RFC 8314")
EHLO_04 = Rule("EHLO-04", About.PORT, "RFC 5321 section 4.3.1", (NET_02,), _OWN_ADDRESS)
NET_03 = Rule("NET-03", About.PORT, "RFC 8314 section 3, PMail controllers/setup.go")
SMTP_02 = Rule("SMTP-02", About.PORT, "RFC 4954 section 4", needs=(NET_02,))
SMTP_01 = Rule(
    "SMTP-01",
    About.PORT,
    "RFC 5321 section 3.6.1",
    needs=(NET_02,),
    when=_RELAYED,
    required_by=frozenset({By.EVERYBODY}),
    required=False,
)
SMTP_03 = Rule(
    "SMTP-03", About.PORT, "RFC 5321 section 4.5.1, RFC 2142", needs=(NET_02,), required=False
)
SMTP_04 = Rule(
    "SMTP-04", About.PORT, "RFC 1870, RFC 6152", needs=(NET_02,), when=_RELAYED, required=False
)
SMTP_05 = Rule(
    "SMTP-05", About.PORT, "RFC 5321 section 3.3", needs=(NET_02,), when=_RELAYED, required=False
)
TLS_01 = Rule("TLS-01", About.PORT, "RFC 3207", needs=(NET_02,))
TLS_02 = Rule("TLS-02", About.PORT, "RFC 9525 section 6", needs=(NET_02, TLS_01))
TLS_03 = Rule("TLS-03", About.PORT, "RFC 5280 section 4.1.2.5", needs=(NET_02, TLS_01))

TLS_04 = Rule("TLS-04", About.PORT, "RFC 8314 section 3", needs=(NET_02,))
TLS_05 = Rule("TLS-05", About.PORT, "RFC 8996", needs=(NET_02, TLS_04), required=False)

# -- PMail on its host ---------------------------------------------------------------------------

DKIM_07 = Rule(
    "DKIM-07",
    About.HOST,
    "PMail dto/parsemail/dkim.go",
    gates=Gate.EACH,
    required_by=_DKIM_ASKED,
)
HOST_01 = Rule("HOST-01", About.HOST, "PMail controllers/login.go")
HOST_02 = Rule("HOST-02", About.HOST, "RFC 6376 section 3.5 (t=), RFC 5280 section 4.1.2.5")

# -- Postfix and OpenDKIM behind PMail -----------------------------------------------------------

OUT_01 = Rule("OUT-01", About.HOST, "docs/edge.md", when=_RELAYED)
OUT_02 = Rule("OUT-02", About.HOST, "docs/edge.md", when=_RELAYED)
DKIM_18 = Rule(
    "DKIM-18",
    About.DOMAIN,
    "RFC 6376 section 6",
    when=_RELAYED,
    gates=Gate.EACH,
    required_by=_DKIM_ASKED,
)
OUT_03 = Rule("OUT-03", About.HOST, "RFC 5321 section 4.5.4.1", when=_RELAYED)
SMTP_06 = Rule("SMTP-06", About.HOST, "RFC 3463 section 3.8", when=_RELAYED)
OUT_04 = Rule("OUT-04", About.SMARTHOST, "RFC 4954 section 4", when=_PROVIDER)
OUT_05 = Rule("OUT-05", About.HOST, "RFC 7435", when=_RELAYED)

# -- what stands before PMail --------------------------------------------------------------------

EDGE_01 = Rule("EDGE-01", About.HOST, "docs/edge.md", when=_RELAYED)
EDGE_02 = Rule("EDGE-02", About.HOST, "docs/edge.md", when=_RELAYED)
EDGE_03 = Rule("EDGE-03", About.HOST, "docs/edge.md", when=_RELAYED)
EDGE_04 = Rule("EDGE-04", About.HOST, "docs/edge.md", when=_RELAYED)

# -- what domains say of themselves --------------------------------------------------------------

_STS, _FRONTED = frozenset({When.STS_POLICY}), frozenset({When.FRONTED})
CLI_01 = Rule("CLI-01", About.HOST, "draft-ietf-mailmaint-autoconfig section 3", when=_FRONTED)
CLI_02 = Rule("CLI-02", About.RECORD, "RFC 6186, RFC 8314 section 5")
CLI_04 = Rule("CLI-04", About.DOMAIN, "Apple com.apple.mail.managed", when=_FRONTED)
STS_01 = Rule("STS-01", About.RECORD, "RFC 8461 section 3.1", when=_STS)
STS_02 = Rule("STS-02", About.DOMAIN, "RFC 8461 sections 3.2 and 3.3", when=_STS)
STS_03 = Rule("STS-03", About.DOMAIN, "RFC 8461 section 3.1", needs=(STS_01, STS_02), when=_STS)
STS_04 = Rule("STS-04", About.HOST, "RFC 8461 section 4.2", when=_STS)
RPT_01 = Rule(
    "RPT-01",
    About.RECORD,
    "RFC 8460 section 3",
    when=frozenset({When.TLS_REPORTS}),
)
# -- web mail ------------------------------------------------------------------------------------

WEB_01 = Rule("WEB-01", About.HOST, "RFC 9110 section 4.2.2, PMail controllers/ping.go")
WEB_02 = Rule("WEB-02", About.HOST, "docs/web.md", when=frozenset({When.FRONTED}))

# -- mail that is sent to prove it ---------------------------------------------------------------


def _live(id: str, source: str, *when: When, needs: tuple[Rule, ...] = ()) -> Rule:
    return Rule(id, About.WAY, source, needs, frozenset(when), run=Run.LIVE)


LIVE_01 = _live("LIVE-01", "RFC 5321 section 2.1")
LIVE_02 = _live("LIVE-02", "docs/pmail-limits.md", needs=(LIVE_01,))
LIVE_03 = _live("LIVE-03", "RFC 6376 section 6", When.RELAYED, needs=(LIVE_01,))
LIVE_04 = _live("LIVE-04", "RFC 5322 section 3.6", When.RELAYED, needs=(LIVE_01,))
LIVE_05 = _live(
    "LIVE-05", "RFC 5321 section 4.1.4", When.RELAYED, When.OWN_ADDRESS, needs=(LIVE_01,)
)
LIVE_06 = _live("LIVE-06", "RFC 8601 section 2", needs=(LIVE_01,))

# As they stand above, so a rule can only need what is reported before it.
RULES: tuple[Rule, ...] = tuple(each for each in globals().values() if isinstance(each, Rule))


def _titles(run: Run) -> dict[str, str]:
    names = {rule.id: rule.id.lower().replace("-", "_") for rule in RULES if rule.run is run}
    ids = family(f"{run.value}.title", names.values())
    return {rule: ids[name] for rule, name in names.items()}


_TITLES = {rule: title for run in Run for rule, title in _titles(run).items()}
