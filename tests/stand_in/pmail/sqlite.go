package main

/*
#cgo LDFLAGS: -lsqlite3 -lm
#include <stdlib.h>
#include <sqlite3.h>

static int bind_text(sqlite3_stmt *s, int i, const char *p, int n) {
	return sqlite3_bind_text(s, i, p, n, SQLITE_TRANSIENT);
}
*/
import "C"

import (
	"fmt"
	"sync"
	"unsafe"
)

// sqlite is one connection used by one goroutine at a time, as PMail has it.
type sqlite struct {
	mutex  sync.Mutex
	handle *C.sqlite3
}

// row holds int64, float64, string or nil.
type row []any

func openSQLite(path string) (*sqlite, error) {
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	db := &sqlite{}
	code := C.sqlite3_open_v2(name, &db.handle, C.SQLITE_OPEN_READWRITE|C.SQLITE_OPEN_CREATE, nil)
	if code != C.SQLITE_OK {
		// The odd second half is what PMail's own driver prints.
		return nil, fmt.Errorf("%s: out of memory (%d)", C.GoString(C.sqlite3_errstr(code)), code)
	}
	C.sqlite3_extended_result_codes(db.handle, 1)
	C.sqlite3_busy_timeout(db.handle, 1000)
	return db, nil
}

// run executes one statement and returns its rows and the last inserted id.
func (db *sqlite) run(query string, args ...any) ([]row, int64, error) {
	db.mutex.Lock()
	defer db.mutex.Unlock()
	return db.runLocked(query, args...)
}

// atomically runs the work inside a transaction.
func (db *sqlite) atomically(work func() error) error {
	db.mutex.Lock()
	defer db.mutex.Unlock()
	if _, _, err := db.runLocked("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	err := work()
	if err == nil {
		_, _, err = db.runLocked("COMMIT")
	}
	if err != nil {
		_, _, _ = db.runLocked("ROLLBACK")
	}
	return err
}

func (db *sqlite) runLocked(query string, args ...any) ([]row, int64, error) {
	text := C.CString(query)
	defer C.free(unsafe.Pointer(text))
	var statement *C.sqlite3_stmt
	if code := C.sqlite3_prepare_v2(db.handle, text, -1, &statement, nil); code != C.SQLITE_OK {
		return nil, 0, db.failure(code)
	}
	defer C.sqlite3_finalize(statement)
	for index, arg := range args {
		bind(statement, C.int(index+1), arg)
	}
	var rows []row
	for {
		switch code := C.sqlite3_step(statement); code {
		case C.SQLITE_ROW:
			rows = append(rows, readRow(statement))
		case C.SQLITE_DONE:
			return rows, int64(C.sqlite3_last_insert_rowid(db.handle)), nil
		default:
			return nil, 0, db.failure(code)
		}
	}
}

// failure has the shape of the errors of PMail's driver.
func (db *sqlite) failure(code C.int) error {
	general := C.GoString(C.sqlite3_errstr(code & 0xff))
	return fmt.Errorf("%s: %s (%d)", general, C.GoString(C.sqlite3_errmsg(db.handle)), code)
}

func bind(statement *C.sqlite3_stmt, index C.int, value any) {
	switch value := value.(type) {
	case nil:
		C.sqlite3_bind_null(statement, index)
	case int:
		C.sqlite3_bind_int64(statement, index, C.sqlite3_int64(value))
	case int64:
		C.sqlite3_bind_int64(statement, index, C.sqlite3_int64(value))
	default:
		text := fmt.Sprint(value)
		pointer := C.CString(text)
		defer C.free(unsafe.Pointer(pointer))
		C.bind_text(statement, index, pointer, C.int(len(text)))
	}
}

func readRow(statement *C.sqlite3_stmt) row {
	values := make(row, int(C.sqlite3_column_count(statement)))
	for index := range values {
		column := C.int(index)
		switch C.sqlite3_column_type(statement, column) {
		case C.SQLITE_INTEGER:
			values[index] = int64(C.sqlite3_column_int64(statement, column))
		case C.SQLITE_FLOAT:
			values[index] = float64(C.sqlite3_column_double(statement, column))
		case C.SQLITE_NULL:
			values[index] = nil
		default:
			data, size := C.sqlite3_column_blob(statement, column), C.sqlite3_column_bytes(statement, column)
			values[index] = string(C.GoBytes(data, size))
		}
	}
	return values
}
