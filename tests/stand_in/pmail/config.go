package main

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Config has PMail's keys in PMail's order: the whole of it is logged at each start.
type Config struct {
	LogLevel             string   `json:"logLevel"`
	Domain               string   `json:"domain"`
	Domains              []string `json:"domains"`
	WebDomain            string   `json:"webDomain"`
	DkimPrivateKeyPath   string   `json:"dkimPrivateKeyPath"`
	SSLType              string   `json:"sslType"`
	SSLPrivateKeyPath    string   `json:"SSLPrivateKeyPath"`
	SSLPublicKeyPath     string   `json:"SSLPublicKeyPath"`
	DbDSN                string   `json:"dbDSN"`
	DbType               string   `json:"dbType"`
	HTTPSEnabled         int      `json:"httpsEnabled"`
	SpamFilterLevel      int      `json:"spamFilterLevel"`
	HTTPPort             int      `json:"httpPort"`
	HTTPSPort            int      `json:"httpsPort"`
	WeChatPushAppID      string   `json:"weChatPushAppId"`
	WeChatPushSecret     string   `json:"weChatPushSecret"`
	WeChatPushTemplateID string   `json:"weChatPushTemplateId"`
	WeChatPushUserID     string   `json:"weChatPushUserId"`
	TgBotToken           string   `json:"tgBotToken"`
	TgChatID             string   `json:"tgChatId"`
	IsInit               bool     `json:"isInit"`
	WebPushURL           string   `json:"webPushUrl"`
	WebPushToken         string   `json:"webPushToken"`
}

// rootPath is PMail_ROOT, else the directory of the executable; ends with a slash.
func rootPath() string {
	label, root := "Env Root Path:", strings.TrimSpace(os.Getenv("PMail_ROOT"))
	if root == "" {
		label = "Root Path:"
		executable, err := os.Executable()
		if err != nil {
			panic(err)
		}
		if root, err = filepath.EvalSymlinks(filepath.Dir(executable)); err != nil {
			panic(err)
		}
	}
	if !strings.HasSuffix(root, "/") {
		root += "/"
	}
	fmt.Println(label, root)
	return root
}

func configPath(root string) string { return root + "./config/config.json" }

// startConfig reads config.json. Whatever is wrong with it is no error in
// PMail: the answer is "not initialised", which opens the set-up server.
func startConfig(root string) (*Config, bool) {
	data, err := os.ReadFile(configPath(root))
	if err != nil {
		errorf("", "config file not found,%s", err)
		return &Config{}, false
	}
	config := &Config{}
	if err := json.Unmarshal(data, config); err != nil {
		return config, false
	}
	config.fixPaths(root)
	if len(config.Domains) == 0 && config.Domain != "" {
		config.Domains = []string{config.Domain}
	}
	setLogLevel(config.LogLevel)
	return config, config.Domain != "" && config.IsInit
}

// fixPaths leaves the DKIM path alone: PMail reads it relative to the working directory.
func (c *Config) fixPaths(root string) {
	if c.DbType == "sqlite" && !strings.HasPrefix(c.DbDSN, "/") {
		c.DbDSN = root + c.DbDSN
	}
	for _, path := range []*string{&c.SSLPublicKeyPath, &c.SSLPrivateKeyPath} {
		if !strings.HasPrefix(*path, "/") {
			*path = root + *path
		}
	}
}

// readSetupConfig is what the set-up server works on: a missing file is created.
func readSetupConfig(root string) (*Config, error) {
	config := &Config{
		DkimPrivateKeyPath: root + "config/dkim/dkim.priv",
		SSLPrivateKeyPath:  root + "config/ssl/private.key",
		SSLPublicKeyPath:   root + "config/ssl/public.crt",
	}
	data, err := os.ReadFile(configPath(root))
	if errors.Is(err, os.ErrNotExist) {
		return config, writeConfig(root, config)
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(data, config); err != nil {
		return nil, err
	}
	config.fixPaths(root)
	return config, nil
}

// writeConfig writes with PMail's own, too generous, mode.
func writeConfig(root string, config *Config) error {
	data, err := json.Marshal(config)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(root+"config/", 0o755); err != nil {
		return err
	}
	return os.WriteFile(configPath(root), data, 0o666)
}

// serves says whether mail for the domain is received here.
func (c *Config) serves(domain string) bool {
	for _, own := range c.Domains {
		if own == domain {
			return true
		}
	}
	return false
}

// primaryFirst is the order in which the API shows the domains.
// servesFold does not look at capitals.
func (c *Config) servesFold(domain string) bool {
	return anyFold(append([]string{c.Domain}, c.Domains...), domain)
}

func (c *Config) primaryFirst() []string {
	domains := []string{c.Domain}
	for _, domain := range c.Domains {
		if domain != c.Domain {
			domains = append(domains, domain)
		}
	}
	return domains
}

func portOr(port, preset int) int {
	if port > 0 {
		return port
	}
	return preset
}

func mustLoadCertificate(config *Config) tls.Certificate {
	pair, err := tls.LoadX509KeyPair(config.SSLPublicKeyPath, config.SSLPrivateKeyPath)
	if err != nil {
		panic(err)
	}
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		panic(err)
	}
	if !leaf.NotAfter.After(time.Now()) {
		panic(errors.New("Certificate has expired"))
	}
	return pair
}

func randomInt(limit int64) int64 {
	number, err := rand.Int(rand.Reader, big.NewInt(limit))
	if err != nil {
		panic(err)
	}
	return number.Int64()
}
