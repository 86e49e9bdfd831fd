package main

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"mime"
	"net"
	"strconv"
	"strings"
	"unicode"
)

// What PMail's IMAP server (listen/imap_server on go-imap) does with the commands
// that a reading client needs. ENVELOPE, BODYSTRUCTURE, IDLE, COPY, MOVE, CREATE
// and most keys of SEARCH are not modelled: BAD.

const (
	capsBefore = "IMAP4rev1 SASL-IR LITERAL- AUTH=PLAIN"
	capsAfter  = "IMAP4rev1 SASL-IR LITERAL- UNSELECT ENABLE IDLE UTF8=ACCEPT"

	inboxValidity = 2000000000
)

// folder shows the rows of one user_email.status, whatever email.type is.
type folder struct {
	name       string
	attributes string
	status     int
}

// folders have the UIDVALIDITY inboxValidity + index.
var folders = []folder{
	{"INBOX", `\HasNoChildren`, statusNone},
	{"Sent Messages", `\HasNoChildren \Sent`, statusSent},
	{"Drafts", `\HasNoChildren \Drafts`, 4},
	{"Deleted Messages", `\HasNoChildren \Trash`, statusDeleted},
	{"Junk", `\HasNoChildren \Junk`, 5},
}

type imapSession struct {
	server   *server
	conn     net.Conn
	in       *bufio.Reader
	user     User
	selected bool
	status   int // of the selected folder; -1 where there is no such folder
}

func (s *server) imap(conn net.Conn) {
	if err := conn.(*tls.Conn).Handshake(); err != nil {
		return
	}
	c := &imapSession{server: s, conn: conn, in: bufio.NewReader(conn)}
	c.say("* OK [CAPABILITY %s] IMAP server ready", capsBefore)
	for {
		line, err := c.command()
		if err != nil || len(line) < 2 {
			return
		}
		verb, args := strings.ToUpper(line[1]), line[2:]
		if verb == "UID" && len(args) > 0 {
			verb, args = "UID "+strings.ToUpper(args[0]), args[1:]
		}
		if answer := c.handle(verb, append(args, "", "", "")); answer != "" {
			c.say("%s %s", line[0], answer)
		}
		if verb == "LOGOUT" {
			return
		}
		if c.user.ID == 0 && !knownVerb(verb) {
			c.say("* BYE Unknown command")
			return
		}
	}
}

func (c *imapSession) say(format string, args ...any) { fmt.Fprintf(c.conn, format+"\r\n", args...) }

// command reads one command as words: quotes and literals are resolved, what is
// in brackets stays one word.
func (c *imapSession) command() ([]string, error) {
	var all []string
	for {
		line, err := c.in.ReadString('\n')
		if err != nil {
			return nil, err
		}
		line = strings.TrimRight(line, "\r\n")
		start := strings.LastIndex(line, "{")
		if start < 0 || !strings.HasSuffix(line, "}") {
			return append(all, imapWords(line)...), nil
		}
		count := line[start+1 : len(line)-1]
		size, err := strconv.Atoi(strings.TrimSuffix(count, "+"))
		if err != nil {
			return append(all, imapWords(line)...), nil
		}
		if !strings.HasSuffix(count, "+") {
			c.say("+ Ready for literal data")
		}
		literal := make([]byte, size)
		if _, err := io.ReadFull(c.in, literal); err != nil {
			return nil, err
		}
		all = append(append(all, imapWords(line[:start])...), string(literal))
	}
}

func imapWords(line string) []string {
	var all []string
	word, started, quoted, depth := "", false, false, 0
	for at := 0; at < len(line); at++ {
		switch ch := line[at]; {
		case quoted && ch == '\\' && at+1 < len(line):
			at++
			word += line[at : at+1]
		case ch == '"' && depth == 0:
			quoted, started = !quoted, true
		case ch == ' ' && !quoted && depth == 0:
			if started {
				all = append(all, word)
			}
			word, started = "", false
		default:
			if ch == '(' || ch == '[' {
				depth++
			} else if ch == ')' || ch == ']' {
				depth--
			}
			word, started = word+line[at:at+1], true
		}
	}
	if started {
		all = append(all, word)
	}
	return all
}

const (
	anyTimeVerbs  = "CAPABILITY NOOP CHECK LOGOUT LOGIN AUTHENTICATE "
	userVerbs     = "SELECT EXAMINE LIST LSUB STATUS APPEND SUBSCRIBE UNSUBSCRIBE "
	selectedVerbs = "FETCH STORE SEARCH EXPUNGE CLOSE UNSELECT"
)

func knownVerb(verb string) bool {
	return words(anyTimeVerbs + userVerbs + selectedVerbs)[strings.TrimPrefix(verb, "UID ")]
}

// handle returns the tagged answer; args has three empty words at its end.
func (c *imapSession) handle(verb string, args []string) string {
	if !knownVerb(verb) {
		return "BAD Unknown command"
	}
	done := "OK " + verb + " completed"
	switch verb {
	case "CAPABILITY":
		c.say("* CAPABILITY %s", c.capabilities())
		return done
	case "NOOP", "CHECK":
		return done
	case "LOGOUT":
		c.say("* BYE Logging out")
		return done
	case "LOGIN", "AUTHENTICATE":
		if c.user.ID != 0 {
			return "BAD [CLIENTBUG] This command is only valid in the not authenticated state"
		}
		if verb == "LOGIN" {
			return c.login(args[0], args[1], "Logged in")
		}
		return c.authenticate(args)
	}
	if c.user.ID == 0 {
		return "BAD [CLIENTBUG] This command is only valid in the authenticated state"
	}
	switch verb {
	case "SELECT", "EXAMINE":
		return c.selectFolder(verb, args[0])
	case "LIST", "LSUB":
		c.list(verb, args[0], args[1])
		return done
	case "STATUS":
		c.showStatus(args[0], args[1])
		return done
	case "APPEND": // session_append: an error in the log, and the mail is gone
		errorf("", "Append Not Implemented")
		return done
	case "SUBSCRIBE", "UNSUBSCRIBE":
		return done
	}
	return c.handleSelected(verb, args, done)
}

func (c *imapSession) handleSelected(verb string, args []string, done string) string {
	if !c.selected {
		return "BAD [CLIENTBUG] This command is only valid in the selected state"
	}
	switch byUID := strings.HasPrefix(verb, "UID "); strings.TrimPrefix(verb, "UID ") {
	case "FETCH":
		if !c.fetch(args[0], args[1], byUID) {
			return "BAD [CLIENTBUG] Unknown FETCH data item"
		}
	case "STORE":
		c.storeFlags(args[0], strings.ToUpper(args[1]), args[2], byUID)
	case "SEARCH":
		if !c.search(args[:len(args)-3], byUID) {
			return "BAD Unknown SEARCH key"
		}
	case "CLOSE", "UNSELECT":
		c.selected = false
	}
	return done
}

func (c *imapSession) capabilities() string {
	if c.user.ID != 0 {
		return capsAfter
	}
	return capsBefore
}

func (c *imapSession) login(name, password, text string) string {
	if c.user = c.server.store.login(name, password); c.user.ID == 0 {
		infof("", "user not found")
		return "NO [AUTHENTICATIONFAILED] Invalid credentials (Failure)"
	}
	return "OK [CAPABILITY " + capsAfter + "] " + text
}

func (c *imapSession) authenticate(args []string) string {
	if !strings.EqualFold(args[0], "PLAIN") {
		return "NO SASL mechanism not supported"
	}
	given := args[1]
	if given == "" {
		c.say("+ =")
		line, err := c.in.ReadString('\n')
		if err != nil {
			return ""
		}
		if given = strings.TrimRight(line, "\r\n"); given == "*" {
			return "BAD AUTHENTICATE cancelled"
		}
	}
	plain, err := base64.StdEncoding.DecodeString(given)
	if err != nil {
		return "BAD Malformed SASL response"
	}
	pieces := strings.Split(string(plain), "\x00")
	switch {
	case len(pieces) != 3:
		return "NO [SERVERBUG] Internal server error"
	case pieces[0] != "" && pieces[0] != pieces[1]:
		return "NO [AUTHORIZATIONFAILED] SASL identity not supported"
	}
	return c.login(pieces[1], pieces[2], "PLAIN authentication successful")
}

// --- folders ---------------------------------------------------------------------------

func findFolder(name string) (index int) {
	for index, item := range folders {
		if item.name == name {
			return index
		}
	}
	return -1
}

// counts is GetGroupStatus: zeros for a folder that does not exist.
func (c *imapSession) counts(name string) (messages, unseen, next, validity int64) {
	index := findFolder(name)
	if index < 0 {
		return 0, 0, 0, 0
	}
	next = 1
	for _, row := range c.server.store.box(c.user.ID, folders[index].status, "") {
		messages++
		if row.read == 0 && name != "Sent Messages" {
			unseen++
		}
		next = row.uid + 1
	}
	return messages, unseen, next, inboxValidity + int64(index)
}

// selectFolder says OK to any name, as PMail does.
func (c *imapSession) selectFolder(verb, name string) string {
	if c.selected {
		c.say("* OK [CLOSED] Previous mailbox is now closed")
	}
	name = folderName(name[strings.LastIndex(name, "/")+1:])
	c.selected, c.status = true, -1
	if index := findFolder(name); index >= 0 {
		c.status = folders[index].status
	}
	messages, _, next, validity := c.counts(name)
	c.say("* %d EXISTS\r\n* 0 RECENT\r\n* OK [UIDVALIDITY %d] UIDs valid\r\n* OK [UIDNEXT %d] Predicted next UID",
		messages, validity, next)
	c.say(`* FLAGS (\Seen)` + "\r\n" + `* OK [PERMANENTFLAGS (\Seen)] Permanent flags`)
	if verb == "EXAMINE" {
		return "OK [READ-ONLY] EXAMINE completed"
	}
	return "OK [READ-WRITE] SELECT completed"
}

func folderName(name string) string {
	if strings.EqualFold(name, "INBOX") {
		return "INBOX"
	}
	return name
}

// list shows the folders for "" "*" only (matchGroup).
func (c *imapSession) list(verb, reference, pattern string) {
	switch {
	case reference == "" && pattern == "" && verb == "LIST":
		c.say(`* LIST (\Noselect \HasChildren) "/" "[PMail]"`)
	case reference == "" && pattern == "*":
		for _, item := range folders {
			c.say(`* %s (%s) "/" %s`, verb, item.attributes, quotedName(item.name))
		}
	}
}

func quotedName(name string) string {
	if name == "INBOX" {
		return name
	}
	return `"` + name + `"`
}

func (c *imapSession) showStatus(name, wanted string) {
	name = folderName(name)
	messages, unseen, next, validity := c.counts(name)
	wanted = strings.ToUpper(wanted)
	var items []string
	for _, item := range []struct {
		name  string
		value int64
	}{{"MESSAGES", messages}, {"UIDNEXT", next}, {"UIDVALIDITY", validity}, {"UNSEEN", unseen}, {"RECENT", 0}} {
		if words(strings.Trim(wanted, "()"))[item.name] {
			items = append(items, fmt.Sprintf("%s %d", item.name, item.value))
		}
	}
	c.say("* STATUS %s (%s)", quotedName(name), strings.Join(items, " "))
}

// --- mails -----------------------------------------------------------------------------

// rows are those of a set like "1:3,7:*". A range is looked up by itself, and in
// UID commands the numbers start anew in each (getEmailListByUidList).
func (c *imapSession) rows(set string, byUID bool) []boxRow {
	var found []boxRow
	for _, item := range strings.Split(set, ",") {
		first, last := bounds(item)
		if first == 0 { // "*" alone: nothing
			continue
		}
		if byUID {
			found = append(found, c.server.store.box(c.user.ID, c.status, "AND id>=? AND id<=?", first, last)...)
			continue
		}
		for _, row := range c.server.store.box(c.user.ID, c.status, "AND group_id=0") {
			if row.number >= first && row.number <= last {
				found = append(found, row)
			}
		}
	}
	return found
}

func bounds(item string) (first, last int64) {
	const open = int64(1) << 62
	start, end, isRange := strings.Cut(item, ":")
	first, _ = strconv.ParseInt(start, 10, 64)
	if last, _ = strconv.ParseInt(end, 10, 64); !isRange {
		last = first
	} else if last == 0 {
		last = open
	}
	if first == 0 && isRange && last != open { // "*:4"
		return last, open
	}
	return first, last
}

// fetchItem is one data item; section is what stands in the brackets.
type fetchItem struct {
	name, section string
	peek          bool
}

func fetchItems(text string) []fetchItem {
	upper := strings.ToUpper(text)
	switch upper {
	case "FAST":
		upper = "(FLAGS INTERNALDATE RFC822.SIZE)"
	case "RFC822":
		return []fetchItem{{name: "RFC822"}}
	}
	if strings.HasPrefix(upper, "(") {
		upper = strings.TrimSuffix(upper[1:], ")")
	}
	var items []fetchItem
	for _, word := range imapWords(upper) {
		name, section, inBrackets := strings.Cut(word, "[")
		item := fetchItem{name: name, section: strings.TrimSuffix(section, "]")}
		if inBrackets {
			item.peek = name == "BODY.PEEK"
			item.name = "BODY[]"
		}
		items = append(items, item)
	}
	return items
}

// fetch answers in go-imap's order: UID, size, flags, date, then the texts.
func (c *imapSession) fetch(set, wanted string, byUID bool) bool {
	items := fetchItems(wanted)
	asked := map[string]bool{"UID": byUID}
	for _, item := range items {
		if !words("UID FLAGS INTERNALDATE RFC822.SIZE RFC822 RFC822.HEADER RFC822.TEXT BODY[]")[item.name] {
			return false
		}
		asked[item.name] = true
	}
	for _, row := range c.rows(set, byUID) {
		for _, m := range c.server.store.mails("WHERE e.id=?", row.mail) {
			c.showMail(row, m, asked, items)
		}
	}
	return true
}

func (c *imapSession) showMail(row boxRow, m *message, asked map[string]bool, items []fetchItem) {
	var parts []string
	whole := m.build()
	if asked["UID"] {
		parts = append(parts, fmt.Sprintf("UID %d", row.uid))
	}
	if asked["RFC822.SIZE"] {
		parts = append(parts, fmt.Sprintf("RFC822.SIZE %d", len(whole)))
	}
	if asked["FLAGS"] {
		parts = append(parts, "FLAGS ("+strings.Repeat(`\Seen`, int(row.read))+")")
	}
	if asked["INTERNALDATE"] {
		parts = append(parts, m.Date.Format(`INTERNALDATE "02-Jan-2006 15:04:05 -0700"`))
	}
	for _, item := range items {
		text, label := string(whole), item.name
		switch {
		case item.name == "BODY[]":
			text, label = m.section(item.section, text, c.server.config.Domain), "BODY["+quotedFields(item.section)+"]"
		case item.name == "RFC822.HEADER":
			text, item.peek = m.section("HEADER", text, c.server.config.Domain), true
		case item.name != "RFC822" && item.name != "RFC822.TEXT":
			continue
		}
		if !item.peek {
			_ = c.server.store.changeMail(c.user.ID, row.mail, "is_read", 1)
		}
		parts = append(parts, fmt.Sprintf("%s {%d}\r\n%s", label, len(text), text))
	}
	c.say("* %d FETCH (%s)", row.number, strings.Join(parts, " "))
}

// section is BODY[...]: TEXT shows the whole mail, and headers are made up from
// the database, Message-ID and all (write in session_fetch.go).
func (m *message) section(name, whole, domain string) string {
	if !strings.HasPrefix(name, "HEADER") {
		return whole
	}
	fields := []string{"DATE", "SUBJECT", "FROM", "TO", "CC", "MESSAGE-ID", "CONTENT-TYPE"}
	if _, list, found := strings.Cut(name, "("); found {
		fields = strings.Fields(strings.NewReplacer(")", "", `"`, "").Replace(list))
	}
	var out strings.Builder
	for _, name := range fields {
		out.WriteString(m.madeUpField(name, whole, domain))
	}
	return out.String() + "\r\n"
}

// quotedFields writes HEADER.FIELDS (A B) as HEADER.FIELDS ("A" "B").
func quotedFields(section string) string {
	name, list, found := strings.Cut(section, "(")
	if !found {
		return section
	}
	fields := strings.Fields(strings.NewReplacer(")", "", `"`, "").Replace(list))
	return name + `("` + strings.Join(fields, `" "`) + `")`
}

func (m *message) madeUpField(name, whole, domain string) string {
	from := m.From.EmailAddress
	if m.From.Name != "" {
		from = mime.QEncoding.Encode("utf-8", m.From.Name) + " <" + m.From.EmailAddress + ">"
	}
	switch {
	case name == "DATE":
		return m.Date.Format("Date: " + mailDate + "\r\n")
	case name == "SUBJECT":
		return "Subject: " + mime.QEncoding.Encode("utf-8", m.Subject) + "\r\n"
	case name == "FROM":
		return "From: " + from + "\r\n"
	case name == "SENDER":
		return "Sender: " + from + "\r\n"
	case name == "TO" && len(m.To) > 0:
		return "To: " + displays(m.To) + "\r\n"
	case name == "CC" && len(m.Cc) > 0:
		return "Cc: " + displays(m.Cc) + "\r\n"
	case name == "MESSAGE-ID":
		return fmt.Sprintf("Message-ID: <%d@%s>\r\n", m.ID, domain)
	case name == "CONTENT-TYPE":
		lines := strings.SplitN(whole, "\r\n", 3)
		return lines[0] + lines[1] + "\r\n"
	}
	return ""
}

func displays(list []address) string {
	var texts []string
	for _, item := range list {
		texts = append(texts, item.display())
	}
	return strings.Join(texts, ", ")
}

// storeFlags knows \Seen and \Deleted, and only +FLAGS; deleted mail is in
// "Deleted Messages" at once (session_store.go).
func (c *imapSession) storeFlags(set, operation, flags string, byUID bool) {
	if !strings.HasPrefix(operation, "+FLAGS") {
		return
	}
	for _, row := range c.rows(set, byUID) {
		if strings.Contains(flags, `\Seen`) {
			_ = c.server.store.changeMail(c.user.ID, row.mail, "is_read", 1)
		}
		if strings.Contains(flags, `\Deleted`) {
			_ = c.server.store.changeMail(c.user.ID, row.mail, "status", statusDeleted)
		}
	}
}

// search knows ALL, SEEN, UNSEEN, sets, and words in Subject or From.
func (c *imapSession) search(keys []string, byUID bool) bool {
	rows := c.server.store.box(c.user.ID, c.status, "")
	for len(keys) > 0 {
		key, used := strings.ToUpper(keys[0]), 1
		keep := func(boxRow) bool { return true }
		switch {
		case key == "ALL":
		case key == "SEEN" || key == "UNSEEN":
			keep = func(row boxRow) bool { return (row.read == 1) == (key == "SEEN") }
		case key == "UID" && len(keys) > 1:
			set := keys[1]
			used, keep = 2, func(row boxRow) bool { return inSet(set, row.uid) }
		case (key == "SUBJECT" || key == "FROM") && len(keys) > 1:
			text := strings.ToLower(keys[1])
			used, keep = 2, func(row boxRow) bool { return c.mailHas(row, key, text) }
		case unicode.IsDigit(rune(key[0])):
			keep = func(row boxRow) bool { return inSet(key, row.number) }
		default:
			return false
		}
		rows, keys = filter(rows, keep), keys[used:]
	}
	line := "* SEARCH"
	for _, row := range rows {
		if byUID {
			line += fmt.Sprintf(" %d", row.uid)
		} else {
			line += fmt.Sprintf(" %d", row.number)
		}
	}
	c.say("%s", line)
	return true
}

func (c *imapSession) mailHas(row boxRow, key, text string) bool {
	for _, m := range c.server.store.mails("WHERE e.id=?", row.mail) {
		content := m.Subject
		if key == "FROM" {
			content = m.From.Name + " " + m.From.EmailAddress
		}
		return strings.Contains(strings.ToLower(content), text)
	}
	return false
}

func inSet(set string, number int64) bool {
	for _, item := range strings.Split(set, ",") {
		if first, last := bounds(item); first <= number && number <= last {
			return true
		}
	}
	return false
}

func filter(rows []boxRow, keep func(boxRow) bool) []boxRow {
	var kept []boxRow
	for _, row := range rows {
		if keep(row) {
			kept = append(kept, row)
		}
	}
	return kept
}
