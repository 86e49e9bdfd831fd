package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"
)

const (
	levelDebug = iota
	levelInfo
	levelWarn
	levelError
)

var levelNames = map[string]int{"debug": levelDebug, "info": levelInfo, "warn": levelWarn, "error": levelError}

// beijing is forced on every log line; PMail does not honour TZ.
var beijing = time.FixedZone("CST", 8*3600)

func beijingNow() time.Time { return time.Now().In(beijing) }

var logState = struct {
	sync.Mutex
	level int
	// plain is logrus' own format on stderr, used as long as no config.json could be read.
	plain bool
}{level: levelInfo, plain: true}

func setLogLevel(name string) {
	level, known := levelNames[name]
	if !known {
		level = levelInfo
	}
	logState.level, logState.plain = level, false
}

func debugf(id, format string, args ...any) { writeLog(levelDebug, "debug", id, format, args) }
func infof(id, format string, args ...any)  { writeLog(levelInfo, "info", id, format, args) }
func warnf(id, format string, args ...any)  { writeLog(levelWarn, "warning", id, format, args) }
func errorf(id, format string, args ...any) { writeLog(levelError, "error", id, format, args) }

// fatal is logrus' Fatal: one line, exit code 1.
func fatal(err error) {
	writeLog(levelError, "fatal", "", "%s", []any{err})
	os.Exit(1)
}

func writeLog(level int, name, id, format string, args []any) {
	logState.Lock()
	defer logState.Unlock()
	if level < logState.level {
		return
	}
	message := fmt.Sprintf(format, args...)
	now := time.Now().In(beijing)
	if logState.plain {
		fmt.Fprintf(os.Stderr, "time=%q level=%s msg=%q\n", now.Format(time.RFC3339), name, message)
		return
	}
	if id != "" {
		id = "[" + id + "]"
	}
	_, file, line, _ := runtime.Caller(2)
	where := fmt.Sprintf("pmail-stand-in/%s:%d", filepath.Base(file), line)
	fmt.Printf("[%s][%s]%s[%s]%s\n", name, now.Format("2006-01-02 15:04:05"), id, where, message)
}

// newLogID names one SMTP session or request: 32 hex digits, as in PMail.
func newLogID() string {
	return fmt.Sprintf("7f000001%08x%04x%04x%06xb0",
		uint32(time.Now().Unix()), time.Now().UnixNano()&0xffff, os.Getpid()&0xffff, randomInt(1<<24))
}
