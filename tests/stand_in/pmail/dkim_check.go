package main

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"net"
	"regexp"
	"strconv"
	"strings"
	"time"
)

var (
	signatureTag = regexp.MustCompile(`(b\s*=)[^;]+`)
	blankRuns    = regexp.MustCompile(`[ \t]+`)
	allBlanks    = strings.NewReplacer(" ", "", "\t", "", "\r", "", "\n", "")
)

// dkimPasses wants at least one signature, and all of them valid
// (dto/parsemail/dkim.go, go-msgauth's Verify).
func dkimPasses(mail []byte) bool {
	head, body, _ := bytes.Cut(mail, []byte("\r\n\r\n"))
	fields := headerFields(string(head))
	signatures := 0
	for _, item := range fields {
		if name, value, _ := strings.Cut(item, ":"); strings.EqualFold(name, "DKIM-Signature") {
			signatures++
			if !signatureValid(fields, item, tagList(value), body) {
				infof("", "Invalid signature for: %s", tagList(value)["d"])
				return false
			}
		}
	}
	return signatures > 0
}

func tagList(text string) map[string]string {
	tags := map[string]string{}
	for _, tag := range strings.Split(text, ";") {
		name, value, _ := strings.Cut(tag, "=")
		tags[allBlanks.Replace(name)] = allBlanks.Replace(value)
	}
	return tags
}

func signatureValid(fields []string, own string, tags map[string]string, body []byte) bool {
	names := strings.Split(tags["h"], ":")
	headerForm, bodyForm, _ := strings.Cut(tags["c"], "/")
	_, limited := tags["l"]
	expires, _ := strconv.ParseInt(tags["x"], 10, 64)
	if tags["v"] != "1" || limited || !anyFold(names, "from") || expires != 0 && time.Now().Unix() > expires {
		return false
	}
	text := simpleBody(body)
	if bodyForm == "relaxed" {
		text = relaxedBody(body)
	}
	bodySum := sha256.Sum256(text)
	if base64.StdEncoding.EncodeToString(bodySum[:]) != tags["bh"] {
		return false
	}
	own = signatureTag.ReplaceAllString(own, "$1")
	var signed strings.Builder
	for _, item := range append(picked(fields, names), own) {
		if headerForm == "relaxed" {
			item = relaxedField(item)
		}
		signed.WriteString(item)
	}
	sum := sha256.Sum256([]byte(strings.TrimRight(signed.String(), "\r\n")))
	signature, err := base64.StdEncoding.DecodeString(tags["b"])
	return err == nil && keyVerifies(tags, sum[:], signature)
}

func anyFold(list []string, wanted string) bool {
	for _, item := range list {
		if strings.EqualFold(item, wanted) {
			return true
		}
	}
	return false
}

// picked takes the named fields, of those with the same name the last ones first.
func picked(fields, names []string) []string {
	var found []string
	used := map[int]bool{}
	for _, name := range names {
		for index := len(fields) - 1; index >= 0; index-- {
			key, _, _ := strings.Cut(fields[index], ":")
			if !used[index] && strings.EqualFold(strings.TrimSpace(key), name) {
				used[index] = true
				found = append(found, fields[index])
				break
			}
		}
	}
	return found
}

func relaxedField(text string) string {
	name, value, _ := strings.Cut(text, ":")
	value = strings.NewReplacer("\r", "", "\n", "").Replace(value)
	return strings.ToLower(strings.TrimSpace(name)) + ":" + strings.TrimSpace(blankRuns.ReplaceAllString(value, " ")) + "\r\n"
}

func relaxedBody(body []byte) []byte {
	lines := strings.Split(string(body), "\r\n")
	for index, line := range lines {
		lines[index] = strings.TrimRight(blankRuns.ReplaceAllString(line, " "), " ")
	}
	text := strings.TrimRight(strings.Join(lines, "\r\n"), "\r\n")
	if text == "" {
		return nil
	}
	return []byte(text + "\r\n")
}

func keyVerifies(tags map[string]string, sum, signature []byte) bool {
	texts, err := net.LookupTXT(tags["s"] + "._domainkey." + tags["d"])
	if err != nil || len(texts) == 0 {
		return false
	}
	key := tagList(texts[0])
	data, err := base64.StdEncoding.DecodeString(key["p"])
	if err != nil {
		return false
	}
	if key["k"] == "ed25519" {
		return tags["a"] == "ed25519-sha256" && len(data) == ed25519.PublicKeySize && ed25519.Verify(data, sum, signature)
	}
	public, err := x509.ParsePKIXPublicKey(data)
	rsaKey, isRSA := public.(*rsa.PublicKey)
	return err == nil && isRSA && tags["a"] == "rsa-sha256" && rsa.VerifyPKCS1v15(rsaKey, crypto.SHA256, sum, signature) == nil
}
