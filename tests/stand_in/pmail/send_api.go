package main

import (
	"encoding/base64"
	"encoding/json"
	"strings"
)

// sendRequest is the body of /api/email/send; reply_to and read_receipt are
// taken and not used (controllers/email/send.go).
type sendRequest struct {
	From        webAddress   `json:"from"`
	To          []webAddress `json:"to"`
	Bcc         []webAddress `json:"bcc"`
	Cc          []webAddress `json:"cc"`
	Subject     string       `json:"subject"`
	Text        string       `json:"text"`
	HTML        string       `json:"html"`
	Sender      webAddress   `json:"sender"`
	Attachments []struct {
		Name string `json:"name"`
		Data string `json:"data"`
	} `json:"attrs"`
}

type webAddress struct {
	Name  string `json:"name"`
	Email string `json:"email"`
}

func addresses(list []webAddress) []address {
	var all []address
	for _, item := range list {
		all = append(all, address{item.Email, item.Name})
	}
	return all
}

// emailSend answers at once and delivers afterwards. Until then the row says
// "sent"; the owner's user_email row comes with the result.
func (s *server) emailSend(c *call) {
	infof("", "发送邮件")
	var wanted sendRequest
	if err := json.Unmarshal(c.body, &wanted); err != nil {
		refuseWith(c, errParams, "params error", err.Error())
		return
	}
	if wanted.From.Email != "" {
		pieces := strings.Split(wanted.From.Email, "@")
		if len(pieces) != 2 || !s.config.serves(pieces[1]) || c.user.IsAdmin != 1 && pieces[0] != c.user.Account {
			refuse(c, errParams, "params error")
			return
		}
	} else {
		wanted.From.Email = c.user.Account + "@" + s.config.Domain
	}
	if wanted.From.Name == "" {
		wanted.From.Name = c.user.Name
	}
	if missing := wanted.missing(); missing != "" {
		refuseWith(c, errParams, missing, missing)
		return
	}
	m, err := wanted.message(s.config.Domain)
	if err != nil {
		refuseWith(c, errParams, "Attachment decoding error", err.Error())
		return
	}
	if m.ID, err = s.store.saveMail(m, mailSent, statusSent, c.user.ID, nil); err != nil {
		refuseWith(c, errServer, "Send Failure", err.Error())
		return
	}
	go s.deliverFromWeb(c.user, m)
	answer(c, "Success")
}

func (r sendRequest) missing() string {
	switch {
	case r.Subject == "":
		return "邮件标题必填"
	case len(r.To) == 0:
		return "收件人必填"
	}
	return ""
}

// message takes the texts as they are: what the web sends is not sanitized.
func (r sendRequest) message(domain string) (*message, error) {
	if r.Sender.Email == "" {
		r.Sender = r.From
	}
	m := &message{
		From: address{r.From.Email, r.From.Name}, Sender: address{r.Sender.Email, r.Sender.Name},
		To: addresses(r.To), Cc: addresses(r.Cc), Bcc: addresses(r.Bcc),
		Subject: r.Subject, Text: r.Text, HTML: r.HTML,
		Date: beijingNow(), MsgID: newMessageID(domain), spfCheck: 1, dkimCheck: 1,
	}
	for _, file := range r.Attachments {
		kind, data, _ := strings.Cut(strings.TrimPrefix(file.Data, "data:"), ";")
		content, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(data, "base64,"))
		if err != nil {
			return nil, err
		}
		m.Attachments = append(m.Attachments, attachment{Filename: file.Name, ContentType: kind, Content: content})
	}
	return m, nil
}

func (s *server) deliverFromWeb(user User, m *message) {
	logID := newLogID()
	failed, _ := s.send(logID, m)
	status, failure := statusSent, any(nil)
	if len(failed) > 0 {
		status, failure = statusFailed, failureText(failed)
	}
	if err := s.store.finishWebMail(user.ID, m.ID, status, failure); err != nil {
		errorf(logID, "sql Error :%+v", err)
	}
}
