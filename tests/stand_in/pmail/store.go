package main

import (
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// schema is what PMail v2.9.7 leaves in an empty database, index names included.
var schema = []string{
	"CREATE TABLE IF NOT EXISTS `user` (`id` INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, `account` TEXT NOT NULL, `name` TEXT NOT NULL, `password` TEXT NOT NULL, `disabled` INTEGER DEFAULT 0 NOT NULL, `is_admin` INTEGER DEFAULT 0 NOT NULL)",
	"CREATE UNIQUE INDEX IF NOT EXISTS `UQE_user_account` ON `user` (`account`)",
	"CREATE TABLE IF NOT EXISTS `email` (`id` INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, `type` INTEGER DEFAULT 0 NOT NULL, `subject` TEXT DEFAULT '' NOT NULL, `reply_to` TEXT NULL, `from_name` TEXT DEFAULT '' NOT NULL, `from_address` TEXT DEFAULT '' NOT NULL, `to` TEXT NULL, `bcc` TEXT NULL, `cc` TEXT NULL, `text` TEXT NULL, `html` TEXT NULL, `sender` TEXT NULL, `attachments` TEXT NULL, `spf_check` INTEGER NULL, `dkim_check` INTEGER NULL, `status` INTEGER DEFAULT 0 NOT NULL, `cron_send_time` DATETIME NULL, `update_time` DATETIME NULL, `send_user_id` INTEGER DEFAULT 0 NOT NULL, `size` INTEGER DEFAULT 1000 NOT NULL, `error` TEXT NULL, `send_date` DATETIME NULL, `create_time` DATETIME NULL, `msg_id` TEXT DEFAULT '' NOT NULL)",
	"CREATE TABLE IF NOT EXISTS `group` (`id` INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, `name` TEXT DEFAULT '' NOT NULL, `parent_id` INTEGER DEFAULT 0 NOT NULL, `user_id` INTEGER DEFAULT 0 NOT NULL, `full_path` TEXT NULL)",
	"CREATE TABLE IF NOT EXISTS `rule` (`id` INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, `user_id` INTEGER DEFAULT 0 NOT NULL, `name` TEXT DEFAULT '' NOT NULL, `value` TEXT NULL, `action` INTEGER DEFAULT 0 NOT NULL, `params` TEXT DEFAULT '' NOT NULL, `sort` INTEGER DEFAULT 0 NOT NULL)",
	"CREATE TABLE IF NOT EXISTS `sessions` (`token` TEXT PRIMARY KEY NOT NULL, `data` BLOB NULL, `expiry` DATETIME NULL)",
	"CREATE INDEX IF NOT EXISTS `IDX_sessions_expiry` ON `sessions` (`expiry`)",
	"CREATE TABLE IF NOT EXISTS `user_email` (`id` INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, `user_id` INTEGER NOT NULL, `email_id` INTEGER NOT NULL, `is_read` INTEGER NULL, `group_id` INTEGER DEFAULT 0 NOT NULL, `status` INTEGER DEFAULT 0 NOT NULL, `create` DATETIME NULL)",
	"CREATE INDEX IF NOT EXISTS `IDX_user_email_email_id` ON `user_email` (`email_id`)",
	"CREATE INDEX IF NOT EXISTS `IDX_user_email_'idx_create_time'` ON `user_email` (`create`)",
	"CREATE INDEX IF NOT EXISTS `IDX_user_email_'idx_eid'` ON `user_email` (`user_id`,`email_id`)",
	"CREATE INDEX IF NOT EXISTS `IDX_user_email_user_id` ON `user_email` (`user_id`)",
	"CREATE TABLE IF NOT EXISTS `version` (`id` INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, `info` TEXT NOT NULL)",
}

const (
	mailReceived = 0
	mailSent     = 1

	statusNone    = 0
	statusSent    = 1
	statusFailed  = 2
	statusDeleted = 3
	statusPending = 6

	pendingText = "delivery result pending; outcome unknown after interruption"
)

var errNoAdmin = errors.New("no administrator available for unknown recipient")

type store struct{ db *sqlite }

// User is a row of `user`; the JSON is what the API shows.
type User struct {
	ID       int64
	Account  string
	Name     string
	Password string `json:"-"`
	Disabled int64
	IsAdmin  int64
}

func openStore(dbType, dsn string) (*store, error) {
	if dbType != "sqlite" {
		return nil, errors.New("Database Type Error! (the stand-in knows sqlite only)")
	}
	path, _, _ := strings.Cut(dsn, "?")
	db, err := openSQLite(path)
	if err != nil {
		return nil, err
	}
	return &store{db}, nil
}

// prepare creates what is missing and makes a single, mail-less user the admin.
func (s *store) prepare() error {
	for _, statement := range schema {
		if _, _, err := s.db.run(statement); err != nil {
			return err
		}
	}
	rows, _, err := s.db.run("SELECT (SELECT count(*) FROM user_email), (SELECT count(*) FROM user), (SELECT count(*) FROM user WHERE is_admin=0)")
	if err != nil {
		return err
	}
	if rows[0][0].(int64) == 0 && rows[0][1].(int64) == 1 && rows[0][2].(int64) == 1 {
		_, _, err = s.db.run("UPDATE user SET is_admin=1")
	}
	return err
}

func (s *store) writeVersion(version string) error {
	rows, _, err := s.db.run("SELECT info FROM version ORDER BY id LIMIT 1")
	switch {
	case err != nil:
		return err
	case len(rows) == 0:
		_, _, err = s.db.run("INSERT INTO version(info) VALUES(?)", version)
	case rows[0][0] != version:
		_, _, err = s.db.run("UPDATE version SET info=?", version)
	}
	return err
}

func md5Hex(text string) string {
	sum := md5.Sum([]byte(text))
	return hex.EncodeToString(sum[:])
}

func passwordHash(password string) string {
	return md5Hex(md5Hex(password+"pmail") + "pmail2023")
}

// users selects by the rest of a statement, such as "WHERE id=?".
func (s *store) users(rest string, args ...any) ([]User, error) {
	rows, _, err := s.db.run("SELECT id,account,name,password,disabled,is_admin FROM user "+rest, args...)
	if err != nil {
		return nil, err
	}
	var found []User
	for _, r := range rows {
		found = append(found, User{r[0].(int64), r[1].(string), r[2].(string), r[3].(string), r[4].(int64), r[5].(int64)})
	}
	return found, nil
}

// user is the first match; the zero User (ID 0) when there is none.
func (s *store) user(rest string, args ...any) User {
	found, err := s.users(rest, args...)
	if err != nil {
		errorf("", "%+v", err)
	}
	if len(found) == 0 {
		return User{}
	}
	return found[0]
}

// login takes "account" or "account@any.domain".
func (s *store) login(name, password string) User {
	account, _, _ := strings.Cut(name, "@")
	return s.exactLogin(account, password)
}

func (s *store) exactLogin(account, password string) User {
	return s.user("WHERE account=? AND password=? AND disabled=0", account, passwordHash(password))
}

func (s *store) addUser(user User) (User, error) {
	_, id, err := s.db.run("INSERT INTO user(account,name,password,disabled,is_admin) VALUES(?,?,?,?,?)",
		user.Account, user.Name, user.Password, user.Disabled, user.IsAdmin)
	user.ID = id
	return user, err
}

func (s *store) updateUser(user User) error {
	_, _, err := s.db.run("UPDATE user SET name=?,password=?,disabled=? WHERE id=?",
		user.Name, user.Password, user.Disabled, user.ID)
	return err
}

func toJSON(value any) string {
	data, _ := json.Marshal(value)
	return string(data)
}

func utcNow() string { return time.Now().UTC().Format("2006-01-02 15:04:05") }

// saveMail writes the mail and one user_email row for each user, or nothing.
func (s *store) saveMail(m *message, kind, status int, sender int64, users []int64) (int64, error) {
	var id int64
	err := s.db.atomically(func() error {
		now := utcNow()
		var failure any
		if status == statusPending {
			failure = pendingText
		}
		var err error
		_, id, err = s.db.runLocked("INSERT INTO email(type,subject,reply_to,from_name,from_address,`to`,bcc,cc,text,html,sender,attachments,spf_check,dkim_check,status,cron_send_time,update_time,send_user_id,size,error,send_date,create_time,msg_id) VALUES(?,?,'null',?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
			kind, m.Subject, m.From.Name, m.From.EmailAddress, toJSON(m.To), toJSON(m.Bcc), toJSON(m.Cc), m.Text, m.HTML,
			toJSON(m.Sender), toJSON(m.Attachments), m.spfCheck, m.dkimCheck, status, now, now, sender, m.Size, failure, now, now, m.MsgID)
		for _, user := range users {
			if err == nil {
				_, _, err = s.db.runLocked("INSERT INTO user_email(user_id,email_id,is_read,group_id,status,`create`) VALUES(?,?,0,0,?,?)", user, id, status, now)
			}
		}
		return err
	})
	return id, err
}

// finishMail records how the delivery of a pending mail ended.
func (s *store) finishMail(id int64, status int, failure any) error {
	return s.db.atomically(func() error {
		_, _, err := s.db.runLocked("UPDATE email SET status=?,error=?,update_time=CURRENT_TIMESTAMP WHERE id=?", status, failure, id)
		if err == nil {
			_, _, err = s.db.runLocked("UPDATE user_email SET status=? WHERE email_id=?", status, id)
		}
		return err
	})
}

// recipients are the users named, else every admin (`catchAll` true).
func (s *store) recipients(accounts []string) (users []User, catchAll bool, err error) {
	if len(accounts) > 0 {
		marks := strings.TrimSuffix(strings.Repeat("?,", len(accounts)), ",")
		args := make([]any, len(accounts))
		for index, account := range accounts {
			args[index] = account
		}
		users, err = s.users("WHERE lower(account) IN ("+marks+")", args...)
	}
	if err != nil || len(users) > 0 {
		return users, false, err
	}
	users, err = s.users("WHERE is_admin=1")
	return users, true, err
}

// mailRef is one received mail of a user.
type mailRef struct{ id, size int64 }

func (s *store) inbox(user int64) ([]mailRef, error) {
	rows, _, err := s.db.run("SELECT e.id,e.size FROM email e JOIN user_email u ON u.email_id=e.id WHERE u.user_id=? AND e.type=0 AND u.status!=3 ORDER BY e.id DESC", user)
	var refs []mailRef
	for _, r := range rows {
		refs = append(refs, mailRef{r[0].(int64), r[1].(int64)})
	}
	return refs, err
}

// mail loads what RETR shows; nil when the user has no such mail.
func (s *store) mail(user, id int64) *message {
	found := s.mails("JOIN user_email u ON u.email_id=e.id WHERE u.user_id=? AND e.id=?", user, id)
	if len(found) == 0 {
		return nil
	}
	return found[0]
}

// mails loads messages (NewEmailFromModel); their Date is when they were stored.
func (s *store) mails(rest string, args ...any) []*message {
	rows, _, err := s.db.run("SELECT e.id,e.subject,e.from_name,e.from_address,e.`to`,e.cc,e.text,e.html,e.attachments,e.msg_id,datetime(e.send_date) FROM email e "+rest, args...)
	if err != nil {
		errorf("", "%+v", err)
	}
	var found []*message
	for _, r := range rows {
		m := &message{ID: r[0].(int64), Subject: r[1].(string), From: address{r[3].(string), r[2].(string)}, Text: r[6].(string), HTML: r[7].(string), MsgID: r[9].(string)}
		_ = json.Unmarshal([]byte(r[4].(string)), &m.To)
		_ = json.Unmarshal([]byte(r[5].(string)), &m.Cc)
		_ = json.Unmarshal([]byte(r[8].(string)), &m.Attachments)
		stored, _ := r[10].(string)
		date, _ := time.Parse("2006-01-02 15:04:05", stored)
		m.Date = date.In(beijing)
		found = append(found, m)
	}
	return found
}

// boxRow is a mail in an IMAP folder: its number there, and user_email's id as UID.
type boxRow struct{ number, uid, mail, read int64 }

// box lists a folder by status; `rest` narrows it before the rows are numbered.
func (s *store) box(user int64, status int, rest string, args ...any) []boxRow {
	rows, _, err := s.db.run("SELECT id,email_id,coalesce(is_read,0) FROM user_email WHERE user_id=? AND status=? "+rest+" ORDER BY id",
		append([]any{user, status}, args...)...)
	if err != nil {
		errorf("", "%+v", err)
	}
	var found []boxRow
	for index, r := range rows {
		found = append(found, boxRow{int64(index + 1), r[0].(int64), r[1].(int64), r[2].(int64)})
	}
	return found
}

// changeMail sets one column of a user's row; `column` is a literal of ours.
func (s *store) changeMail(user, mail int64, column string, value int) error {
	_, _, err := s.db.run("UPDATE user_email SET "+column+"=? WHERE email_id=? AND user_id=?", value, mail, user)
	return err
}

// shareMail gives a stored mail to one more local user (forwardToLocalUser).
func (s *store) shareMail(m *message, account, to string) error {
	user := s.user("WHERE lower(account)=lower(?) AND disabled=0", account)
	if user.ID == 0 {
		return fmt.Errorf("local forward user not found: %s", to)
	}
	_, _, err := s.db.run("INSERT INTO user_email(user_id,email_id,is_read,group_id,status,`create`) SELECT ?,?,0,0,?,? WHERE NOT EXISTS (SELECT 1 FROM user_email WHERE email_id=? AND user_id=?)",
		user.ID, m.ID, m.Status, utcNow(), m.ID, user.ID)
	return err
}

// finishWebMail records how the delivery of a mail from the web ended.
func (s *store) finishWebMail(user, mail int64, status int, failure any) error {
	return s.db.atomically(func() error {
		_, _, err := s.db.runLocked("UPDATE email SET status=?,error=? WHERE id=?", status, failure, mail)
		if err == nil {
			_, _, err = s.db.runLocked("INSERT INTO user_email(user_id,email_id,is_read,group_id,status,`create`) VALUES(?,?,1,0,?,?)", user, mail, status, utcNow())
		}
		return err
	})
}

func (s *store) rules(user int64) []rule {
	rows, _, err := s.db.run("SELECT id,user_id,name,value,action,params,sort FROM rule WHERE user_id=? ORDER BY sort DESC", user)
	if err != nil {
		errorf("", "sqlERror :%v", err)
	}
	var found []rule
	for _, r := range rows {
		item := rule{ID: r[0].(int64), UserID: r[1].(int64), Name: r[2].(string), Action: r[4].(int64), Params: r[5].(string), Sort: r[6].(int64)}
		value, _ := r[3].(string)
		_ = json.Unmarshal([]byte(value), &item.Rules)
		found = append(found, item)
	}
	return found
}

func (s *store) saveRule(user int64, r rule) error {
	if r.ID > 0 {
		_, _, err := s.db.run("UPDATE rule SET name=?,value=?,action=?,params=?,sort=? WHERE id=? AND user_id=?",
			r.Name, toJSON(r.Rules), r.Action, r.Params, r.Sort, r.ID, user)
		return err
	}
	_, _, err := s.db.run("INSERT INTO rule(name,value,user_id,action,params,sort) VALUES(?,?,?,?,?,?)",
		r.Name, toJSON(r.Rules), user, r.Action, r.Params, r.Sort)
	return err
}

func (s *store) deleteRule(user, id int64) error {
	_, _, err := s.db.run("DELETE FROM rule WHERE id=? AND user_id=?", id, user)
	return err
}

func (s *store) saveSession(token, data string, expiry time.Time) error {
	_, _, err := s.db.run("REPLACE INTO sessions(token,data,expiry) VALUES(?,?,julianday(?))", token, data, expiry.UTC().Format("2006-01-02T15:04:05.999"))
	return err
}

// session is the data kept under a token that is still valid, else "".
func (s *store) session(token string) string {
	rows, _, err := s.db.run("SELECT data FROM sessions WHERE token=? AND julianday('now')<expiry", token)
	if err != nil || len(rows) == 0 {
		return ""
	}
	data, _ := rows[0][0].(string)
	return data
}

func (s *store) endSession(token string) {
	if _, _, err := s.db.run("DELETE FROM sessions WHERE token=?", token); err != nil {
		errorf("", "%+v", err)
	}
}
