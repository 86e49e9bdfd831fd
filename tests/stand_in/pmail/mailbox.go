package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
)

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
