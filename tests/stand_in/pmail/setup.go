package main

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
)

// setup is the unauthenticated set-up server: the hazard that a missing,
// unreadable or damaged config.json opens on every interface.
type setup struct {
	root  string
	port  int
	store *store // nil until the database step was done
	done  chan struct{}
}

// runSetup returns when somebody, anybody, has finished the set-up.
func runSetup(root string) {
	for _, directory := range []string{"./config", "./config/dkim", "./config/ssl"} {
		if err := os.MkdirAll(directory, 0o744); err != nil {
			panic(err)
		}
	}
	s := &setup{root: root, port: setupPort(), done: make(chan struct{})}
	infof("", "HttpServer Start On Port :%d", s.port)
	infof("", "Please click http://%s:%d to continue.", localAddress(), s.port)
	mux := http.NewServeMux()
	mux.HandleFunc("/", page)
	mux.HandleFunc("/.well-known/", acmeChallenge)
	mux.HandleFunc("/api/", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Path != "/api/setup" {
			refuse(w, errNeedSetup, "")
			return
		}
		s.step(w, r)
	})
	web := newWebServer(mux)
	go func() {
		if err := web.Serve(mustListen(fmt.Sprintf(":%d", s.port), nil, giveUp)); !errors.Is(err, http.ErrServerClosed) {
			panic(err)
		}
	}()
	<-s.done
	// Close, not Shutdown: the last answer may be lost, as in PMail.
	if err := web.Close(); err != nil {
		panic(err)
	}
	infof("", "Setup End!")
}

// setupPort is -p, else the environment's setup_port, else 80.
func setupPort() int {
	port := flag.Int("p", 80, "初始化阶段Http服务端口")
	flag.Parse()
	if *port == 80 {
		*port, _ = strconv.Atoi(os.Getenv("setup_port"))
	}
	if *port <= 0 || *port > 65535 {
		return 80
	}
	return *port
}

// step answers one request; its values must all be strings.
func (s *setup) step(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	var wanted map[string]string
	if err := json.Unmarshal(body, &wanted); err != nil {
		writeAnswer(w, apiAnswer{ErrorNo: errServer, Data: err.Error()})
		return
	}
	steps := map[string]func(map[string]string) (any, error){
		"get database": s.getDatabase, "set database": s.setDatabase,
		"get password": s.getPassword, "set password": s.setPassword,
		"get domain": s.getDomain, "set domain": s.setDomain,
		"get dns": s.getDNS, "get ssl": s.getSSL, "set ssl": s.setSSL,
	}
	run, known := steps[wanted["action"]+" "+wanted["step"]]
	if !known {
		return // PMail sends an empty body
	}
	data, err := run(wanted)
	if err != nil {
		refuse(w, errServer, err.Error())
		return
	}
	answer(w, data)
	if wanted["step"] == "ssl" && wanted["action"] == "set" {
		s.finish()
	}
}

func (s *setup) getDatabase(map[string]string) (any, error) {
	config, err := readSetupConfig(s.root)
	if err != nil {
		return nil, err
	}
	if config.DbType == "" && config.DbDSN == "" {
		return object{"db_type": "sqlite", "db_dsn": s.root + "./config/pmail.db"}, nil
	}
	return object{"db_type": config.DbType, "db_dsn": config.DbDSN}, nil
}

func (s *setup) change(edit func(*Config)) (any, error) {
	config, err := readSetupConfig(s.root)
	if err != nil {
		return nil, err
	}
	edit(config)
	return "Succ", writeConfig(s.root, config)
}

func (s *setup) setDatabase(wanted map[string]string) (any, error) {
	if wanted["db_dsn"] == "" {
		return nil, errors.New("DSN error")
	}
	if _, err := s.change(func(c *Config) { c.DbType, c.DbDSN = wanted["db_type"], wanted["db_dsn"] }); err != nil {
		return nil, err
	}
	config, _ := startConfig(s.root)
	opened, err := openStore(config.DbType, config.DbDSN)
	if err != nil {
		return nil, err
	}
	s.store = opened
	return "Succ", opened.prepare()
}

// database is PMail's nil engine: before the database step the request dies unanswered.
func (s *setup) database() *store {
	if s.store == nil {
		panic(http.ErrAbortHandler)
	}
	return s.store
}

func (s *setup) getPassword(map[string]string) (any, error) {
	return s.database().user("").Account, nil
}

// setPassword has no guard: a second call makes a second admin.
func (s *setup) setPassword(wanted map[string]string) (any, error) {
	admin := User{Account: wanted["account"], Name: "admin", Password: passwordHash(wanted["password"]), IsAdmin: 1}
	_, err := s.database().addUser(admin)
	return "Succ", err
}

func (s *setup) getDomain(map[string]string) (any, error) {
	config, err := readSetupConfig(s.root)
	if err != nil {
		return nil, err
	}
	others := config.primaryFirst()[1:]
	return object{"smtp_domain": config.Domain, "web_domain": config.WebDomain, "domains": others}, nil
}

// setDomain puts the primary domain last.
func (s *setup) setDomain(wanted map[string]string) (any, error) {
	primary := wanted["smtp_domain"]
	if primary == "" {
		return nil, errors.New("domain must not empty!")
	}
	if wanted["web_domain"] == "" {
		return nil, errors.New("web domain must not empty!")
	}
	return s.change(func(c *Config) {
		c.Domain, c.WebDomain, c.Domains = primary, wanted["web_domain"], []string{}
		if wanted["multi_domain"] != "" {
			c.Domains = strings.Split(wanted["multi_domain"], ",")
		}
		if !c.serves(primary) {
			c.Domains = append(c.Domains, primary)
		}
	})
}

type dnsItem struct {
	Type  string `json:"type"`
	Host  string `json:"host"`
	Value string `json:"value"`
	TTL   int    `json:"ttl"`
	Tips  string `json:"tips"`
}

// getDNS makes the DKIM key pair when there is none.
func (s *setup) getDNS(map[string]string) (any, error) {
	config, err := readSetupConfig(s.root)
	if err != nil {
		return nil, err
	}
	key, err := dkimRecord()
	if err != nil {
		return nil, err
	}
	wanted := map[string][]dnsItem{}
	for _, domain := range config.Domains {
		items := []dnsItem{}
		for _, host := range []string{strings.ReplaceAll(config.WebDomain, "."+config.Domain, ""), "smtp", "imap", "pop", "@"} {
			items = append(items, dnsItem{"A", host, localAddress(), 3600, "This is your server's IP, make sure it is correct."})
		}
		wanted[domain] = append(items,
			dnsItem{"MX", "@", "smtp." + domain, 3600, ""},
			dnsItem{"TXT", "@", "v=spf1 a mx ~all", 3600, ""},
			dnsItem{"TXT", "default._domainkey", key, 3600, ""})
	}
	return wanted, nil
}

func dkimRecord() (string, error) {
	private, _ := os.ReadFile("./config/dkim/dkim.priv")
	public, _ := os.ReadFile("./config/dkim/dkim.public")
	if len(private) > 0 && len(public) > 0 {
		return string(public), nil
	}
	key, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		return "", err
	}
	secret, _ := x509.MarshalPKCS8PrivateKey(key)
	open, _ := x509.MarshalPKIXPublicKey(key.Public())
	block := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})
	if err := os.WriteFile("./config/dkim/dkim.priv", block, 0o600); err != nil {
		return "", err
	}
	record := "v=DKIM1; k=rsa; p=" + base64.StdEncoding.EncodeToString(open)
	return record, os.WriteFile("./config/dkim/dkim.public", []byte(record), 0o666)
}

func (s *setup) getSSL(map[string]string) (any, error) {
	config, err := readSetupConfig(s.root)
	if err != nil {
		return nil, err
	}
	if config.SSLType == "" {
		config.SSLType = "0"
	}
	return object{"port": s.port, "type": config.SSLType}, nil
}

// setSSL leaves HTTPS of the admin pages off, as PMail does.
func (s *setup) setSSL(wanted map[string]string) (any, error) {
	if wanted["ssl_type"] != "1" {
		return nil, errors.New("the stand-in has no ACME client: only ssl_type 1")
	}
	for _, path := range []string{wanted["key_path"], wanted["crt_path"]} {
		if _, err := os.Stat(path); err != nil {
			return nil, err
		}
	}
	return s.change(func(c *Config) {
		c.SSLType, c.SSLPrivateKeyPath, c.SSLPublicKeyPath = "1", wanted["key_path"], wanted["crt_path"]
		c.HTTPSEnabled = 2
	})
}

func (s *setup) finish() {
	if _, err := s.change(func(c *Config) { c.IsInit = true }); err != nil {
		errorf("", "%v", err)
		return
	}
	close(s.done)
}
