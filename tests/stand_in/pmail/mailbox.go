package main

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
)

const inboxValidity = 2000000000

func (s *server) serveMailboxes() {
	infof("", "POP3 Server Start On Port :110")
	go acceptEach(mustListen(":110", nil, giveUp), s.pop3)
	infof("", "POP3 With TLS Server Start On Port :995")
	go acceptEach(mustListen(":995", s.tls, giveUp), s.pop3)
	infof("", "IMAP With TLS Server Start On Port :993")
	go acceptEach(mustListen(":993", s.tls, giveUp), s.imap)
}

func acceptEach(listener net.Listener, handle func(net.Conn)) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			giveUp(err)
		}
		go func() {
			defer func() { _ = conn.Close() }()
			handle(conn)
		}()
	}
}

// pop3 keeps silent, like PMail, on commands that need a login first.
func (s *server) pop3(conn net.Conn) {
	say := func(format string, args ...any) { fmt.Fprintf(conn, format+"\r\n", args...) }
	say("+OK pop.%s POP3 Server powered by gopop", s.config.Domain)
	lines := bufio.NewScanner(conn)
	var user User
	account := ""
	for lines.Scan() {
		words := append(strings.Split(strings.TrimSpace(lines.Text()), " "), "")
		verb, arg := strings.ToUpper(words[0]), words[1]
		switch verb {
		case "USER":
			account = arg
			say("+OK")
		case "PASS":
			if user = s.store.login(account, arg); user.ID == 0 {
				say("-ERR Password incorrect!")
			} else {
				say("+OK User signed in")
			}
		case "CAPA":
			say("+OK Capability list follows\r\n%s\r\n.", "USER\r\nPASS\r\nSTAT\r\nUIDL\r\nLIST\r\nRETR\r\nNOOP\r\nQUIT")
		case "NOOP":
			say("+OK")
		case "STAT", "LIST", "UIDL", "RETR", "QUIT":
			if user.ID == 0 {
				continue
			}
			if verb == "QUIT" {
				say("+OK Bye ")
				return
			}
			s.pop3Read(conn, user, verb, arg)
		default:
			say("-ERR not supported cmd request ")
		}
	}
}

func (s *server) pop3Read(conn io.Writer, user User, verb, arg string) {
	refs, err := s.store.inbox(user.ID)
	if err != nil {
		errorf("", "%+v", err)
	}
	total := int64(0)
	list := ""
	for _, ref := range refs {
		total += ref.size
		if verb == "UIDL" {
			list += fmt.Sprintf("%d %d\r\n", ref.id, ref.id)
		} else {
			list += fmt.Sprintf("%d %d\r\n", ref.id, ref.size)
		}
	}
	switch verb {
	case "STAT":
		fmt.Fprintf(conn, "+OK %d %d \r\n", len(refs), total)
	case "RETR":
		id, _ := strconv.ParseInt(arg, 10, 64)
		m := s.store.mail(user.ID, id)
		if m == nil {
			fmt.Fprint(conn, "-ERR server error \r\n")
			return
		}
		mail := m.build()
		fmt.Fprintf(conn, "+OK %d\r\n%s\r\n.\r\n", len(mail), mail)
	default:
		fmt.Fprintf(conn, "+OK\r\n%s.\r\n", list)
	}
}

// imap knows login and the number of mails; it does not show them.
func (s *server) imap(conn net.Conn) {
	const before, after = "IMAP4rev1 SASL-IR LITERAL- AUTH=PLAIN", "IMAP4rev1 SASL-IR LITERAL- UNSELECT ENABLE IDLE UTF8=ACCEPT"
	if err := conn.(*tls.Conn).Handshake(); err != nil {
		return
	}
	say := func(format string, args ...any) { fmt.Fprintf(conn, format+"\r\n", args...) }
	say("* OK [CAPABILITY %s] IMAP server ready", before)
	lines := bufio.NewScanner(conn)
	var user User
	for lines.Scan() {
		words := append(strings.Fields(lines.Text()), "", "", "", "")
		tag, verb := words[0], strings.ToUpper(words[1])
		switch {
		case verb == "CAPABILITY" && user.ID == 0:
			say("* CAPABILITY %s\r\n%s OK CAPABILITY completed", before, tag)
		case verb == "CAPABILITY":
			say("* CAPABILITY %s\r\n%s OK CAPABILITY completed", after, tag)
		case verb == "NOOP":
			say("%s OK NOOP completed", tag)
		case verb == "LOGOUT":
			say("* BYE Logging out\r\n%s OK LOGOUT completed", tag)
			return
		case verb == "LOGIN" && user.ID == 0:
			if user = s.store.login(unquote(words[2]), unquote(words[3])); user.ID == 0 {
				say("%s NO [AUTHENTICATIONFAILED] Invalid credentials (Failure)", tag)
			} else {
				say("%s OK [CAPABILITY %s] Logged in", tag, after)
			}
		case verb == "SELECT" && user.ID != 0:
			s.imapSelect(say, user, tag)
		case verb == "LIST" && user.ID != 0:
			say("* LIST () \"/\" \"INBOX\"\r\n%s OK LIST completed", tag)
		default:
			say("%s BAD Unknown command", tag)
		}
	}
}

func (s *server) imapSelect(say func(string, ...any), user User, tag string) {
	refs, err := s.store.inbox(user.ID)
	if err != nil {
		errorf("", "%+v", err)
	}
	next := int64(1)
	if len(refs) > 0 {
		next = refs[0].id + 1
	}
	say("* %d EXISTS\r\n* 0 RECENT\r\n* OK [UIDVALIDITY %d] UIDs valid\r\n* OK [UIDNEXT %d] Predicted next UID\r\n* FLAGS (\\Seen)",
		len(refs), inboxValidity, next)
	say("%s OK [READ-WRITE] SELECT completed", tag)
}

func unquote(text string) string {
	return strings.Trim(text, `"`)
}
