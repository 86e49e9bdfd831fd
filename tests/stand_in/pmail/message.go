package main

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
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

// This file is PMail's dto/parsemail/email.go: what it keeps of a mail that it
// reads. compose.go writes mails.

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
	ID                  int64 // of the row in `email`, 0 when it is not saved
	From, Sender        address
	ReplyTo             []address // of a header "ReplyTo", so always empty
	To, Cc, Bcc         []address
	Subject, Text, HTML string
	Attachments         []attachment
	Date                time.Time
	MsgID               string
	Size                int
	Status              int // 3 for a forged sender
	spfCheck, dkimCheck int
}

var (
	inAngles        = regexp.MustCompile(`<(.*@.*)>`)
	plainFilename   = regexp.MustCompile(`filename\s*=\s*"?([^";]+)"?`)
	headerName      = regexp.MustCompile(`^[!-9;-~]+$`)
	wordDecoder     = mime.WordDecoder{}
	errBodyConsumed = errors.New("multipart: NextPart: EOF")
)

func parseAddress(text string) address {
	text = strings.TrimSpace(text)
	if parsed, err := mail.ParseAddress(text); err == nil {
		return address{parsed.Address, strictPolicy.sanitize(parsed.Name)}
	}
	if found := inAngles.FindStringSubmatch(text); found != nil {
		name := strings.Trim(strings.TrimSpace(strings.ReplaceAll(text, found[0], "")), `"`)
		if plain, err := wordDecoder.Decode(strings.ReplaceAll(name, `"`, "")); err == nil {
			name = plain
		}
		return address{strings.TrimSpace(found[1]), strictPolicy.sanitize(strings.TrimSpace(name))}
	}
	return address{EmailAddress: strictPolicy.sanitize(text)}
}

// parseAddresses cuts at every comma, also at one in a quoted name, as PMail
// does; nil when there is nothing.
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

// parseMessage reads a mail; envelope recipients that To does not name become
// Bcc. It panics on a header that is none, as PMail does (421 to the client).
func parseMessage(envelope []string, raw []byte) *message {
	header, body, err := splitMail(raw)
	if err != nil {
		errorf("", "email解析错误！ Error %+v", err)
		panic(err)
	}
	m := &message{Bcc: []address{}, Size: len(raw), Date: time.Now().In(beijing)}
	m.MsgID = strings.TrimPrefix(strings.TrimSuffix(strings.TrimSpace(header.Get("Message-Id")), ">"), "<")
	m.From, m.Sender = parseAddress(header.Get("From")), parseAddress(header.Get("Sender"))
	m.From.Name = strictPolicy.sanitize(m.From.Name)
	m.From.EmailAddress = strictPolicy.sanitize(m.From.EmailAddress)
	m.To, m.Cc = parseAddresses(header["To"]), parseAddresses(header["Cc"])
	m.ReplyTo = parseAddresses(header["Replyto"])
	for _, recipient := range parseAddresses(envelope) {
		if !contains(m.To, recipient) {
			m.Bcc = append(m.Bcc, recipient)
		}
	}
	m.Subject = strictPolicy.sanitize(decodeWords(header.Get("Subject")))
	if date, err := time.Parse(time.RFC1123Z, header.Get("Date")); err == nil {
		m.Date = date
	}
	_ = m.walk(header, bytes.NewReader(body), false)
	return m
}

func decodeWords(text string) string {
	decoded, err := wordDecoder.DecodeHeader(text)
	if err != nil {
		return text
	}
	return decoded
}

func contains(list []address, wanted address) bool {
	for _, item := range list {
		if item.EmailAddress == wanted.EmailAddress {
			return true
		}
	}
	return false
}

// splitMail is ReadHeader of go-message: a line without a colon is an error.
func splitMail(raw []byte) (textproto.MIMEHeader, []byte, error) {
	header := textproto.MIMEHeader{}
	name := ""
	for len(raw) > 0 {
		line, rest, _ := bytes.Cut(raw, []byte("\n"))
		raw = rest
		text := strings.TrimSuffix(string(line), "\r")
		if text == "" {
			break
		}
		if strings.ContainsAny(text[:1], " \t") && name != "" {
			values := header[name]
			values[len(values)-1] = strings.TrimSpace(values[len(values)-1] + " " + strings.TrimSpace(text))
			continue
		}
		key, value, found := strings.Cut(text, ":")
		if key = strings.TrimSpace(key); !found || !headerName.MatchString(key) {
			return nil, nil, fmt.Errorf("message: malformed MIME header line: %v", text)
		}
		name = textproto.CanonicalMIMEHeaderKey(key)
		header[name] = append(header[name], strings.TrimSpace(value))
	}
	return header, raw, nil
}

// walk reads one part and those in it. An error ends the whole walk, and what
// comes later in the mail is lost. That is so after multipart/related: PMail
// reads it twice, and the second time there is nothing left (formatContent).
func (m *message) walk(header textproto.MIMEHeader, body io.Reader, inRelated bool) error {
	kind, params, err := contentType(header)
	if err != nil {
		errorf("", "email read error! %+v", err)
		return err
	}
	switch kind {
	case "multipart/mixed", "multipart/alternative":
		return m.walkParts(params["boundary"], body, inRelated)
	case "multipart/related":
		if inRelated {
			return m.walkParts(params["boundary"], body, true)
		}
		_ = m.walkParts(params["boundary"], body, true)
		return errBodyConsumed
	}
	m.keep(kind, params, header, body)
	// Any other multipart, a report of non-delivery above all, became one attachment as it is.
	if strings.HasPrefix(kind, "multipart/") {
		return errBodyConsumed
	}
	return nil
}

func contentType(header textproto.MIMEHeader) (string, map[string]string, error) {
	value := header.Get("Content-Type")
	if value == "" {
		return "text/plain", nil, nil
	}
	kind, params, err := mime.ParseMediaType(value)
	for key, text := range params {
		params[key] = decodeWords(text)
	}
	return kind, params, err
}

func (m *message) walkParts(boundary string, body io.Reader, inRelated bool) error {
	if boundary == "" {
		return errors.New("multipart: boundary is empty")
	}
	reader := multipart.NewReader(body, boundary)
	for {
		part, err := reader.NextRawPart()
		if err == io.EOF {
			return nil
		}
		if err == nil {
			err = m.walk(part.Header, part, inRelated)
		}
		if err != nil {
			return err
		}
	}
}

// keep stores a part that is no container; of several texts the last one stays.
func (m *message) keep(kind string, params map[string]string, header textproto.MIMEHeader, body io.Reader) {
	if !strings.HasPrefix(kind, "multipart/") {
		body = decoded(header, body)
	}
	content, _ := io.ReadAll(body)
	attached := strings.Contains(strings.ToLower(header.Get("Content-Disposition")), "attachment")
	switch {
	case !attached && kind == "text/plain":
		m.Text = strictPolicy.sanitize(string(content))
	case !attached && kind == "text/html":
		m.HTML = relaxedPolicy.sanitize(string(content))
	default:
		id := strings.TrimPrefix(strings.TrimSuffix(header.Get("Content-Id"), ">"), "<")
		name := strictPolicy.sanitize(fileName(header, params))
		m.Attachments = append(m.Attachments, attachment{name, strictPolicy.sanitize(kind), content, id})
	}
}

// fileName does not know filename*= (RFC 2231); name*= it does.
func fileName(header textproto.MIMEHeader, params map[string]string) string {
	if params["name"] != "" {
		return params["name"]
	}
	if found := plainFilename.FindStringSubmatch(header.Get("Content-Disposition")); found != nil {
		return strings.Trim(strings.TrimSpace(found[1]), `"`)
	}
	return "no_name_file"
}

func decoded(header textproto.MIMEHeader, body io.Reader) io.Reader {
	switch strings.ToLower(header.Get("Content-Transfer-Encoding")) {
	case "base64":
		content, _ := io.ReadAll(body)
		compact := strings.NewReplacer(" ", "\n", "\t", "\n").Replace(string(content))
		return base64.NewDecoder(base64.StdEncoding, strings.NewReader(compact))
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
