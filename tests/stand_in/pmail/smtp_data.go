package main

import (
	"bufio"
	"errors"
	"io"
)

const maxLineLength = 2000

var (
	errLineTooLong = errors.New("smtp: too long a line in input stream")
	errDataTooLong = errors.New("message too long")
)

// lineLimiter is go-smtp's lineLimitReader: a longer line ends all reading.
type lineLimiter struct {
	from   io.Reader
	length int
	off    bool // while chunks come (handleBdat)
}

func (l *lineLimiter) Read(buffer []byte) (int, error) {
	if l.off {
		return l.from.Read(buffer)
	}
	if l.length > maxLineLength {
		return 0, errLineTooLong
	}
	size, err := l.from.Read(buffer)
	for _, c := range buffer[:size] {
		if c == '\n' {
			l.length = 0
		}
		if l.length++; l.length > maxLineLength {
			return 0, errLineTooLong
		}
	}
	return size, err
}

// readData is go-smtp's dataReader: only CRLF.CRLF ends the text. It reads past
// the limit without keeping what it reads.
func readData(from *bufio.Reader, limit int) ([]byte, error) {
	const (
		lineStart = iota
		dot
		dotCR
		afterCR
		inLine
	)
	var text []byte
	tooLong := false
	for state := lineStart; ; {
		c, err := from.ReadByte()
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return nil, err
		}
		switch {
		case state == lineStart && c == '.':
			state = dot
			continue
		case state == dot && c == '\r':
			state = dotCR
			continue
		case state == dotCR && c == '\n':
			if tooLong {
				return nil, errDataTooLong
			}
			return text, nil
		case (state == lineStart || state == inLine) && c == '\r':
			state = afterCR
		case state == afterCR && c == '\n':
			state = lineStart
		default:
			state = inLine
		}
		if tooLong = tooLong || len(text) >= limit; !tooLong {
			text = append(text, c)
		}
	}
}
