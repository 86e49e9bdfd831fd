package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Actions of a rule (dto/rule.go).
const (
	actionRead    = 1
	actionForward = 2
	actionDelete  = 3
	actionMove    = 4
)

// rule is a row of `rule`; the JSON is what the API takes and shows.
type rule struct {
	ID     int64       `json:"id"`
	UserID int64       `json:"user_id"`
	Name   string      `json:"name"`
	Rules  []condition `json:"rules"`
	Action int64       `json:"action"`
	Params string      `json:"params"`
	Sort   int64       `json:"sort"`
}

type condition struct {
	Field string `json:"field"`
	Type  string `json:"type"`
	Rule  string `json:"rule"`
}

// runRules does every rule that matches, for forged mail (status 3) too. A
// regular expression that is none panics, after the mail was stored: 421.
func (s *server) runRules(logID string, user User, m *message, raw []byte) {
	for _, r := range s.store.rules(user.ID) {
		if r.matches(m) {
			s.runRule(logID, r, user, m, raw)
		}
	}
}

// matches is true for a rule without conditions; kinds it does not know it skips.
func (r rule) matches(m *message) bool {
	for _, c := range r.Rules {
		content, matched := m.ruleField(c.Field), true
		switch c.Type {
		case "regex":
			matched = regexp.MustCompile(c.Rule).MatchString(content)
		case "contains":
			matched = strings.Contains(content, c.Rule)
		case "equal":
			matched = content == c.Rule
		}
		if !matched {
			return false
		}
	}
	return true
}

func (m *message) ruleField(name string) string {
	switch name {
	case "From":
		return m.From.EmailAddress
	case "Subject":
		return m.Subject
	case "To":
		return plainAddresses(m.To)
	case "Cc":
		return plainAddresses(m.Cc)
	case "Text":
		return m.Text
	case "Html":
		return m.HTML
	case "Content":
		return m.HTML + m.Text
	}
	return ""
}

func plainAddresses(list []address) string {
	var texts []string
	for _, item := range list {
		texts = append(texts, item.EmailAddress)
	}
	return strings.Join(texts, ",")
}

func (s *server) runRule(logID string, r rule, user User, m *message, raw []byte) {
	var err error
	switch r.Action {
	case actionRead:
		err = s.store.changeMail(r.UserID, m.ID, "is_read", 1)
	case actionDelete:
		err = s.store.changeMail(r.UserID, m.ID, "status", statusDeleted)
	case actionMove: // to a group of the user only
		group, _ := strconv.Atoi(r.Params)
		err = s.store.changeMail(r.UserID, m.ID, "group_id", group)
	case actionForward:
		if err := s.forward(logID, r.Params, user, m, raw); err != nil {
			errorf(logID, "Forward Error:%v", err)
		} else {
			infof(logID, "Forward Success:%s@%s -> %s", user.Account, s.config.Domains[0], r.Params)
		}
	}
	if err != nil {
		errorf(logID, "sqlERror :%v", err)
	}
}

// forward sends the original bytes with our own envelope sender; refused, the
// mail goes out once more, rebuilt in the user's name and signed (doForward).
func (s *server) forward(logID, to string, user User, m *message, raw []byte) error {
	local, domain := parseAddress(to).parts()
	if local == "" || domain == "" {
		return fmt.Errorf("invalid forward address: %s", to)
	}
	if s.config.servesFold(domain) {
		if strings.EqualFold(local, user.Account) {
			return fmt.Errorf("loop forwarding to self: %s", to)
		}
		return s.store.shareMail(m, local, to)
	}
	from := s.config.Domains[0]
	job := delivery{logID, user.Account + "@" + from, from, raw}
	targets := []address{{EmailAddress: to}}
	failed, _ := job.deliver(targets)
	if len(failed) == 0 {
		return nil
	}
	warnf(logID, "Raw forward failed, retry remail forward:%v", failureText(failed))
	job.mail = s.signer.sign(m.buildForward(user, s.config.Domains, s.config.Domain, to))
	if failed, _ = job.deliver(targets); len(failed) > 0 {
		return fmt.Errorf("%s", failureText(failed))
	}
	return nil
}

// --- the API (controllers/rule.go) -----------------------------------------------------

var ruleFields = words("From Subject To Cc Text Html Content")

func (s *server) ruleGet(c *call) { answer(c, s.store.rules(c.user.ID)) }

// ruleSave is `add` and `update`: with an id it changes, without it adds.
func (s *server) ruleSave(c *call) {
	var wanted rule
	if err := json.Unmarshal(c.body, &wanted); err != nil {
		refuseWith(c, errParams, "params error", object{})
		return
	}
	if wanted.Action == actionForward {
		pieces := strings.Split(wanted.Params, "@")
		if len(pieces) != 2 || !strings.Contains(pieces[1], ".") {
			refuseWith(c, errParams, "ParamsError error", "Invalid e-mail address!")
			return
		}
	}
	for _, item := range wanted.Rules {
		if !ruleFields[item.Field] {
			refuseWith(c, errParams, "ParamsError error", "params error! Rule Field Error!")
			return
		}
	}
	if err := s.store.saveRule(c.user.ID, wanted); err != nil {
		refuseWith(c, errServer, "server error", object{})
		return
	}
	answer(c, "succ")
}

func (s *server) ruleDelete(c *call) {
	var wanted struct{ ID int64 }
	if err := json.Unmarshal(c.body, &wanted); err != nil || wanted.ID <= 0 {
		refuseWith(c, errParams, "params error", "id is empty")
		return
	}
	if err := s.store.deleteRule(c.user.ID, wanted.ID); err != nil {
		refuseWith(c, errServer, "unknown error", object{})
		return
	}
	answer(c, "succ")
}
