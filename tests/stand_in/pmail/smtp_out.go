package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/smtp"
	"net/textproto"
	"sort"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

const (
	dialTimeout   = 2 * time.Second
	maxReplyBytes = 128
)

// destination is one receiving host; domain is its name in errors.
type destination struct{ domain, host string }

// delivery is one mail on its way: the bytes and the envelope sender.
type delivery struct {
	logID      string
	from       string
	fromDomain string
	mail       []byte
}

// submit stores, signs and delivers the mail of a logged-in user at once, and
// answers with what the receivers said.
func (s *server) submit(logID string, user User, m *message) reply {
	if local, _ := m.From.parts(); local != user.Account && user.IsAdmin != 1 {
		return reply{554, "5.0.0", "Error: transaction failed: No Auth"}
	}
	if m.MsgID == "" {
		m.MsgID = newMessageID(s.config.Domain)
	}
	m.spfCheck, m.dkimCheck = 1, 1
	id, err := s.store.saveMail(m, mailSent, statusPending, user.ID, []int64{user.ID})
	if err != nil {
		errorf(logID, "CRITICAL audit_event=initial_persist_failed direction=outbound msg_id=%q error=%v", m.MsgID, err)
		return persistenceFailure
	}
	failed, reasons := s.send(logID, m)
	status, failure := statusSent, any(nil)
	if len(failed) > 0 {
		status, failure = statusFailed, failureText(failed)
	}
	if err := s.store.finishMail(id, status, failure); err != nil {
		errorf(logID, "CRITICAL audit_event=delivery_result_persist_failed email_id=%d msg_id=%q error=%v", id, m.MsgID, err)
	}
	return submitterReply(failed, reasons)
}

func failureText(failed []string) string {
	return "以下收件人投递失败：" + strings.Join(failed, ",")
}

// send goes to every recipient of To, Cc and the envelope, signed.
func (s *server) send(logID string, m *message) ([]string, map[string]error) {
	_, fromDomain := m.From.parts()
	job := delivery{logID, m.From.EmailAddress, fromDomain, s.signer.sign(m.build())}
	return job.deliver(append(append(append([]address{}, m.To...), m.Cc...), m.Bcc...))
}

// deliver hands over all recipients of one destination in one transaction, and
// returns the addresses that failed (doSend).
func (d delivery) deliver(recipients []address) ([]string, map[string]error) {
	groups, lookups := d.destinations(recipients)
	var (
		wait    sync.WaitGroup
		mutex   sync.Mutex
		failed  []string
		reasons = map[string]error{}
	)
	for target, recipients := range groups {
		wait.Add(1)
		go func(target destination, recipients []string) {
			defer wait.Done()
			err := withLookup(lookups[target], d.attempt(target, recipients))
			if err == nil {
				return
			}
			errorf(d.logID, "[%p] 邮件投递失败%s", &recipients, replyText(err))
			mutex.Lock()
			defer mutex.Unlock()
			failed = append(failed, recipients...)
			reasons[target.domain] = err
		}(target, recipients)
	}
	wait.Wait()
	return failed, reasons
}

// destinations groups by the first MX; no MX means smtp.<domain>, never the
// domain's own address record.
func (d delivery) destinations(all []address) (map[destination][]string, map[destination]error) {
	groups, lookups := map[destination][]string{}, map[destination]error{}
	for _, recipient := range all {
		pieces := strings.Split(recipient.EmailAddress, "@")
		if len(pieces) != 2 {
			errorf(d.logID, "邮箱地址解析错误！ &{%s %s}", recipient.EmailAddress, recipient.Name)
			continue
		}
		target := destination{"smtp." + pieces[1], "smtp." + pieces[1]}
		records, err := net.LookupMX(pieces[1])
		if err != nil {
			errorf(d.logID, "%s 域名mx记录查询失败，检查邮箱是否存在！", recipient.EmailAddress)
		}
		if len(records) > 0 {
			target = destination{pieces[1], records[0].Host}
		}
		if err != nil {
			lookups[target] = err
		}
		groups[target] = append(groups[target], recipient.EmailAddress)
	}
	return groups, lookups
}

// attempt tries 25 with verified STARTTLS, 587 and 465 with unverified TLS,
// then 25 in clear. Only a 5xx answer ends the sequence.
func (d delivery) attempt(target destination, recipients []string) error {
	err := d.startTLS(target.host, target.host, recipients)
	var mismatch x509.HostnameError
	if errors.As(err, &mismatch) && mismatch.Certificate != nil {
		err = d.startTLS(target.host, nameFromCertificate(target.domain, mismatch.Certificate.DNSNames), recipients)
	}
	if err == nil || permanent(err) {
		return err
	}
	infof(d.logID, "SMTP STARTTLS on 25 Send Error. %s", replyText(err))
	for _, port := range []string{"587", "465"} {
		if err = d.implicitTLS(target.host, port, recipients); err == nil || permanent(err) {
			return err
		}
		infof(d.logID, "SMTPS on %s Send Error. %s", port, replyText(err))
	}
	if err = d.plain(target.host, recipients); err == nil {
		warnf(d.logID, "Send By Unsafe SMTP")
	}
	return err
}

func (d delivery) startTLS(host, verifyAs string, recipients []string) error {
	return d.converse(host, "25", nil, recipients, func(client *smtp.Client) error {
		if offered, _ := client.Extension("STARTTLS"); !offered {
			return errors.New("smtp: server doesn't support STARTTLS")
		}
		return client.StartTLS(&tls.Config{ServerName: verifyAs})
	})
}

func (d delivery) implicitTLS(host, port string, recipients []string) error {
	unverified := &tls.Config{InsecureSkipVerify: true, ServerName: d.fromDomain}
	return d.converse(host, port, unverified, recipients, nil)
}

func (d delivery) plain(host string, recipients []string) error {
	return d.converse(host, "25", nil, recipients, nil)
}

// converse greets with the bare domain of the From address and hands the mail over.
func (d delivery) converse(host, port string, implicit *tls.Config, recipients []string, secure func(*smtp.Client) error) error {
	client, err := dial(net.JoinHostPort(host, port), host, implicit)
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }()
	if err := client.Hello(d.fromDomain); err != nil {
		return err
	}
	if secure != nil {
		if err := secure(client); err != nil {
			return err
		}
	}
	if err := client.Mail(d.from); err != nil {
		return err
	}
	for _, recipient := range recipients {
		if err := client.Rcpt(recipient); err != nil {
			return err
		}
	}
	return d.handOver(client)
}

func dial(target, host string, implicit *tls.Config) (*smtp.Client, error) {
	dialer := &net.Dialer{Timeout: dialTimeout}
	var (
		conn net.Conn
		err  error
	)
	if implicit != nil {
		conn, err = tls.DialWithDialer(dialer, "tcp", target, implicit)
	} else {
		conn, err = dialer.Dial("tcp", target)
	}
	if err != nil {
		return nil, err
	}
	return smtp.NewClient(conn, host)
}

// handOver does not wait for the answer to QUIT.
func (d delivery) handOver(client *smtp.Client) error {
	writer, err := client.Data()
	if err != nil {
		return err
	}
	if _, err := writer.Write(d.mail); err != nil {
		return err
	}
	if err := writer.Close(); err != nil {
		return err
	}
	_ = client.Text.PrintfLine("QUIT")
	return nil
}

// nameFromCertificate picks the name to verify against in the second try.
func nameFromCertificate(domain string, names []string) string {
	picked := ""
	for _, name := range names {
		parent := strings.TrimPrefix(name, "*.")
		if name == domain || (parent != name && strings.HasSuffix(domain, "."+parent)) {
			return domain
		}
		if strings.Contains(name, "smtp") {
			picked = parent
		}
	}
	if picked == "" && len(names) > 0 {
		picked = strings.TrimPrefix(names[0], "*.")
	}
	return picked
}

func permanent(err error) bool {
	var answered *textproto.Error
	return errors.As(err, &answered) && answered.Code >= 500 && answered.Code <= 599
}

// lookupFailed is a failed delivery after a failed, but perhaps passing, MX lookup.
type lookupFailed struct{ lookup, fallback error }

func (e *lookupFailed) Error() string {
	return fmt.Sprintf("temporary MX lookup failed (%v); fallback delivery failed: %v", e.lookup, e.fallback)
}

func withLookup(lookup, err error) error {
	var dns *net.DNSError
	var network net.Error
	if err == nil || permanent(err) || !errors.As(lookup, &dns) || !(dns.IsTimeout || dns.IsTemporary) || !errors.As(err, &network) {
		return err
	}
	return &lookupFailed{lookup, err}
}

// replyText quotes what a receiver said, so that a reply stays on one line
// whatever Go this was built with.
func replyText(err error) string {
	var answered *textproto.Error
	if errors.As(err, &answered) {
		return fmt.Sprintf("%03d %q", answered.Code, answered.Msg)
	}
	return err.Error()
}

// submitterReply is 550 when every failed domain refused for good, else 451.
func submitterReply(failed []string, reasons map[string]error) reply {
	if len(failed) == 0 {
		return reply{250, "2.0.0", "OK: queued"}
	}
	final := true
	var details []string
	for domain, reason := range reasons {
		var dns *net.DNSError
		if _, passing := reason.(*lookupFailed); passing || !(permanent(reason) || errors.As(reason, &dns) && dns.IsNotFound) {
			final = false
		}
		details = append(details, domain+": "+replyText(reason))
	}
	sort.Strings(details)
	text := strings.Join(strings.Fields(strings.Join(details, "; ")), " ")
	if final {
		return reply{550, "5.0.0", cut("Downstream delivery permanently failed: " + text)}
	}
	return reply{451, "4.4.0", cut("Downstream delivery temporarily failed: " + text)}
}

func cut(text string) string {
	if len(text) <= maxReplyBytes {
		return text
	}
	for len(text) > maxReplyBytes-len("...") {
		_, size := utf8.DecodeLastRuneInString(text)
		text = text[:len(text)-size]
	}
	return text + "..."
}
