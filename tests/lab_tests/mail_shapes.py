"""Messages as mail programs write them, from bob@example.test to someone@recv.test.

Written from what the programs really send, part by part: order of headers, folding, boundaries,
encodings, preambles and all; the cases of tests/mail_cases beside them.
"""

from __future__ import annotations

import json
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path

AUTHOR, READER = b"bob@example.test", b"someone@recv.test"
_CASES = Path(__file__).parents[1] / "mail_cases"


@dataclass(frozen=True, slots=True)
class Shape:
    """A message. name: also the local part of its reader in tests. content: with CRLF, whole.

    recipient: whom the case sends it to, where it says so.
    """

    name: str
    content: bytes
    recipient: str = ""

    @property
    def inbound(self) -> bytes:
        """The same message the other way: from someone@recv.test to bob@example.test."""
        marked = self.content.replace(AUTHOR, b"\0").replace(READER, AUTHOR)
        # A Sender of ours would not be theirs to name.
        return marked.replace(b"\0", READER).replace(
            b"Sender: bob+news@example", b"Sender: news@recv"
        )


def cases() -> tuple[Shape, ...]:
    """The messages of tests/mail_cases."""
    found = []
    for path in sorted(_CASES.glob("*.eml")):
        expected = json.loads(path.with_suffix(".expect.json").read_text("utf-8"))
        (recipient,) = expected.get("send", {}).get("rcpt", [""])
        found.append(Shape(f"case-{path.stem}", _crlf(path.read_bytes()), recipient))
    return tuple(found)


def shapes() -> tuple[Shape, ...]:
    """The messages of mail programs, and ends of what is allowed."""
    return tuple(Shape(name, _crlf(content)) for name, content in _SHAPES.items())


def _crlf(content: bytes) -> bytes:
    return content.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def _base64(content: bytes, width: int = 72) -> bytes:
    text = b64encode(content)
    return b"".join(text[at : at + width] + b"\n" for at in range(0, len(text), width))


def _utf8(text: str) -> bytes:
    return text.encode("utf-8")


_PNG = _base64(
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x04\x00\x00\x00"
    b"\xb5\x1c\x0c\x02\x00\x00\x00\x0bIDATx\xdac\xfc\xff\x1f\x00\x03\x03\x02\x00\xef\xbf\xa7\xdb"
    b"\x00\x00\x00\x00IEND\xaeB`\x82"
)
_PDF = _base64(b"%PDF-1.4\n" + bytes(range(256)) * 3 + b"\n%%EOF\n")

_THUNDERBIRD = (
    b"""Content-Type: multipart/mixed; boundary="------------0mWbTqS0xYkT8qmUO4BMzQfR"
Message-ID: <3f1b52a0-6d0b-4c1e-9b9a-1d9f0b6f7c21@example.test>
Date: Thu, 26 Nov 2026 15:02:11 +0100
MIME-Version: 1.0
User-Agent: Mozilla Thunderbird
Subject: =?UTF-8?Q?Re=3A_=E4=BC=9A=E8=AE=AE_=26_Tom=27s_=22offer=22?=
To: "Smith, Ann" <someone@recv.test>, =?UTF-8?B?5p2O6Zu3?= <lilei@recv.test>
References: <orig-0@recv.test>
 <CAJ+very-long-message-id-of-gmail-0123456789abcdefghijklmnopqrstuv@mail.gmail.com>
Content-Language: en-US, de-DE
From: =?UTF-8?B?546L5bCP5piO?= <bob@example.test>
Autocrypt: addr=bob@example.test; keydata=
 xjMEZ2sX1hYJKwYBBAHaRw8BAQdAqPn1u2r8dq1mB9mW3R1Zk8o0c8kq0c3n4v5b6n7m8l/N
 HUJvYiA8Ym9iQGV4YW1wbGUudGVzdD7CiQQTFggAMRYhBKkq
Organization: Example & Sons
In-Reply-To: <CAJ+very-long-message-id-of-gmail-0123456789abcdefghijklmnopqrstuv@mail.gmail.com>

This is a multi-part message in MIME format.
--------------0mWbTqS0xYkT8qmUO4BMzQfR
Content-Type: multipart/alternative;
 boundary="------------m6gEGVsSaTHzWBMPLCmS0mLk"

--------------m6gEGVsSaTHzWBMPLCmS0mLk
Content-Type: text/plain; charset=UTF-8; format=flowed
Content-Transfer-Encoding: 8bit

On 26.11.26 um 13:11, Ann wrote:
> Don't panic: if a < b && c > d then "x". \x20
> Confirm here: <https://example.test/?a=1&b=2>
>
"""
    + _utf8("您好，明天上午十点开会。 \n")
    + b"""Stuffed: the next line begins with From and a blank, and ends with one. \x20
 From here on it is quoted. \x20
.
..two dots
--\x20
Bob
--------------m6gEGVsSaTHzWBMPLCmS0mLk
Content-Type: multipart/related;
 boundary="------------1Mz4aS5iUCX0RNXvXbcJ6E5s"

--------------1Mz4aS5iUCX0RNXvXbcJ6E5s
Content-Type: text/html; charset=UTF-8
Content-Transfer-Encoding: 8bit

<!DOCTYPE html>
<html>
  <head>
    <meta http-equiv="content-type" content="text/html; charset=UTF-8">
  </head>
  <body>
    <div class="moz-cite-prefix">On 26.11.26 um 13:11, Ann wrote:<br>
    </div>
    <p>"""
    + _utf8("您好，明天上午")
    + b"""<b>!</b> a &lt; b &amp;&amp; c</p>
    <img src="cid:part1.Y1Zt0S0g.0hM5Zt0X@example.test" alt="logo" moz-do-not-send="false">
    <pre class="moz-signature" cols="72">--\x20
Bob</pre>
  </body>
</html>
--------------1Mz4aS5iUCX0RNXvXbcJ6E5s
Content-Type: image/png; name="logo.png"
Content-Disposition: inline; filename="logo.png"
Content-Id: <part1.Y1Zt0S0g.0hM5Zt0X@example.test>
Content-Transfer-Encoding: base64

"""
    + _PNG
    + b"""
--------------1Mz4aS5iUCX0RNXvXbcJ6E5s--

--------------m6gEGVsSaTHzWBMPLCmS0mLk--
--------------0mWbTqS0xYkT8qmUO4BMzQfR
Content-Type: application/pdf; name="=?UTF-8?B?5Lya6K6u6K6u56iLLnBkZg==?="
Content-Disposition: attachment;
 filename*0*=UTF-8''%E4%BC%9A%E8%AE%AE%E8%AE%AE%E7%A8%8B%EF%BC%88%E6%9C%80;
 filename*1*=%E7%BB%88%E7%89%88%EF%BC%89%2E%70%64%66
Content-Transfer-Encoding: base64

"""
    + _PDF
    + b"""
--------------0mWbTqS0xYkT8qmUO4BMzQfR--
"""
)

_SMIME = (
    b"""Message-ID: <8d6c6f0e-2222-4c1e-9b9a-1d9f0b6f7c21@example.test>
Date: Thu, 26 Nov 2026 15:03:00 +0100
MIME-Version: 1.0
User-Agent: Mozilla Thunderbird
To: someone@recv.test
From: Bob <bob@example.test>
Subject: signed
Content-Type: multipart/signed; protocol="application/pkcs7-signature"; micalg=sha-256; boundary="------------ms030200010203040506070809"

This is a cryptographically signed message in MIME format.

--------------ms030200010203040506070809
Content-Type: text/plain; charset=UTF-8; format=flowed
Content-Transfer-Encoding: quoted-printable

Trailing blank:=20
equals =3D, tab=09and a soft =
break

--------------ms030200010203040506070809
Content-Type: application/pkcs7-signature; name="smime.p7s"
Content-Transfer-Encoding: base64
Content-Disposition: attachment; filename="smime.p7s"
Content-Description: S/MIME Cryptographic Signature

"""  # noqa: E501 - Thunderbird does not fold it
    + _PDF
    + b"""
--------------ms030200010203040506070809--
"""
)

_APPLE = (
    b"""From: Bob <bob@example.test>
Content-Type: multipart/alternative;
\tboundary="Apple-Mail=_6F1E2B0C-61B7-4E7B-8E5E-1E0A0F4B6D11"
Mime-Version: 1.0 (Mac OS X Mail 16.0 \\(3826.200.121\\))
Subject: =?utf-8?Q?Fotos_aus_M=C3=BCnchen_=F0=9F=8D=BA?=
Message-Id: <5E0B7B1D-7B42-4F4E-A1CD-0A1B2C3D4E5F@example.test>
Date: Thu, 26 Nov 2026 15:02:11 +0100
To: someone@recv.test
X-Mailer: Apple Mail (2.3826.200.121)


--Apple-Mail=_6F1E2B0C-61B7-4E7B-8E5E-1E0A0F4B6D11
Content-Transfer-Encoding: quoted-printable
Content-Type: text/plain;
\tcharset=utf-8

M=C3=BCnchen =F0=9F=8D=BA

=EF=BF=BC

Gru=C3=9F,
Bob=

--Apple-Mail=_6F1E2B0C-61B7-4E7B-8E5E-1E0A0F4B6D11
Content-Type: multipart/mixed;
\tboundary="Apple-Mail=_C5D2E7F4-1B8B-4A43-9F2C-6B1B6A6D4F22"


--Apple-Mail=_C5D2E7F4-1B8B-4A43-9F2C-6B1B6A6D4F22
Content-Transfer-Encoding: quoted-printable
Content-Type: text/html;
\tcharset=utf-8

<html><head><meta http-equiv=3D"content-type" content=3D"text/html; =
charset=3Dutf-8"></head><body style=3D"overflow-wrap: break-word; =
-webkit-nbsp-mode: space;">M=C3=BCnchen =F0=9F=8D=BA<div><br></div></body></html>=

--Apple-Mail=_C5D2E7F4-1B8B-4A43-9F2C-6B1B6A6D4F22
Content-Disposition: inline;
\tfilename*=utf-8''M%C3%BCnchen%20%28Foto%29.png
Content-Type: image/png;
\tx-unix-mode=0644;
\tname="=?utf-8?Q?M=C3=BCnchen_=28Foto=29=2Epng?="
Content-Transfer-Encoding: base64

"""
    + _PNG
    + b"""
--Apple-Mail=_C5D2E7F4-1B8B-4A43-9F2C-6B1B6A6D4F22
Content-Transfer-Encoding: 7bit
Content-Type: text/html;
\tcharset=us-ascii

<html><head></head><body><div><br></div><div>after the picture</div></body></html>
--Apple-Mail=_C5D2E7F4-1B8B-4A43-9F2C-6B1B6A6D4F22
Content-Disposition: attachment;
\tfilename=contract.pdf
Content-Type: application/pdf;
\tx-unix-hidden-extension=yes;
\tx-unix-mode=0644;
\tname="contract.pdf"
Content-Transfer-Encoding: base64

"""
    + _PDF
    + b"""
--Apple-Mail=_C5D2E7F4-1B8B-4A43-9F2C-6B1B6A6D4F22--

--Apple-Mail=_6F1E2B0C-61B7-4E7B-8E5E-1E0A0F4B6D11--
"""
)

_OUTLOOK = (
    b"""From: "Bob Example (Sales)" <bob@example.test>
To: "'Smith, Ann'" <someone@recv.test>
Subject: RE: Angebot 1043
Date: Thu, 26 Nov 2026 15:02:11 +0100
Message-ID: <000001dc5ee1$3f2a1b40$bd7e51c0$@example.test>
MIME-Version: 1.0
Content-Type: multipart/mixed;
\tboundary="----=_NextPart_000_0001_01DC5EE9.A0EE8340"
X-Mailer: Microsoft Outlook 16.0
Thread-Index: Adxe4T8LrVvUe0y7T6aJm2rj0w3YTQ==
Content-Language: de
X-Priority: 1 (Highest)
X-MSMail-Priority: High
Importance: High
Disposition-Notification-To: "Bob Example (Sales)" <bob@example.test>

This is a multipart message in MIME format.

------=_NextPart_000_0001_01DC5EE9.A0EE8340
Content-Type: multipart/related;
\tboundary="----=_NextPart_001_0002_01DC5EE9.A0EE8340"


------=_NextPart_001_0002_01DC5EE9.A0EE8340
Content-Type: multipart/alternative;
\tboundary="----=_NextPart_002_0003_01DC5EE9.A0EE8340"


------=_NextPart_002_0003_01DC5EE9.A0EE8340
Content-Type: text/plain;
\tcharset="iso-8859-1"
Content-Transfer-Encoding: 8bit

Sch\xf6ne Gr\xfc\xdfe

\x20

------=_NextPart_002_0003_01DC5EE9.A0EE8340
Content-Type: text/html;
\tcharset="iso-8859-1"
Content-Transfer-Encoding: quoted-printable

<html xmlns:v=3D"urn:schemas-microsoft-com:vml" =
xmlns:o=3D"urn:schemas-microsoft-com:office:office"><head><!--[if gte mso =
9]><xml><o:shapedefaults v:ext=3D"edit" spidmax=3D"1026" =
/></xml><![endif]--></head><body><p class=3DMsoNormal>Sch=F6ne =
Gr=FC=DFe<o:p></o:p></p><img src=3D"cid:image001.png@01DC5EE1.3E9C5C80"></body></html>
------=_NextPart_002_0003_01DC5EE9.A0EE8340--

------=_NextPart_001_0002_01DC5EE9.A0EE8340
Content-Type: image/png;
\tname="image001.png"
Content-Transfer-Encoding: base64
Content-ID: <image001.png@01DC5EE1.3E9C5C80>

"""
    + _PNG
    + b"""
------=_NextPart_001_0002_01DC5EE9.A0EE8340--

------=_NextPart_000_0001_01DC5EE9.A0EE8340
Content-Type: application/vnd.openxmlformats-officedocument.wordprocessingml.document;
\tname="=?iso-8859-1?Q?Angebot_f=FCr_Ann.docx?="
Content-Transfer-Encoding: base64
Content-Disposition: attachment;
\tfilename="=?iso-8859-1?Q?Angebot_f=FCr_Ann.docx?="

"""
    + _PDF
    + b"""
------=_NextPart_000_0001_01DC5EE9.A0EE8340
Content-Type: application/ms-tnef;
\tname="winmail.dat"
Content-Transfer-Encoding: base64
Content-Disposition: attachment;
\tfilename="winmail.dat"

eJ8+IgAAAQaQCAAEAAAAAAABAAEAAQeQBgAIAAAA5AQAAAAAAADoAAEIgAcAGAAAAElQTS5NaWNy
b3NvZnQgTWFpbC5Ob3RlADEI

------=_NextPart_000_0001_01DC5EE9.A0EE8340--
"""
)

_MEETING = b"""From: Bob <bob@example.test>
To: Ann <someone@recv.test>
Subject: Besprechung
Thread-Topic: Besprechung
Date: Thu, 26 Nov 2026 14:02:11 +0000
Message-ID: <AM0PR04MB1234ABCDEF0123456789@example.test>
Accept-Language: de-DE, en-US
Content-Language: de-DE
X-MS-Has-Attach:
X-MS-TNEF-Correlator:
Content-Type: multipart/alternative;
\tboundary="_000_AM0PR04MB1234ABCDEF0123456789AM0PR04MB1234eurp_"
MIME-Version: 1.0

--_000_AM0PR04MB1234ABCDEF0123456789AM0PR04MB1234eurp_
Content-Type: text/plain; charset="utf-8"
Content-Transfer-Encoding: base64

V2FubjogRG9ubmVyc3RhZywgMjYuIE5vdmVtYmVyIDIwMjYNCg==

--_000_AM0PR04MB1234ABCDEF0123456789AM0PR04MB1234eurp_
Content-Type: text/calendar; charset="utf-8"; method=REQUEST
Content-Transfer-Encoding: 8bit

BEGIN:VCALENDAR
METHOD:REQUEST
PRODID:Microsoft Exchange Server 2010
VERSION:2.0
BEGIN:VEVENT
ORGANIZER;CN=Bob:mailto:bob@example.test
ATTENDEE;ROLE=REQ-PARTICIPANT;PARTSTAT=NEEDS-ACTION;RSVP=TRUE;CN=Ann:mailto
 :someone@recv.test
UID:040000008200E00074C5B7101A82E00800000000
DTSTART:20261126T150000Z
DTEND:20261126T160000Z
SUMMARY;LANGUAGE=de-DE:Besprechung \xe4\xbc\x9a\xe8\xae\xae
END:VEVENT
END:VCALENDAR

--_000_AM0PR04MB1234ABCDEF0123456789AM0PR04MB1234eurp_--
"""

_MUTT = b"""Date: Thu, 26 Nov 2026 15:02:11 +0100
From: Bob <bob@example.test>
To: Ann <someone@recv.test>
Subject: Re: [PATCH v2 1/3] mm: don't sleep
Message-ID: <Z0XmQ8m2v1Vt7d3K@example.test>
Mail-Followup-To: Ann <someone@recv.test>, list@recv.test
References: <20261126100000.12345-1-ann@recv.test>
 <20261126110000.12345-2-ann@recv.test>
MIME-Version: 1.0
Content-Type: multipart/signed; micalg=pgp-sha512;
\tprotocol="application/pgp-signature"; boundary="lrvsYIebpInmECXG"
Content-Disposition: inline
In-Reply-To: <20261126110000.12345-2-ann@recv.test>
X-Face: "q&C5Sb<UFh9\\%#^.`z&o,lt;R!m[>Zq-'K"y&
 =?not an encoded word
User-Agent: Mutt/2.2.13 (2024-03-09)


--lrvsYIebpInmECXG
Content-Type: text/plain; charset=utf-8
Content-Disposition: inline
Content-Transfer-Encoding: quoted-printable

=46rom here a line that begins with From is quoted.
- -- dashes
.hidden
\ttab, and a blank at the end=20
a < b && c > d; <script>alert("x")</script> &amp; &lt;

--lrvsYIebpInmECXG
Content-Type: application/pgp-signature; name="signature.asc"

-----BEGIN PGP SIGNATURE-----

iHUEABYKAB0WIQSpKt1Yx0ZyTm5nYX1l2m0i2vU3HwUCZ0XmQwAKCRBl2m0i2vU3
H0c8AP9w3VtQ0S1m3n4v5b6n7m8l=
=AbCd
-----END PGP SIGNATURE-----

--lrvsYIebpInmECXG--
"""

_ENCRYPTED = b"""Date: Thu, 26 Nov 2026 15:02:11 +0100
From: Bob <bob@example.test>
To: Ann <someone@recv.test>
Subject: ...
Message-ID: <Z0XmQ8m2v1Vt7d3L@example.test>
MIME-Version: 1.0
Content-Type: multipart/encrypted; protocol="application/pgp-encrypted";
 boundary="------------Sj2m0n2h8L7eRkYvEw4cN0tq"

This is an OpenPGP/MIME encrypted message (RFC 4880 and 3156)
--------------Sj2m0n2h8L7eRkYvEw4cN0tq
Content-Type: application/pgp-encrypted
Content-Description: PGP/MIME version identification

Version: 1

--------------Sj2m0n2h8L7eRkYvEw4cN0tq
Content-Type: application/octet-stream; name="encrypted.asc"
Content-Description: OpenPGP encrypted message
Content-Disposition: inline; filename="encrypted.asc"

-----BEGIN PGP MESSAGE-----

hF4DAAAAAAAAAAASAQdAq8d1mB9mW3R1Zk8o0c8kq0c3n4v5b6n7m8lq9w8e7r6w
=AbCd
-----END PGP MESSAGE-----

--------------Sj2m0n2h8L7eRkYvEw4cN0tq--
"""

_K9 = (
    b"""Date: Thu, 26 Nov 2026 15:02:11 +0100
From: Bob <bob@example.test>
To: Ann <someone@recv.test>
Subject: =?UTF-8?Q?Re=3A_Einkaufszettel_=F0=9F=9B=92_=28mit_Bild=29?=
User-Agent: K-9 Mail for Android
In-Reply-To: <B2F7C6B4-7F7B-4C7E-8B0A-7A7E0E4C1A11@recv.test>
References: <B2F7C6B4-7F7B-4C7E-8B0A-7A7E0E4C1A11@recv.test>
Message-ID: <C4C0E3A1-2B0A-4E63-9D55-0F1E2D3C4B5A@example.test>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="----TZ8XK7ZQ5H8Q9L6M8V2B3N4R5T6Y7U"
Content-Transfer-Encoding: 7bit

------TZ8XK7ZQ5H8Q9L6M8V2B3N4R5T6Y7U
Content-Type: multipart/alternative;
 boundary="----JH5J2K3L4M5N6B7V8C9X0Z1A2S3D4F"
Content-Transfer-Encoding: 7bit

------JH5J2K3L4M5N6B7V8C9X0Z1A2S3D4F
Content-Type: text/plain;
 charset=utf-8
Content-Transfer-Encoding: quoted-printable

Milch & K=C3=A4se
--=20
Diese Nachricht wurde von meinem Android-Ger=C3=A4t mit K-9 Mail gesendet=2E
------JH5J2K3L4M5N6B7V8C9X0Z1A2S3D4F
Content-Type: text/html;
 charset=utf-8
Content-Transfer-Encoding: quoted-printable

<!DOCTYPE html><html><body><div dir=3D"auto">Milch &amp; K=C3=A4se</div></b=
ody></html>
------JH5J2K3L4M5N6B7V8C9X0Z1A2S3D4F--

------TZ8XK7ZQ5H8Q9L6M8V2B3N4R5T6Y7U
Content-Type: image/jpeg;
 name="=?UTF-8?Q?Einkaufszettel_=F0=9F=9B=92=2Ejpg?="
Content-Disposition: attachment;
 filename*=UTF-8''Einkaufszettel%20%F0%9F%9B%92.jpg;
 size=880
Content-Transfer-Encoding: base64

"""
    + _PDF
    + b"""
------TZ8XK7ZQ5H8Q9L6M8V2B3N4R5T6Y7U--
"""
)

_GMAIL = (
    b"""X-Google-DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;
        d=1e100.net; s=20230601; t=1795702964; x=1796307764;
        h=to:subject:message-id:date:from:mime-version:x-gm-message-state
         :from:to:cc:subject:date:message-id:reply-to;
        bh=W6XfFp7Iuezjw3keIYFO7S/8rFaoa4OeNiiEP2toI5I=;
        b=IGubSqcnUo2q1F0zCkyhO0tKRhLY5mS94p86hp/1Hb3KPieqgUDWdeus+qTLo9907
         OaOqtAYVeQjrZ7t844iKM7EGEbWdZcEugwq==
X-Gm-Message-State: AOJu0YzXn3p0d2m6v5n0R3l0b2Zk9q8w7e6r5t4y3u2i1o0p
\tX4p2dHh5LkVt8lH3m1PpXz0W5fQ9
X-Google-Smtp-Source: AGHT+IF0d2m6v5n0R3l0b2Zk9q8w7e6r5t4y3u2i1o0pX4p2dHh5LkVt8lH3
X-Received: by 2002:a05:6402:34d6:b0:5d0:2a0c:7b0f with SMTP id
 4fb4d7f45d1cf-5d0205f1b8dmr1; Thu, 26 Nov 2026 06:22:44 -0800 (PST)
MIME-Version: 1.0
References: <a@recv.test>
In-Reply-To: <a@recv.test>
From: =?UTF-8?B?546L5bCP5piO?= <bob@example.test>
Date: Thu, 26 Nov 2026 15:22:33 +0100
X-Gm-Features: AZHOrDkV
Message-ID: <CAJvXq1k0d2m6v5n0R3l0b2Zk9q8w7e6r5t4y3u2i1o0p@mail.gmail.com>
Subject: =?UTF-8?B?UmU6IOWFs+S6juaYjuWkqeeahOS8muiuruWuieaOku+8muivt+Wkp+WutuWKoeW/?=
\t=?UTF-8?B?heWHhuaXtuWPguWKoA==?=
To: Ann <someone@recv.test>
Content-Type: multipart/mixed; boundary="0000000000004c0f5b0627d2f3a1"

--0000000000004c0f5b0627d2f3a1
Content-Type: multipart/related; boundary="0000000000004c0f590627d2f3a0"

--0000000000004c0f590627d2f3a0
Content-Type: multipart/alternative; boundary="0000000000004c0f580627d2f39f"

--0000000000004c0f580627d2f39f
Content-Type: text/plain; charset="UTF-8"
Content-Transfer-Encoding: base64

5oKo5aW977yMDQrmmI7lpKnkuIrljYjljYHngrnlvIDkvJrjgIINCg==
--0000000000004c0f580627d2f39f
Content-Type: text/html; charset="UTF-8"
Content-Transfer-Encoding: quoted-printable

<div dir=3D"ltr">=E6=82=A8=E5=A5=BD=EF=BC=8C<br><img src=3D"cid:ii_m3y0q1z0=
0" alt=3D"image.png" width=3D"1" height=3D"1"><br></div>

--0000000000004c0f580627d2f39f--
--0000000000004c0f590627d2f3a0
Content-Type: image/png; name="image.png"
Content-Disposition: inline; filename="image.png"
Content-Transfer-Encoding: base64
Content-ID: <ii_m3y0q1z00>
X-Attachment-Id: ii_m3y0q1z00

"""
    + _PNG
    + b"""--0000000000004c0f590627d2f3a0--
--0000000000004c0f5b0627d2f3a1
Content-Type: application/pdf; name="=?UTF-8?B?5Lya6K6u6K6u56iLLnBkZg==?="
Content-Disposition: attachment; filename="=?UTF-8?B?5Lya6K6u6K6u56iLLnBkZg==?="
Content-Transfer-Encoding: base64
Content-ID: <f_m3y0r2a11>
X-Attachment-Id: f_m3y0r2a11

"""
    + _PDF
    + b"""--0000000000004c0f5b0627d2f3a1--
"""
)

_QQ = (
    b"""X-QQ-FEAT: oHWrrGTW1dBJ5Hq2m6v5n0R3l0b2Zk9q
X-QQ-SSF: 00400000000000F0
X-QQ-XMRINFO: NS+P29fieYNw95Bth2bWPxk=
X-HAS-ATTACH: yes
X-QQ-BUSINESS-ORIGIN: 2
X-Originating-IP: 198.51.100.7
X-QQ-STYLE:\x20
X-QQ-mid: webmail813t1795702964t1234567
From: "=?gb18030?B?zfXQocP3?=" <bob@example.test>
To: "=?gb18030?B?wO7A17yu?=" <someone@recv.test>
Subject: =?gb18030?B?u9i4tKO6ILnY09rD98zstcS74dLpsLLFxaO6x+u08w==?=
 =?gb18030?B?vNLO8bHY17zKsbLOvNM=?=
Mime-Version: 1.0
Content-Type: multipart/mixed;
\tboundary="----=_NextPart_67471A34_B8F7D2E0_5C0A1D3E"
Content-Transfer-Encoding: 8Bit
Date: Thu, 26 Nov 2026 22:22:44 +0800
X-Priority: 3
Message-ID: <tencent_0A1B2C3D4E5F60718293A4B5C6D7E8F90A1B@qq.com>
X-QQ-MIME: TCMime 1.0 by Tencent
X-Mailer: QQMail 2.x
X-QQ-Mailer: QQMail 2.x

This is a multi-part message in MIME format.

------=_NextPart_67471A34_B8F7D2E0_5C0A1D3E
Content-Type: multipart/alternative;
\tboundary="----=_NextPart_67471A34_B8F7D2E0_2A6C9F11";

------=_NextPart_67471A34_B8F7D2E0_2A6C9F11
Content-Type: text/plain;
\tcharset="gb18030"
Content-Transfer-Encoding: base64

"""
    + _base64("您好，\r\n明天上午十点开会。".encode("gb18030"), 64)
    + b"""
------=_NextPart_67471A34_B8F7D2E0_2A6C9F11
Content-Type: text/html;
\tcharset="gb18030"
Content-Transfer-Encoding: base64

"""
    + _base64("<div>您好，</div><div>明天上午十点开会。</div>".encode("gb18030"), 64)
    + b"""
------=_NextPart_67471A34_B8F7D2E0_2A6C9F11--

------=_NextPart_67471A34_B8F7D2E0_5C0A1D3E
Content-Type: application/octet-stream;
\tcharset="gb18030";
\tname="=?gb18030?B?u+HS6dLps8wucGRm?="
Content-Disposition: attachment; filename="=?gb18030?B?u+HS6dLps8wucGRm?="
Content-Transfer-Encoding: base64

"""
    + _PDF
    + b"""
------=_NextPart_67471A34_B8F7D2E0_5C0A1D3E--
"""
)

_HEAD = b"""From: bob@example.test
To: someone@recv.test
Date: Thu, 26 Nov 2026 14:00:00 +0000
"""

_FORWARDED = (
    _HEAD
    + b"""Subject: Fwd: what they wrote
Message-ID: <forwarded@example.test>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="=-=-="

--=-=-=
Content-Type: text/plain

See below.

--=-=-=
Content-Type: message/rfc822
Content-Disposition: attachment; filename="they wrote.eml"

Return-Path: <them@recv.test>
X-PMail-Deploy-Trace: smtp.example.test <a@b.test>
X-PMail-Deploy-Verdict: trusted
Authentication-Results: smtp.example.test; dmarc=pass header.from=recv.test
Received: from mx.recv.test (mx.recv.test [198.51.100.25])
\tby smtp.example.test (Postfix) with ESMTPS id 426B01B4E
\tfor <bob@example.test>; Thu, 26 Nov 2026 14:22:44 +0000 (UTC)
DKIM-Signature: v=1; a=rsa-sha256; d=recv.test; s=default; bh=x; b=x; h=from
From: them@recv.test
Bcc: hidden@example.test
Content-Length: 17
Subject: what they wrote

This is the text.

--=-=-=--
"""
)

_NEWSLETTER = b"""Date: Thu, 26 Nov 2026 14:00:00 +0000
From: "Bob's News" <bob@example.test>
Sender: bob+news@example.test
Reply-To: support@example.test
To: undisclosed-recipients:;
Subject: News of November
Message-ID: <news-11@example.test>
List-Id: <news.example.test>
List-Unsubscribe: <mailto:u@example.test>, <https://example.test/u?a=1&b=2>
List-Unsubscribe-Post: List-Unsubscribe=One-Click
Precedence: bulk
Auto-Submitted: auto-generated
X-Empty:
Comments: one
Comments: two
Keywords: a, b
MIME-Version: 1.0
Content-Type: text/html; charset=utf-8
Content-Transfer-Encoding: 8bit

<p style="color:red">10 % off: <a href="https://example.test/?a=1&amp;b=2">here</a></p>
"""

_BLANKS = (
    _HEAD
    + b"""Subject: blanks and dots\x20\x20
Message-ID: <blanks@example.test>
Content-Type: text/plain; charset=us-ascii

.
..
.leading dot
 leading blank
trailing blanks  \x20
trailing tab\t
\t
From a line that mbox quotes
>From another

\x0c form feed


"""
)

_SHAPES: dict[str, bytes] = {
    "thunderbird": _THUNDERBIRD,
    "thunderbird-smime": _SMIME,
    "thunderbird-openpgp": _ENCRYPTED,
    "apple-mail": _APPLE,
    "outlook": _OUTLOOK,
    "outlook-meeting": _MEETING,
    "mutt": _MUTT,
    "k9": _K9,
    "gmail": _GMAIL,
    "qq": _QQ,
    "forwarded-as-attachment": _FORWARDED,
    "newsletter": _NEWSLETTER,
    "blanks-and-dots": _BLANKS,
    "empty": _HEAD + b"Subject: nothing\nMessage-ID: <empty@example.test>\n\n",
    "script": b"From: bob@example.test\nTo: someone@recv.test\nSubject: backup done\n\nok\n",
    "raw-8bit": _HEAD
    + b"Subject: Sch\xf6ne Gr\xfc\xdfe, \xc4\xe3\xba\xc3\nMessage-ID: <raw8@example.test>\n\n"
    + bytes(byte for byte in range(128, 256))
    + b"\n",
    "longest-lines": _HEAD
    + b"Subject: "
    + b"s" * 989
    + b"\nX-Long: "
    + b"x" * 990
    + b"\n\t"
    + b"y" * 900
    + b"\nMessage-ID: <longest@example.test>\n\n"
    + (b"l" * 998 + b"\n") * 3
    + b"."
    + b"d" * 997
    + b"\n",
    "line-of-9-kb": _HEAD
    + b"Subject: too long a line\nMessage-ID: <nine@example.test>\n\n"
    + b"0123456789 <b>&amp; " * 450
    + b"\nthe end\n",
    "many-readers": _HEAD
    + b"Cc: "
    + b",\n ".join(b'"Reader, %d" <reader%d@recv.test>' % (n, n) for n in range(60))
    + b"\nSubject: many\nMessage-ID: <many@example.test>\n\nhi\n",
    "nested": _HEAD
    + b"Subject: deep\nMessage-ID: <deep@example.test>\nMIME-Version: 1.0\n"
    + b"".join(
        b'Content-Type: multipart/mixed; boundary="b%d"\n\n--b%d\n' % (n, n) for n in range(20)
    )
    + b"Content-Type: text/plain\n\nat the bottom\n"
    + b"".join(b"--b%d--\n" % n for n in reversed(range(20))),
}
