package main

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	errParams    = 100
	errNeedSetup = 402
	errNeedLogin = 403
	errNoAccess  = 405
	errServer    = 500

	sessionLife = 7 * 24 * time.Hour
	tokenLife   = 5 // seconds; a time in the future is accepted
)

type object map[string]any

// apiAnswer is always sent with HTTP status 200.
type apiAnswer struct {
	ErrorNo  int    `json:"errorNo"`
	ErrorMsg string `json:"errorMsg"`
	Data     any    `json:"data"`
}

func answer(w http.ResponseWriter, data any) { writeAnswer(w, apiAnswer{Data: data}) }

func refuse(w http.ResponseWriter, number int, text string) { refuseWith(w, number, text, "") }

func refuseWith(w http.ResponseWriter, number int, text string, data any) {
	writeAnswer(w, apiAnswer{ErrorNo: number, ErrorMsg: text, Data: data})
}

func writeAnswer(w http.ResponseWriter, a apiAnswer) {
	data, _ := json.Marshal(a)
	_, _ = w.Write(data)
}

// call is one API request of a user; user.ID is 0 before login.
type call struct {
	http.ResponseWriter
	request *http.Request
	user    User
	body    []byte
}

func giveUp(err error) { panic(err) }

func (s *server) serveWeb() {
	plain := newWebServer(s.plainRoutes())
	if s.config.HTTPSEnabled == 2 {
		plain = newWebServer(s.apiRoutes())
	} else {
		port := portOr(s.config.HTTPSPort, 443)
		infof("", "Https Server Start On Port :%d", port)
		listener := mustListen(fmt.Sprintf(":%d", port), nil, giveUp)
		secure := newWebServer(s.apiRoutes())
		go func() { giveUp(secure.ServeTLS(listener, s.config.SSLPublicKeyPath, s.config.SSLPrivateKeyPath)) }()
	}
	listener := mustListen(fmt.Sprintf(":%d", portOr(s.config.HTTPPort, 80)), nil, giveUp)
	go func() { giveUp(plain.Serve(listener)) }()
}

func newWebServer(handler http.Handler) *http.Server {
	return &http.Server{Handler: handler, ReadTimeout: 90 * time.Second, WriteTimeout: 90 * time.Second, ErrorLog: log.New(io.Discard, "", 0)}
}

func ping(w http.ResponseWriter, _ *http.Request) { answer(w, "pong") }

func acmeChallenge(w http.ResponseWriter, r *http.Request) {
	infof("", "AcmeChallenge: %s", r.URL.Path)
	http.NotFound(w, r)
}

// plainRoutes redirect all but ping and ACME to HTTPS, method and body lost.
func (s *server) plainRoutes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/", acmeChallenge)
	mux.HandleFunc("/api/ping", ping)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://"+s.config.WebDomain+r.URL.Path, http.StatusMovedPermanently)
	})
	return mux
}

func (s *server) apiRoutes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/", acmeChallenge)
	mux.HandleFunc("/api/ping", ping)
	mux.HandleFunc("/", page)
	for path, handler := range map[string]func(*call){
		"/api/login":                    s.login,
		"/api/logout":                   s.logout,
		"/api/user/info":                s.userInfo,
		"/api/user/create":              adminOnly(s.userCreate),
		"/api/user/edit":                adminOnly(s.userEdit),
		"/api/user/list":                adminOnly(s.userList),
		"/api/settings/modify_password": s.modifyPassword,
		"/api/email/send":               s.emailSend,
		"/api/rule/get":                 s.ruleGet,
		"/api/rule/add":                 s.ruleSave,
		"/api/rule/update":              s.ruleSave,
		"/api/rule/del":                 s.ruleDelete,
		"/api/plugin/list":              func(c *call) { answer(c, []string{}) },
	} {
		mux.HandleFunc(path, s.withUser(handler))
	}
	return mux
}

func page(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/" {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = io.WriteString(w, "<!doctype html><title>PMail</title><p>Stand-in for PMail\n")
}

// withUser finds out who calls: by cookie, else by Token header.
func (s *server) withUser(handler func(*call)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		user := s.cookieUser(r)
		if token := r.Header.Get("Token"); user.ID == 0 && token != "" {
			var trouble string
			if user, trouble = s.tokenUser(token); trouble != "" {
				refuse(w, errNeedLogin, trouble)
				return
			}
		}
		if user.ID == 0 && r.URL.Path != "/api/login" {
			refuse(w, errNeedLogin, "Login has expired.")
			return
		}
		body, _ := io.ReadAll(r.Body)
		handler(&call{w, r, user, body})
	}
}

func adminOnly(handler func(*call)) func(*call) {
	return func(c *call) {
		if c.user.IsAdmin != 1 {
			refuse(c, errNoAccess, "No Access Privileges")
			return
		}
		handler(c)
	}
}

// cookieUser is the copy kept in the session: disabling a user does not end it.
func (s *server) cookieUser(r *http.Request) User {
	var user User
	if cookie, err := r.Cookie("session"); err == nil {
		_ = json.Unmarshal([]byte(s.store.session(cookie.Value)), &user)
	}
	return user
}

func (s *server) tokenUser(token string) (User, string) {
	pieces := strings.Split(token, ":")
	if len(pieces) != 3 {
		return User{}, "token format error"
	}
	stamp, _ := strconv.ParseInt(pieces[2], 10, 64)
	if time.Now().Unix()-stamp >= tokenLife {
		return User{}, "token expired"
	}
	user := s.store.user("WHERE account=? AND disabled=0", pieces[0])
	if user.ID == 0 || md5Hex(fmt.Sprintf("%s%d", user.Password, stamp)) != pieces[1] {
		return User{}, "account or password error"
	}
	return user, ""
}

// read is as forgiving as PMail: bad JSON is logged and leaves the zero value.
func (c *call) read(into any) {
	if err := json.Unmarshal(c.body, into); err != nil {
		errorf("", "%+v", err)
	}
}

func (s *server) login(c *call) {
	var wanted struct{ Account, Password string }
	c.read(&wanted)
	user := s.store.exactLogin(wanted.Account, wanted.Password)
	if user.ID == 0 {
		refuse(c, errParams, "Incorrect account number or password")
		return
	}
	random := make([]byte, 32)
	_, _ = rand.Read(random)
	token, expiry := base64.RawURLEncoding.EncodeToString(random), time.Now().Add(sessionLife)
	if err := s.store.saveSession(token, toJSON(user), expiry); err != nil {
		http.Error(c, "Internal Server Error", http.StatusInternalServerError)
		return
	}
	http.SetCookie(c, &http.Cookie{
		Name: "session", Value: token, Path: "/", Expires: expiry,
		MaxAge: int(sessionLife.Seconds()), HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
	answer(c, object{"account": user.Account, "name": user.Name, "is_admin": user.IsAdmin, "domains": s.config.primaryFirst()})
}

func (s *server) logout(c *call) {
	if cookie, err := c.request.Cookie("session"); err == nil {
		s.store.endSession(cookie.Value)
	}
	answer(c, "Success")
}

// userInfo shows is_admin as a boolean, login as a number.
func (s *server) userInfo(c *call) {
	answer(c, object{"account": c.user.Account, "name": c.user.Name, "is_admin": c.user.IsAdmin == 1, "domains": s.config.primaryFirst()})
}

type userRequest struct {
	ID       int64  `json:"id"`
	Account  string `json:"account"`
	Username string `json:"username"`
	Password string `json:"password"`
	Disabled int64  `json:"disabled"`
}

func (s *server) userCreate(c *call) {
	var wanted userRequest
	c.read(&wanted)
	if wanted.Username == "" || wanted.Password == "" || wanted.Account == "" {
		refuse(c, errParams, "Params Error")
		return
	}
	user, err := s.store.addUser(User{Account: wanted.Account, Name: wanted.Username, Password: passwordHash(wanted.Password)})
	if err != nil {
		refuse(c, errServer, err.Error())
		return
	}
	answer(c, user)
}

// userEdit always applies `disabled`: left out, it enables the user.
func (s *server) userEdit(c *call) {
	var wanted userRequest
	c.read(&wanted)
	var user User
	switch {
	case wanted.ID != 0:
		user = s.store.user("WHERE id=?", wanted.ID)
	case wanted.Account != "":
		user = s.store.user("WHERE account=?", wanted.Account)
	default:
		refuse(c, errParams, "Params Error")
		return
	}
	if user.ID == 0 {
		refuse(c, errParams, "User not found")
		return
	}
	user.Disabled = wanted.Disabled
	if wanted.Username != "" {
		user.Name = wanted.Username
	}
	if wanted.Password != "" {
		user.Password = passwordHash(wanted.Password)
	}
	if err := s.store.updateUser(user); err != nil {
		refuse(c, errServer, err.Error())
		return
	}
	answer(c, user)
}

func (s *server) userList(c *call) {
	var wanted struct {
		CurrentPage int64 `json:"current_page"`
		PageSize    int64 `json:"page_size"`
	}
	c.read(&wanted)
	offset := int64(0)
	if wanted.CurrentPage >= 1 {
		offset = (wanted.CurrentPage - 1) * wanted.PageSize
	}
	if wanted.PageSize == 0 {
		wanted.PageSize = 15
	}
	all, err := s.store.users("")
	if err != nil {
		errorf("", "%+v", err)
	}
	users, err := s.store.users("LIMIT ? OFFSET ?", wanted.PageSize, offset)
	if err != nil {
		errorf("", "%+v", err)
	}
	pages := (int64(len(all)) + wanted.PageSize - 1) / wanted.PageSize
	answer(c, object{"current_page": wanted.CurrentPage, "total_page": pages, "list": users})
}

// modifyPassword changes the caller's own; the old one is not asked for.
func (s *server) modifyPassword(c *call) {
	var wanted struct{ Password string }
	c.read(&wanted)
	if wanted.Password != "" {
		user := s.store.user("WHERE id=?", c.user.ID)
		user.Password = passwordHash(wanted.Password)
		if err := s.store.updateUser(user); err != nil {
			refuse(c, errServer, "Unknown error")
			return
		}
	}
	answer(c, "Success")
}

// localAddress is shown by the set-up server, which in PMail asks a web service.
func localAddress() string {
	addresses, _ := net.InterfaceAddrs()
	for _, item := range addresses {
		if network, ok := item.(*net.IPNet); ok && !network.IP.IsLoopback() && network.IP.To4() != nil {
			return network.IP.String()
		}
	}
	return "[Your Server IP]"
}
