package main

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"html"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"net/textproto"
	"regexp"
	"strings"
	"time"
)

// address is kept as JSON in the database.
type address struct {
	EmailAddress string `json:"EmailAddress"`
	Name         string `json:"Name"`
}

func (a address) parts() (local, domain string) {
	pieces := strings.Split(a.EmailAddress, "@")
	if len(pieces) < 2 {
		return "", ""
	}
	return pieces[0], pieces[1]
}

func (a address) String() string {
	return (&mail.Address{Name: a.Name, Address: a.EmailAddress}).String()
}

type attachment struct {
	Filename    string
	ContentType string
	Content     []byte
	ContentID   string
}

// message is all that PMail keeps of a mail; every other header is lost.
type message struct {
	From, Sender        address
	To, Cc, Bcc         []address
	Subject, Text, HTML string
	Attachments         []attachment
	Date                time.Time
	MsgID               string
	Size                int
	spfCheck, dkimCheck int
}

var (
	tags         = regexp.MustCompile(`<[^>]*>`)
	inAngles     = regexp.MustCompile(`<(.*@.*)>`)
	wordDecoder  = mime.WordDecoder{}
	newlinesOnly = strings.NewReplacer("\r\n", "\n")
)

// sanitize is what PMail does to texts: no tags, entities escaped.
func sanitize(text string) string {
	return html.EscapeString(html.UnescapeString(tags.ReplaceAllString(newlinesOnly.Replace(text), "")))
}

func parseAddress(text string) address {
	text = strings.TrimSpace(text)
	if parsed, err := mail.ParseAddress(text); err == nil {
		return address{parsed.Address, sanitize(parsed.Name)}
	}
	if found := inAngles.FindStringSubmatch(text); found != nil {
		name := strings.Trim(strings.TrimSpace(strings.Replace(text, found[0], "", 1)), `"`)
		return address{strings.TrimSpace(found[1]), sanitize(name)}
	}
	return address{EmailAddress: sanitize(text)}
}

// parseAddresses cuts at every comma, as PMail does; nil when there is nothing.
func parseAddresses(lines []string) []address {
	var found []address
	for _, line := range lines {
		for _, part := range strings.Split(line, ",") {
			if strings.TrimSpace(line) != "" {
				found = append(found, parseAddress(part))
			}
		}
	}
	return found
}

// parseMessage reads a mail; envelope recipients that To does not name become Bcc.
func parseMessage(envelope []string, raw []byte) *message {
	m := &message{Bcc: []address{}, Size: len(raw), Date: time.Now()}
	header, body := mail.Header{}, io.Reader(bytes.NewReader(nil))
	if parsed, err := mail.ReadMessage(bytes.NewReader(raw)); err != nil {
		errorf("", "email解析错误！ Error %+v", err)
	} else {
		header, body = parsed.Header, parsed.Body
	}
	m.MsgID = strings.Trim(strings.TrimSpace(header.Get("Message-Id")), "<>")
	m.From, m.Sender = parseAddress(header.Get("From")), parseAddress(header.Get("Sender"))
	m.To, m.Cc = parseAddresses(header["To"]), parseAddresses(header["Cc"])
	for _, recipient := range parseAddresses(envelope) {
		if !contains(m.To, recipient) {
			m.Bcc = append(m.Bcc, recipient)
		}
	}
	subject, err := wordDecoder.DecodeHeader(header.Get("Subject"))
	if err != nil {
		subject = header.Get("Subject")
	}
	m.Subject = sanitize(subject)
	if date, err := time.Parse(time.RFC1123Z, header.Get("Date")); err == nil {
		m.Date = date
	}
	m.readPart(textproto.MIMEHeader(header), body)
	return m
}

func contains(list []address, wanted address) bool {
	for _, item := range list {
		if item.EmailAddress == wanted.EmailAddress {
			return true
		}
	}
	return false
}

func (m *message) readPart(header textproto.MIMEHeader, body io.Reader) {
	kind, params, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil {
		kind = "text/plain"
	}
	// Any other multipart, a report of non-delivery above all, becomes one attachment as it is.
	if kind == "multipart/mixed" || kind == "multipart/alternative" || kind == "multipart/related" {
		reader := multipart.NewReader(body, params["boundary"])
		for {
			part, err := reader.NextRawPart()
			if err != nil {
				return
			}
			m.readPart(part.Header, part)
		}
	}
	content, _ := io.ReadAll(decoded(header, body))
	disposition, dispositionParams, _ := mime.ParseMediaType(header.Get("Content-Disposition"))
	switch {
	case disposition != "attachment" && kind == "text/plain":
		m.Text = sanitize(string(content))
	case disposition != "attachment" && kind == "text/html":
		m.HTML = newlinesOnly.Replace(string(content))
	default:
		name := params["name"]
		if name == "" {
			name = dispositionParams["filename"]
		}
		if name == "" {
			name = "no_name_file"
		}
		m.Attachments = append(m.Attachments, attachment{name, kind, content, strings.Trim(header.Get("Content-Id"), "<>")})
	}
}

func decoded(header textproto.MIMEHeader, body io.Reader) io.Reader {
	switch strings.ToLower(header.Get("Content-Transfer-Encoding")) {
	case "base64":
		return base64.NewDecoder(base64.StdEncoding, body)
	case "quoted-printable":
		return quotedprintable.NewReader(body)
	}
	return body
}

func newMessageID(domain string) string {
	random := make([]byte, 16)
	_, _ = rand.Read(random)
	return fmt.Sprintf("%x.%d@%s", random, time.Now().UnixNano(), domain)
}

// build writes the mail anew, headers in PMail's order.
func (m *message) build() []byte {
	var out bytes.Buffer
	mixed := multipart.NewWriter(&out)
	header := func(name, value string) { fmt.Fprintf(&out, "%s: %s\r\n", name, value) }
	header("Content-Type", "multipart/mixed;\r\n boundary="+mixed.Boundary())
	header("Mime-Version", "1.0")
	if len(m.Cc) > 0 {
		header("Cc", joinAddresses(m.Cc))
	}
	header("Subject", mime.QEncoding.Encode("utf-8", m.Subject))
	header("To", joinAddresses(m.To))
	header("Sender", m.From.String())
	header("From", m.From.String())
	header("Message-Id", "<"+m.MsgID+">")
	header("Date", m.Date.In(beijing).Format(time.RFC1123Z))
	out.WriteString("\r\n")
	m.writeTexts(mixed)
	for _, file := range m.Attachments {
		writePart(mixed, file.ContentType, mime.FormatMediaType("attachment", map[string]string{"filename": file.Filename}), file.Content)
	}
	_ = mixed.Close()
	return out.Bytes()
}

// writeTexts always writes an HTML part: the plain text when there is no HTML.
func (m *message) writeTexts(mixed *multipart.Writer) {
	var inner bytes.Buffer
	texts := multipart.NewWriter(&inner)
	if m.Text != "" {
		writePart(texts, "text/plain; charset=UTF-8", "inline", []byte(m.Text))
	}
	rich := m.HTML
	if rich == "" {
		rich = m.Text
	}
	writePart(texts, "text/html; charset=UTF-8", "inline", []byte(rich))
	_ = texts.Close()
	part, _ := mixed.CreatePart(textproto.MIMEHeader{"Content-Type": {"multipart/alternative;\r\n boundary=" + texts.Boundary()}})
	_, _ = part.Write(inner.Bytes())
}

func writePart(parent *multipart.Writer, kind, disposition string, content []byte) {
	part, _ := parent.CreatePart(textproto.MIMEHeader{
		"Content-Type": {kind}, "Content-Disposition": {disposition}, "Content-Transfer-Encoding": {"base64"},
	})
	encoded := base64.StdEncoding.EncodeToString(content)
	for len(encoded) > 76 {
		fmt.Fprintf(part, "%s\r\n", encoded[:76])
		encoded = encoded[76:]
	}
	fmt.Fprintf(part, "%s", encoded)
}

func joinAddresses(list []address) string {
	var texts []string
	for _, item := range list {
		texts = append(texts, item.String())
	}
	return strings.Join(texts, ",\r\n ")
}
