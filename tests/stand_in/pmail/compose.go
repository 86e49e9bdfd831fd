package main

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"mime"
	"mime/quotedprintable"
	"strings"
	"time"
)

const (
	softLineLength = 76
	hardLineLength = 998
	mailDate       = "Mon, 02 Jan 2006 15:04:05 -0700"
)

type field struct{ name, value string }

// part is a piece of a multipart body, its content already encoded.
type part struct {
	fields  []field
	content []byte
}

// build writes the mail anew (BuildBytes), headers in PMail's order.
func (m *message) build() []byte {
	fields := []field{
		{"Cc", joinAddresses(m.Cc)},
		{"Subject", mime.QEncoding.Encode("utf-8", m.Subject)},
		{"To", joinAddresses(m.To)},
		{"Sender", m.From.String()},
		{"From", m.From.String()},
		{"Message-Id", "<" + m.MsgID + ">"},
		{"Date", m.Date.Format(mailDate)},
	}
	if len(m.To) == 0 {
		fields = append(fields[:2], fields[3:]...)
	}
	if len(m.Cc) == 0 {
		fields = fields[1:]
	}
	return m.compose(fields, m.texts())
}

// texts always has an HTML part: the plain text when there is no HTML.
func (m *message) texts() []part {
	var parts []part
	if m.Text != "" {
		parts = append(parts, part{[]field{
			{"Content-Disposition", "inline"},
			{"Content-Type", "text/plain; charset=UTF-8"},
			{"Content-Transfer-Encoding", "base64"},
		}, base64Lines([]byte(m.Text))})
	}
	rich := m.HTML
	if rich == "" {
		rich = m.Text
	}
	return append(parts, part{[]field{
		{"Content-Disposition", "inline"},
		{"Content-Transfer-Encoding", "base64"},
		{"Content-Type", "text/html; charset=UTF-8"},
	}, base64Lines([]byte(rich))})
}

// buildForward writes the mail in the name of the user who forwards it
// (ForwardBuildBytes): after the receiver refused the original bytes.
func (m *message) buildForward(user User, domains []string, domain, to string) []byte {
	sender := address{user.Account + "@" + domains[0], user.Name}
	target := parseAddress(to)
	fields := []field{
		{"Message-Id", "<" + newMessageID(domain) + ">"},
		{"Subject", mime.QEncoding.Encode("utf-8", m.Subject)},
		{"X-Forwarded-To", target.EmailAddress},
		{"X-Forwarded-By", sender.EmailAddress},
	}
	if m.MsgID != "" {
		fields = append([]field{{"In-Reply-To", "<" + m.MsgID + ">"}, {"References", "<" + m.MsgID + ">"}}, fields...)
	}
	if m.From.EmailAddress != "" {
		fields = append(fields, field{"X-Original-From", m.From.display()}, field{"Reply-To", m.From.String()})
	}
	fields = append(fields, field{"To", target.String()}, field{"Sender", sender.String()},
		field{"From", sender.String()}, field{"Date", time.Now().In(beijing).Format(mailDate)})
	return m.compose(fields, []part{quotedPart("text/plain", m.Text), quotedPart("text/html", m.HTML)})
}

// display is PMail's own way to write an address (User.Build).
func (a address) display() string {
	if a.Name == "" {
		return "<" + a.EmailAddress + ">"
	}
	return fmt.Sprintf(`"%s" <%s>`, mime.QEncoding.Encode("utf-8", a.Name), a.EmailAddress)
}

func quotedPart(kind, text string) part {
	var content bytes.Buffer
	writer := quotedprintable.NewWriter(&content)
	_, _ = writer.Write([]byte(text))
	_ = writer.Close()
	return part{[]field{
		{"Content-Transfer-Encoding", "quoted-printable"}, {"Content-Disposition", "inline"}, {"Content-Type", kind},
	}, content.Bytes()}
}

// compose puts the texts into a multipart/alternative beside the attachments.
func (m *message) compose(fields []field, texts []part) []byte {
	boundary, alternative := joinParts(texts)
	parts := []part{{[]field{{"Content-Type", "multipart/alternative;\r\n boundary=" + boundary}}, alternative}}
	for _, file := range m.Attachments {
		parts = append(parts, filePart(file))
	}
	boundary, body := joinParts(parts)
	start := []field{{"Content-Type", "multipart/mixed;\r\n boundary=" + boundary}, {"Mime-Version", "1.0"}}
	var out bytes.Buffer
	writeFields(&out, append(start, fields...))
	out.Write(body)
	return out.Bytes()
}

// filePart gives an attachment that is a multipart (a report) a boundary that its
// content does not have: go-message does so for every multipart.
func filePart(file attachment) part {
	name := mime.QEncoding.Encode("utf-8", file.Filename)
	disposition := field{"Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": name})}
	if strings.HasPrefix(file.ContentType, "multipart/") {
		kind := mime.FormatMediaType(file.ContentType, map[string]string{"boundary": newBoundary()})
		return part{[]field{{"Content-Type", kind}, disposition}, file.Content}
	}
	return part{[]field{
		{"Content-Transfer-Encoding", "base64"}, disposition, {"Content-Type", file.ContentType},
	}, base64Lines(file.Content)}
}

func joinParts(parts []part) (boundary string, body []byte) {
	boundary = newBoundary()
	var out bytes.Buffer
	for index, item := range parts {
		if index > 0 {
			out.WriteString("\r\n")
		}
		out.WriteString("--" + boundary + "\r\n")
		writeFields(&out, item.fields)
		out.Write(item.content)
	}
	out.WriteString("\r\n--" + boundary + "--\r\n")
	return boundary, out.Bytes()
}

func newBoundary() string {
	random := make([]byte, 30)
	_, _ = rand.Read(random)
	return fmt.Sprintf("%x", random)
}

func base64Lines(content []byte) []byte {
	var out bytes.Buffer
	encoded := base64.StdEncoding.EncodeToString(content)
	for len(encoded) > softLineLength {
		out.WriteString(encoded[:softLineLength] + "\r\n")
		encoded = encoded[softLineLength:]
	}
	out.WriteString(encoded)
	return out.Bytes()
}

func joinAddresses(list []address) string {
	var texts []string
	for _, item := range list {
		texts = append(texts, item.String())
	}
	return strings.Join(texts, ", ")
}

// writeFields folds as go-message does; values that are folded already stay.
func writeFields(out *bytes.Buffer, fields []field) {
	for _, item := range fields {
		out.WriteString(item.name + ": ")
		if strings.Contains(item.value, "\r\n") {
			out.WriteString(item.value + "\r\n")
		} else {
			writeFolded(out, item.value, len(item.name)+2)
		}
	}
	out.WriteString("\r\n")
}

// writeFolded breaks at the last blank before the soft limit; a text without a
// blank there is only broken at the hard one.
func writeFolded(out *bytes.Buffer, value string, used int) {
	for {
		if used+len(value) <= softLineLength {
			break
		}
		at := strings.LastIndexAny(value[:softLineLength+1-used], " \t")
		if at <= 0 {
			limit := hardLineLength - used
			if len(value) <= limit {
				break
			}
			if at = strings.LastIndexAny(value[:limit+1], " \t"); at <= 0 {
				break
			}
		}
		out.WriteString(value[:at] + "\r\n")
		value, used = value[at:], 0
	}
	out.WriteString(value + "\r\n")
}
