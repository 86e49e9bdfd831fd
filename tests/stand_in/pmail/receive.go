package main

import (
	"net"
	"strings"
)

// receive stores a mail from outside for its users, else for every admin, and
// runs their rules (read_content.go, audit_persistence.go).
func (c *smtpSession) receive(m *message, raw []byte) reply {
	config, db := c.server.config, c.server.store
	dkim := dkimPasses(raw)
	spf := spfPasses(c.conn.RemoteAddr(), m.Sender)
	if _, domain := m.From.parts(); config.serves(domain) && !spf {
		dkim, m.Status = false, statusDeleted
	}
	m.spfCheck, m.dkimCheck = oneIf(spf), oneIf(dkim)
	if m.MsgID == "" {
		m.MsgID = newMessageID(config.Domain)
	}
	accounts := c.accounts()
	users, catchAll, err := db.recipients(accounts)
	if err == nil && catchAll {
		if spam(config.SpamFilterLevel, spf, dkim) {
			infof(c.logID, "垃圾邮件，拒信")
			infof(c.logID, "收件人不存在且DKIM验证失败，丢弃邮件: %s -> %v", m.From.EmailAddress, accounts)
			return reply{250, "2.0.0", "OK: queued"}
		}
		infof(c.logID, "收件人不存在但DKIM验证通过，转交管理员: %s -> %v", m.From.EmailAddress, accounts)
		if len(users) == 0 {
			err = errNoAdmin
		}
	}
	var ids []int64
	for _, user := range users {
		ids = append(ids, user.ID)
	}
	if err == nil {
		m.ID, err = db.saveMail(m, mailReceived, m.Status, 0, ids)
	}
	if err != nil {
		errorf(c.logID, "CRITICAL audit_event=initial_persist_failed direction=inbound msg_id=%q error=%v", m.MsgID, err)
		return persistenceFailure
	}
	for _, user := range users {
		c.server.runRules(c.logID, user, m, raw)
	}
	return reply{250, "2.0.0", "OK: queued"}
}

func oneIf(set bool) int {
	if set {
		return 1
	}
	return 0
}

// spam says what is dropped of the mail for nobody (resolveIncomingUsers).
func spam(level int, spf, dkim bool) bool {
	return level == 1 && !spf && !dkim || level == 2 && !spf || level == 3 && !dkim
}

// accounts are the local parts of the recipients at our own domains. The domain
// has to be written as in config.json, capitals and all.
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

// spfPasses believes private senders (spfCheck). Without a Sender header PMail
// has no domain: no pass.
func spfPasses(remote net.Addr, sender address) bool {
	tcp, ok := remote.(*net.TCPAddr)
	if !ok {
		return false
	}
	if tcp.IP.IsPrivate() {
		return true
	}
	pieces := strings.Split(sender.EmailAddress, "@")
	if len(pieces) < 2 {
		return false
	}
	verdict := (&spfCheck{client: tcp.IP}).host(pieces[1])
	return verdict == spfNone || verdict == spfPass
}
