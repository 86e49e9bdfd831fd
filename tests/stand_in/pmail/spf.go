package main

import (
	"context"
	"errors"
	"net"
	"regexp"
	"strings"
	"time"
)

// PMail's SPF library (mileusna/spf) asks Google's resolver by UDP, whatever
// /etc/resolv.conf says; where that is out of reach nothing passes.
const spfServer = "8.8.8.8:53"

const (
	spfNone    = "NONE"
	spfNeutral = "NEUTRAL"
	spfPass    = "PASS"
	spfFail    = "FAIL"
	spfSoft    = "SOFTFAIL"
	spfTemp    = "TEMPERROR"
	spfPerm    = "PERMERROR"

	spfTimeout = 2 * time.Second
	spfLookups = 10
)

var (
	spfTerm     = regexp.MustCompile(`^([+\-?~])?(all|include|a|mx|ip4|ip6):?(.*)$`)
	spfResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", spfServer)
	}}
)

// spfCheck is one evaluation; ptr, exists and macros are not modelled.
type spfCheck struct {
	client  net.IP
	lookups int
}

func (c *spfCheck) host(domain string) string {
	record, verdict := spfRecord(domain)
	if verdict != "" {
		return verdict
	}
	result := spfNone
	for _, term := range strings.Fields(strings.TrimPrefix(record, "v=spf1")) {
		if strings.HasPrefix(term, "redirect=") {
			return c.host(strings.TrimPrefix(term, "redirect="))
		}
		found := spfTerm.FindStringSubmatch(term)
		if found == nil {
			continue
		}
		if found[2] == "all" {
			return qualified(found[1])
		}
		switch verdict := c.mechanism(domain, found[1], found[2], found[3]); verdict {
		case spfPass, spfPerm:
			return verdict
		case spfTemp:
			result = verdict
		default:
			result = spfNeutral
		}
	}
	return result
}

func (c *spfCheck) mechanism(domain, qualifier, name, parameter string) string {
	target, bits, masked := strings.Cut(parameter, "/")
	if target == "" {
		target = domain
	}
	if masked {
		bits = "/" + bits
	}
	switch name {
	case "a":
		return c.addresses(target, bits, qualifier)
	case "mx":
		return c.exchangers(target, bits, qualifier)
	case "include":
		return c.host(target)
	case "ip4", "ip6":
		if (name == "ip4") == (c.client.To4() != nil) {
			return c.compare(parameter, qualifier)
		}
	}
	return ""
}

func (c *spfCheck) addresses(domain, bits, qualifier string) string {
	if c.lookups++; c.lookups > spfLookups {
		return spfPerm
	}
	network := "ip4"
	if c.client.To4() == nil {
		network = "ip6"
	}
	ctx, cancel := context.WithTimeout(context.Background(), spfTimeout)
	defer cancel()
	found, err := spfResolver.LookupIP(ctx, network, rooted(domain))
	if unanswered(err) {
		return spfTemp
	}
	for _, ip := range found {
		if verdict := c.compare(ip.String()+bits, qualifier); verdict != spfNeutral {
			return verdict
		}
	}
	return spfNeutral
}

func (c *spfCheck) exchangers(domain, bits, qualifier string) string {
	ctx, cancel := context.WithTimeout(context.Background(), spfTimeout)
	defer cancel()
	found, err := spfResolver.LookupMX(ctx, rooted(domain))
	if unanswered(err) {
		return spfTemp
	}
	result := spfNone
	for _, exchanger := range found {
		switch verdict := c.addresses(exchanger.Host, bits, qualifier); verdict {
		case spfPass, spfPerm, spfFail:
			return verdict
		case spfTemp:
			result = verdict
		}
	}
	return result
}

func (c *spfCheck) compare(wanted, qualifier string) string {
	if _, network, err := net.ParseCIDR(wanted); err == nil && network.Contains(c.client) ||
		err != nil && c.client.Equal(net.ParseIP(wanted)) {
		return qualified(qualifier)
	}
	return spfNeutral
}

func qualified(qualifier string) string {
	switch qualifier {
	case "~":
		return spfSoft
	case "-":
		return spfFail
	case "?":
		return spfNeutral
	}
	return spfPass
}

// spfRecord is the policy, or a verdict when there is not exactly one.
func spfRecord(domain string) (record, verdict string) {
	ctx, cancel := context.WithTimeout(context.Background(), spfTimeout)
	defer cancel()
	texts, err := spfResolver.LookupTXT(ctx, rooted(domain))
	if unanswered(err) {
		return "", spfTemp
	}
	var records []string
	for _, text := range texts {
		if text = strings.ToLower(text); text == "v=spf1" || strings.HasPrefix(text, "v=spf1 ") {
			records = append(records, text)
		}
	}
	switch len(records) {
	case 0:
		return "", spfNone
	case 1:
		return records[0], ""
	}
	return "", spfPerm
}

// unanswered: the library does not look at response codes, so NXDOMAIN and
// SERVFAIL are answers without records.
func unanswered(err error) bool {
	var failed *net.DNSError
	if err == nil || errors.As(err, &failed) && (failed.IsNotFound || failed.Err == "server misbehaving") {
		return false
	}
	return true
}

func rooted(domain string) string { return strings.TrimSuffix(domain, ".") + "." }
