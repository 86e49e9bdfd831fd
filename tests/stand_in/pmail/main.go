// Command pmail-stand-in behaves like PMail v2.9.7 where pmail-deploy looks at
// it, its faults above all. tests/test_stand_in.py runs the same tests on both;
// comments name the place in PMail's source.
package main

import (
	"crypto/tls"
	"encoding/json"
	"os"
)

const pmailVersion = "v2.9.7"

// server is one initialised PMail: everything its listeners share.
type server struct {
	config *Config
	store  *store
	signer *dkimSigner
	tls    *tls.Config
}

func main() {
	root := rootPath()
	config, initialised := startConfig(root)
	logBanner()
	if !initialised {
		runSetup(root)
		config, _ = startConfig(root)
	}
	newServer(config).serve()
	select {}
}

// logBanner ends some lines with a blank one, as PMail does.
func logBanner() {
	const stars = "*******************************************************************"
	infof("", stars)
	infof("", "***\tServer Start Success \n")
	infof("", "***\tServer Version: %s \n", pmailVersion)
	infof("", "***\tStand-in for tests, not PMail (%s)", os.Args[0])
	infof("", stars)
}

// newServer panics (exit code 2) where PMail does: certificate, DKIM key, database.
func newServer(config *Config) *server {
	certificate := mustLoadCertificate(config)
	signer, err := loadSigner(config)
	if err != nil {
		panic(config.DkimPrivateKeyPath + " DKIM load fail! Please set dkim!  dkim私钥加载失败！请先设置dkim秘钥" + err.Error())
	}
	store, err := openStore(config.DbType, config.DbDSN)
	if err == nil {
		err = store.prepare()
	}
	if err != nil {
		panic(err)
	}
	if err := store.writeVersion(pmailVersion); err != nil {
		warnf("", "version not written: %v", err)
	}
	return &server{
		config: config,
		store:  store,
		signer: signer,
		tls:    &tls.Config{Certificates: []tls.Certificate{certificate}},
	}
}

// serve opens the ports in PMail's order; POP3 and IMAP come after the web.
func (s *server) serve() {
	s.serveSMTP()
	s.serveWeb()
	s.serveMailboxes()
	whole, _ := json.Marshal(s.config)
	warnf("", "Config File Info:  %s", whole)
}
