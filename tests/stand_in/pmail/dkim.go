package main

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
)

// dkimSigner signs as PMail does: d= always the primary domain, s=default,
// c=simple/simple, every header field (RFC 6376).
type dkimSigner struct {
	domain string
	key    crypto.Signer
}

func loadSigner(config *Config) (*dkimSigner, error) {
	data, err := os.ReadFile(config.DkimPrivateKeyPath)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, errors.New("no PEM data found")
	}
	key, err := parsePrivateKey(block)
	if err != nil {
		return nil, err
	}
	return &dkimSigner{config.Domain, key}, nil
}

func parsePrivateKey(block *pem.Block) (crypto.Signer, error) {
	switch strings.ToUpper(block.Type) {
	case "PRIVATE KEY":
		key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if err != nil {
			return nil, err
		}
		return key.(crypto.Signer), nil
	case "RSA PRIVATE KEY":
		return x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EDDSA PRIVATE KEY":
		if len(block.Bytes) != ed25519.PrivateKeySize {
			return nil, errors.New("invalid Ed25519 private key size")
		}
		return ed25519.PrivateKey(block.Bytes), nil
	}
	return nil, fmt.Errorf("unknown private key type: '%v'", block.Type)
}

// sign puts the signature on top. A key of another kind (EC) leaves the mail
// unsigned with one line in the log: that is PMail's behaviour.
func (s *dkimSigner) sign(mail []byte) []byte {
	algorithm, hash := "rsa-sha256", crypto.SHA256
	switch s.key.Public().(type) {
	case *rsa.PublicKey:
	case ed25519.PublicKey:
		algorithm, hash = "ed25519-sha256", crypto.Hash(0)
	default:
		errorf("", "dkim: unsupported key algorithm %T", s.key.Public())
		return mail
	}
	head, body, _ := bytes.Cut(mail, []byte("\r\n\r\n"))
	bodySum := sha256.Sum256(simpleBody(body))
	fields := headerFields(string(head))
	field := fmt.Sprintf("DKIM-Signature: a=%s; bh=%s;\r\n c=simple/simple; d=%s;\r\n h=%s;\r\n s=default; t=%d; v=1;\r\n b=",
		algorithm, base64.StdEncoding.EncodeToString(bodySum[:]), s.domain, fieldNames(fields), time.Now().Unix())
	signed := sha256.Sum256([]byte(strings.Join(fields, "") + field))
	signature, err := s.key.Sign(rand.Reader, signed[:], hash)
	if err != nil {
		errorf("", "%+v", err)
		return mail
	}
	return append([]byte(field+folded(base64.StdEncoding.EncodeToString(signature))+"\r\n"), mail...)
}

// simpleBody drops empty lines at the end (RFC 6376 section 3.4.3).
func simpleBody(body []byte) []byte {
	for bytes.HasSuffix(body, []byte("\r\n")) {
		body = body[:len(body)-2]
	}
	return append(append([]byte{}, body...), "\r\n"...)
}

// headerFields keeps folded lines together, each field with its line end.
func headerFields(head string) []string {
	var fields []string
	for _, line := range strings.Split(head, "\r\n") {
		if line != "" && strings.ContainsAny(line[:1], " \t") && len(fields) > 0 {
			fields[len(fields)-1] += line + "\r\n"
		} else {
			fields = append(fields, line+"\r\n")
		}
	}
	return fields
}

func fieldNames(fields []string) string {
	var names []string
	for _, field := range fields {
		name, _, _ := strings.Cut(field, ":")
		names = append(names, name)
	}
	return strings.Join(names, ":\r\n ")
}

func folded(text string) string {
	var lines []string
	for len(text) > 70 {
		lines, text = append(lines, text[:70]), text[70:]
	}
	return strings.Join(append(lines, text), "\r\n ")
}
