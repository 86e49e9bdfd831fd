"""CAA: which certificate authority may issue for the server's names."""

TEXTS = {
    "caa.none": "no CAA record stands in the way of the certificate",
    "caa.given": "CAA at {owner} lets the authority issue ({records})",
    "caa.refused": "CAA at {owner} forbids the certificate authority to issue: {records}",
    "caa.refused.remedy": "add beside what is there: {line}",
    "caa.strange": "CAA at {owner} has a critical property that no authority knows, so none issues: {records}",
    "caa.strange.remedy": "take the flag 128 from that record at {owner}",
    "caa.one_account": "CAA at {owner} lets one account of the authority issue, which may not be this server's: {records}",
    "caa.one_account.remedy": "take accounturi out of it, or make sure that the account is this server's",
    "caa.forbidden": "no certificate can come: {found}; {remedy}",
    "caa.unanswered": "the CAA records of {owner} could not be looked up; an authority that cannot either issues nothing",
    "caa.unknown": "CAA at {owner} limits who may issue, and what it calls the authority at {directory} is not known; "
    "name it in the setting caa",
    "caa.name": "The certificate's authority",
    "caa.stops": "This stops a deploy; the records above are published all the same.",
    "caa.asked": "CAA was asked for",
    "caa.name.withdraw": "Take out CAA records of another ACME account",
    "caa.name.publish": "Let the server's ACME account alone issue",
    "caa.no_account": "{host}: which ACME account it has is not known before its next certificate, so no CAA record names one yet",
}
