package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"strconv"
	"strings"
	"time"
)

const (
	maxMessage    = 30 << 20
	maxRecipients = 50
	smtpTimeout   = 10 * time.Second
	maxBadWords   = 3
)

// reply is one SMTP answer; enhanced may be "".
type reply struct {
	code     int
	enhanced string
	text     string
}

var persistenceFailure = reply{451, "4.3.0", "Temporary local persistence failure"}

// smtpSession is one connection. recipients is never cleared between the mails
// of one connection: PMail's session ignores RSET, and so the second mail also
// goes to the recipients of the first.
type smtpSession struct {
	server       *server
	conn         net.Conn
	text         *textproto.Reader
	logID        string
	insecureAuth bool
	helo         string
	user         User
	didAuth      bool
	hasFrom      bool
	count        int // recipients of the current transaction, for the limits
	from         string
	recipients   []string
	chunks       []byte
	badWords     int
}

func (s *server) serveSMTP() {
	go s.acceptSMTP(mustListen(":465", s.tls, fatal), true)
	infof("", "Starting Smtp With SSL Server Port: :465")
	go s.acceptSMTP(mustListen(":587", nil, fatal), true)
	infof("", "Starting Smtp With STARTTLS Server Port: :587")
	go s.acceptSMTP(mustListen(":25", nil, fatal), false)
	infof("", "Starting Smtp Server Port: :25")
}

// mustListen opens a port, with TLS from the first byte when config is given.
func mustListen(port string, config *tls.Config, giveUp func(error)) net.Listener {
	listener, err := net.Listen("tcp", port)
	if err != nil {
		giveUp(err)
	}
	if config != nil {
		return tls.NewListener(listener, config)
	}
	return listener
}

func (s *server) acceptSMTP(listener net.Listener, insecureAuth bool) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			fatal(err)
		}
		session := &smtpSession{server: s, conn: conn, insecureAuth: insecureAuth}
		go session.run()
	}
}

func (c *smtpSession) run() {
	defer func() { _ = c.conn.Close() }()
	c.reader()
	c.answer(220, "", c.server.config.Domain+" ESMTP Service Ready")
	for {
		line, err := c.readLine()
		if err != nil {
			var network net.Error
			if errors.As(err, &network) && network.Timeout() {
				c.answer(421, "4.4.2", "Idle timeout, bye bye")
			}
			return
		}
		verb, arg, _ := strings.Cut(line, " ")
		if len(verb) < 4 {
			c.badWord(501, "Bad command")
		} else if !c.handle(strings.ToUpper(verb), strings.TrimSpace(arg)) {
			return
		}
		if c.badWords > maxBadWords {
			c.answer(500, "5.5.1", "Too many errors. Quiting now")
			return
		}
	}
}

func (c *smtpSession) reader() { c.text = textproto.NewReader(bufio.NewReader(c.conn)) }

func (c *smtpSession) readLine() (string, error) {
	_ = c.conn.SetReadDeadline(time.Now().Add(smtpTimeout))
	return c.text.ReadLine()
}

func (c *smtpSession) answer(code int, enhanced string, lines ...string) {
	_ = c.conn.SetWriteDeadline(time.Now().Add(smtpTimeout))
	if enhanced != "" {
		enhanced += " "
	}
	var out strings.Builder
	for _, line := range lines[:len(lines)-1] {
		fmt.Fprintf(&out, "%d-%s%s\r\n", code, enhanced, line)
	}
	fmt.Fprintf(&out, "%d %s%s\r\n", code, enhanced, lines[len(lines)-1])
	_, _ = io.WriteString(c.conn, out.String())
}

func (c *smtpSession) badWord(code int, text string) {
	c.badWords++
	c.answer(code, "5.5.2", text)
}

// handle does one command; false ends the connection.
func (c *smtpSession) handle(verb, arg string) bool {
	switch verb {
	case "HELO", "EHLO":
		c.greet(verb == "EHLO", arg)
	case "STARTTLS":
		return c.startTLS()
	case "AUTH":
		return c.auth(arg)
	case "MAIL":
		c.mailFrom(arg)
	case "RCPT":
		c.rcptTo(arg)
	case "DATA":
		return c.data()
	case "BDAT":
		return c.bdat(arg)
	case "RSET":
		c.endTransaction()
		c.answer(250, "2.0.0", "Session reset")
	case "NOOP":
		c.answer(250, "2.0.0", "I have successfully done nothing")
	case "VRFY":
		c.answer(252, "2.5.0", "Cannot VRFY user, but will accept message")
	case "QUIT":
		c.answer(221, "2.0.0", "Bye")
		return false
	case "SEND", "SOML", "SAML", "EXPN", "HELP", "TURN":
		c.answer(502, "5.5.1", verb+" command not implemented")
	default:
		c.badWord(500, fmt.Sprintf("Syntax errors, %s command unrecognized", verb))
	}
	return true
}

func (c *smtpSession) encrypted() bool {
	_, encrypted := c.conn.(*tls.Conn)
	return encrypted
}

// greet starts a new session: recipients and login of an earlier one are gone.
func (c *smtpSession) greet(extended bool, arg string) {
	name, _, _ := strings.Cut(arg, " ")
	if name == "" {
		c.answer(501, "5.5.2", "Domain/address argument required for HELO")
		return
	}
	c.helo, c.logID, c.user, c.recipients, c.from = name, newLogID(), User{}, nil, ""
	if !extended {
		c.answer(250, "2.0.0", "Hello "+name)
		return
	}
	lines := []string{"Hello " + name, "PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES", "CHUNKING"}
	if !c.encrypted() {
		lines = append(lines, "STARTTLS")
	}
	if c.encrypted() || c.insecureAuth {
		lines = append(lines, "AUTH PLAIN LOGIN")
	}
	lines = append(lines, fmt.Sprintf("SIZE %d", maxMessage), fmt.Sprintf("LIMITS RCPTMAX=%d", maxRecipients))
	c.answer(250, "", lines...)
}

func (c *smtpSession) startTLS() bool {
	if c.encrypted() {
		c.answer(502, "5.5.1", "Already running in TLS")
		return true
	}
	c.answer(220, "2.0.0", "Ready to start TLS")
	_ = c.conn.SetDeadline(time.Now().Add(smtpTimeout))
	encrypted := tls.Server(c.conn, c.server.tls)
	if err := encrypted.Handshake(); err != nil {
		return false
	}
	c.conn = encrypted
	c.reader()
	c.helo, c.didAuth, c.user = "", false, User{}
	c.endTransaction()
	return true
}

func (c *smtpSession) auth(arg string) bool {
	words := strings.Fields(arg)
	switch {
	case c.helo == "":
		c.answer(502, "5.5.1", "Please introduce yourself first.")
	case c.didAuth:
		c.answer(503, "5.5.1", "Already authenticated")
	case len(words) == 0:
		c.answer(502, "5.5.4", "Missing parameter")
	case !c.encrypted() && !c.insecureAuth:
		c.answer(523, "5.7.10", "TLS is required")
	case strings.EqualFold(words[0], "PLAIN"):
		return c.authWith(words[1:], []string{""}, plainCredentials)
	case strings.EqualFold(words[0], "LOGIN"):
		return c.authWith(words[1:], []string{"Username:", "Password:"}, loginCredentials)
	default:
		c.answer(454, "4.7.0", "Auth Not Supported")
	}
	return true
}

func plainCredentials(answers []string) (user, password string, ok bool) {
	pieces := strings.Split(answers[0], "\x00")
	if len(pieces) != 3 {
		return "", "", false
	}
	return pieces[1], pieces[2], true
}

func loginCredentials(answers []string) (user, password string, ok bool) {
	return answers[0], answers[1], true
}

// authWith asks for what the client did not send along. A wrong password gets
// a temporary code (454), as from PMail.
func (c *smtpSession) authWith(given, questions []string, credentials func([]string) (string, string, bool)) bool {
	var answers []string
	for index, question := range questions {
		text := ""
		if index < len(given) {
			text = given[index]
		} else {
			c.answer(334, "", base64.StdEncoding.EncodeToString([]byte(question)))
			line, err := c.readLine()
			if err != nil {
				return false
			}
			text = line
		}
		if text == "*" {
			c.answer(501, "5.0.0", "Negotiation cancelled")
			return true
		}
		plain, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(text, "="))
		if err != nil {
			c.answer(454, "4.7.0", "Invalid base64 data")
			return true
		}
		answers = append(answers, string(plain))
	}
	name, password, ok := credentials(answers)
	if ok {
		c.user = c.server.store.login(name, password)
	}
	if c.user.ID == 0 {
		c.answer(454, "4.7.0", "password error")
		return true
	}
	c.didAuth = true
	c.answer(235, "2.0.0", "Authentication succeeded")
	return true
}

// path reads "FROM:<a@b> SIZE=1" and the like.
func path(arg, label string) (string, string, bool) {
	if len(arg) < len(label) || !strings.EqualFold(arg[:len(label)], label) {
		return "", "", false
	}
	rest := strings.TrimSpace(arg[len(label):])
	if !strings.HasPrefix(rest, "<") {
		found, parameters, _ := strings.Cut(rest, " ")
		return found, parameters, found != ""
	}
	found, parameters, closed := strings.Cut(rest[1:], ">")
	return found, strings.TrimSpace(parameters), closed
}

func (c *smtpSession) mailFrom(arg string) {
	if c.helo == "" {
		c.answer(502, "5.5.1", "Please introduce yourself first.")
		return
	}
	from, parameters, ok := path(arg, "FROM:")
	if !ok {
		c.answer(501, "5.5.2", "Was expecting MAIL arg syntax of FROM:<address>")
		return
	}
	for _, parameter := range strings.Fields(strings.ToUpper(parameters)) {
		key, value, _ := strings.Cut(parameter, "=")
		size, err := strconv.ParseUint(value, 10, 32)
		switch {
		case key == "SIZE" && err != nil:
			c.answer(501, "5.5.4", "Unable to parse SIZE as an integer")
			return
		case key == "SIZE" && size > maxMessage:
			c.answer(552, "5.3.4", "Max message size exceeded")
			return
		case key == "SMTPUTF8" || key == "REQUIRETLS" || key == "RET" || key == "ENVID":
			c.answer(504, "5.5.4", key+" is not implemented")
			return
		case key != "SIZE" && key != "BODY" && key != "AUTH":
			c.answer(500, "5.5.4", "Unknown MAIL FROM argument")
			return
		}
	}
	c.hasFrom, c.from = true, from
	c.answer(250, "2.0.0", fmt.Sprintf("Roger, accepting mail from <%s>", from))
}

// rcptTo accepts every address, also of foreign domains: PMail checks nothing.
func (c *smtpSession) rcptTo(arg string) {
	if !c.hasFrom {
		c.answer(502, "5.5.1", "Missing MAIL FROM command.")
		return
	}
	to, _, ok := path(arg, "TO:")
	if !ok || to == "" {
		c.answer(501, "5.5.2", "Was expecting RCPT arg syntax of TO:<address>")
		return
	}
	if c.count >= maxRecipients {
		c.answer(452, "4.5.3", fmt.Sprintf("Maximum limit of %d recipients reached", maxRecipients))
		return
	}
	c.count++
	c.recipients = append(c.recipients, to)
	c.answer(250, "2.0.0", fmt.Sprintf("I'll make sure <%s> gets this", to))
}

func (c *smtpSession) endTransaction() { c.hasFrom, c.count, c.chunks = false, 0, nil }

func (c *smtpSession) readyForData() bool {
	if !c.hasFrom || c.count == 0 {
		c.answer(502, "5.5.1", "Missing RCPT TO command.")
		return false
	}
	return true
}

func (c *smtpSession) data() bool {
	if !c.readyForData() {
		return true
	}
	c.answer(354, "", "Go ahead. End your data with <CR><LF>.<CR><LF>")
	var mail bytes.Buffer
	text := deadlineReader{c.conn, c.text.DotReader()}
	size, err := io.Copy(&mail, io.LimitReader(text, maxMessage+1))
	if err == nil {
		_, err = io.Copy(io.Discard, text)
	}
	if err != nil {
		return false
	}
	// DotReader turned CRLF into LF; back again for the size.
	c.finish(bytes.ReplaceAll(mail.Bytes(), []byte("\n"), []byte("\r\n")), size > maxMessage)
	return true
}

// deadlineReader gives each read of the mail's text its own ten seconds.
type deadlineReader struct {
	conn net.Conn
	text io.Reader
}

func (r deadlineReader) Read(buffer []byte) (int, error) {
	_ = r.conn.SetReadDeadline(time.Now().Add(smtpTimeout))
	return r.text.Read(buffer)
}

func (c *smtpSession) bdat(arg string) bool {
	words := strings.Fields(arg)
	size, err := strconv.ParseUint(strings.Join(words[:min(1, len(words))], ""), 10, 32)
	if err != nil {
		c.answer(501, "5.5.4", "Malformed size argument")
		return true
	}
	chunk := make([]byte, min(int(size), maxMessage))
	if _, err := io.ReadFull(c.text.R, chunk); err != nil {
		return false
	}
	if !c.readyForData() {
		return true
	}
	c.chunks = append(c.chunks, chunk...)
	if len(words) == 2 && strings.EqualFold(words[1], "LAST") {
		c.finish(c.chunks, len(c.chunks) > maxMessage)
	} else {
		c.answer(250, "2.0.0", "Continue")
	}
	return true
}

func min(a, b int) int {
	if a < b {
		return a
	}
	return b
}

// finish answers for a whole mail, after it was delivered or stored.
func (c *smtpSession) finish(mail []byte, tooLong bool) {
	answer := reply{552, "5.3.4", "Maximum message size exceeded"}
	if !tooLong {
		if c.user.ID > 0 {
			answer = c.server.submit(c.logID, c.user, parseMessage(c.recipients, mail))
		} else {
			answer = c.receive(parseMessage(c.recipients, mail))
		}
	}
	c.endTransaction()
	c.answer(answer.code, answer.enhanced, answer.text)
}

// receive stores a mail from outside for its users, else for every admin.
func (c *smtpSession) receive(m *message) reply {
	config, db := c.server.config, c.server.store
	spf := spfPasses(c.conn.RemoteAddr(), m.Sender)
	if spf {
		m.spfCheck = 1
	}
	status := statusNone
	if _, domain := m.From.parts(); config.serves(domain) && !spf {
		status = statusDeleted
	}
	if m.MsgID == "" {
		m.MsgID = newMessageID(config.Domain)
	}
	accounts := c.accounts()
	users, catchAll, err := db.recipients(accounts)
	if err == nil && catchAll && config.SpamFilterLevel != 0 && (!spf || config.SpamFilterLevel == 3) {
		infof(c.logID, "垃圾邮件，拒信")
		infof(c.logID, "收件人不存在且DKIM验证失败，丢弃邮件: %s -> %v", m.From.EmailAddress, accounts)
		return reply{250, "2.0.0", "OK: queued"}
	}
	if err == nil && len(users) == 0 {
		err = errNoAdmin
	}
	var ids []int64
	for _, user := range users {
		ids = append(ids, user.ID)
	}
	if err == nil {
		_, err = db.saveMail(m, mailReceived, status, 0, ids)
	}
	if err != nil {
		errorf(c.logID, "CRITICAL audit_event=initial_persist_failed direction=inbound msg_id=%q error=%v", m.MsgID, err)
		return persistenceFailure
	}
	return reply{250, "2.0.0", "OK: queued"}
}

// accounts are the local parts of the recipients at our own domains.
func (c *smtpSession) accounts() []string {
	var accounts []string
	for _, recipient := range c.recipients {
		local, domain := parseAddress(recipient).parts()
		if local != "" && c.server.config.serves(domain) {
			accounts = append(accounts, strings.ToLower(local))
		}
	}
	return accounts
}

// spfPasses knows private senders and domains without a policy; it does not
// evaluate a policy. Without a Sender header PMail has no domain: no pass.
func spfPasses(remote net.Addr, sender address) bool {
	if tcp, ok := remote.(*net.TCPAddr); ok && tcp.IP.IsPrivate() {
		return true
	}
	_, domain := sender.parts()
	if domain == "" {
		return false
	}
	texts, err := net.LookupTXT(domain)
	var missing *net.DNSError
	if err != nil {
		return errors.As(err, &missing) && missing.IsNotFound
	}
	for _, text := range texts {
		if strings.HasPrefix(text, "v=spf1") {
			return false
		}
	}
	return true
}
