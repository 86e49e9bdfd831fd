package main

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"os"
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
	lines        *lineLimiter
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
	if encrypted, ok := c.conn.(*tls.Conn); ok {
		_ = c.conn.SetDeadline(time.Now().Add(smtpTimeout))
		if encrypted.Handshake() != nil {
			return
		}
	}
	c.reader()
	c.answer(220, "", c.server.config.Domain+" ESMTP Service Ready")
	for {
		line, err := c.readLine()
		if err != nil {
			c.sayWhy(err)
			return
		}
		verb, arg, ok := splitCommand(line)
		if !ok {
			c.badWord(501, "Bad command")
		} else if !c.handleSafely(verb, arg) {
			return
		}
		if c.badWords > maxBadWords {
			c.answer(500, "5.5.1", "Too many errors. Quiting now")
			return
		}
	}
}

// sayWhy takes leave when nothing more can be read.
func (c *smtpSession) sayWhy(err error) {
	var network net.Error
	switch {
	case err == io.EOF:
	case err == errLineTooLong:
		c.answer(500, "5.4.0", "Too long line, closing connection")
	case errors.As(err, &network) && network.Timeout():
		c.answer(421, "4.4.2", "Idle timeout, bye bye")
	default:
		c.answer(421, "4.4.0", "Connection error, sorry")
	}
}

// splitCommand is go-smtp's parseCmd: the verb has four letters.
func splitCommand(line string) (verb, arg string, ok bool) {
	line = strings.TrimRight(line, "\r\n")
	switch {
	case strings.HasPrefix(strings.ToUpper(line), "STARTTLS"):
		return "STARTTLS", "", true
	case line == "" || len(line) == 4:
		return strings.ToUpper(line), "", true
	case len(line) < 6 || line[4] != ' ':
		return "", "", false
	}
	return strings.ToUpper(line[:4]), strings.TrimSpace(line[5:]), true
}

// handleSafely: a panic ends the connection with 421, not the process.
func (c *smtpSession) handleSafely(verb, arg string) (more bool) {
	defer func() {
		if trouble := recover(); trouble != nil {
			c.answer(421, "4.0.0", "Internal server error")
			fmt.Fprintf(os.Stderr, "panic serving %v: %v\n", c.conn.RemoteAddr(), trouble)
			more = false
		}
	}()
	return c.handle(verb, arg)
}

func (c *smtpSession) reader() {
	c.lines = &lineLimiter{from: c.conn}
	c.text = textproto.NewReader(bufio.NewReader(c.lines))
}

// readLine gives a command ten seconds, and with it all that follows until the
// next command is read: the whole text after DATA too.
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
		c.data(arg)
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
	case "":
		c.badWord(500, "Error: bad syntax")
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

// mailbox is far less strict than RFC 5321: there has to be an @ within.
func mailbox(text string) bool {
	at := strings.Index(text, "@")
	return at > 0 && at < len(text)-1 && !strings.ContainsAny(text, " \t<>")
}

func (c *smtpSession) mailFrom(arg string) {
	if c.helo == "" {
		c.answer(502, "5.5.1", "Please introduce yourself first.")
		return
	}
	from, parameters, ok := path(arg, "FROM:")
	if !ok || from != "" && !mailbox(from) {
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
	if !ok || !mailbox(to) {
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

// data answers 554 when the text did not come in time, and then takes the rest
// of it for commands, until there are too many errors.
func (c *smtpSession) data(arg string) {
	if arg != "" {
		c.answer(501, "5.5.4", "DATA command should not have any arguments")
		return
	}
	if !c.readyForData() {
		return
	}
	defer c.endTransaction()
	c.answer(354, "", "Go ahead. End your data with <CR><LF>.<CR><LF>")
	mail, err := readData(c.text.R, maxMessage)
	if err == nil || err == errDataTooLong {
		c.finish(mail, err != nil)
		return
	}
	errorf("", "邮件内容无法读取%v", err)
	c.answer(554, "5.0.0", "Error: transaction failed: "+err.Error())
}

func (c *smtpSession) bdat(arg string) bool {
	words := strings.Fields(arg)
	size, err := strconv.ParseUint(strings.Join(words[:min(1, len(words))], ""), 10, 32)
	if err != nil {
		c.answer(501, "5.5.4", "Malformed size argument")
		return true
	}
	c.lines.off = true
	chunk := make([]byte, min(int(size), maxMessage))
	if _, err := io.ReadFull(c.text.R, chunk); err != nil {
		return false
	}
	if !c.readyForData() {
		return true
	}
	c.chunks = append(c.chunks, chunk...)
	if len(words) == 2 && strings.EqualFold(words[1], "LAST") {
		c.lines.off, c.lines.length = false, 0
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
			answer = c.receive(parseMessage(c.recipients, mail), mail)
		}
	}
	c.endTransaction()
	c.answer(answer.code, answer.enhanced, answer.text)
}
