package main

import (
	"html"
	"net/url"
	"strings"
)

// PMail runs all text through bluemonday's strict policy and all HTML through a
// policy of its own (dto/parsemail/email.go). This file does what both do.

// htmlToken is one piece of HTML; kind is textToken and so on.
type htmlToken struct {
	kind  int
	name  string // of a tag, in lower case
	text  string // of a text, entities resolved
	attrs []htmlAttr
}

type htmlAttr struct{ key, value string }

const (
	textToken = iota
	startToken
	endToken
	selfClosingToken
	otherToken // comment, doctype
)

const blanks = " \n\r\t\f"

var newlinesOnly = strings.NewReplacer("\r\n", "\n", "\r", "\n")

// rawElements hold text without tags up to their end tag.
var rawElements = words("iframe noembed noframes noscript plaintext script style textarea title xmp")

func words(text string) map[string]bool {
	set := map[string]bool{}
	for _, word := range strings.Fields(text) {
		set[word] = true
	}
	return set
}

// htmlTokens cuts as golang.org/x/net/html does: a tag that is not closed before
// the end takes the rest of the text with it.
func htmlTokens(text string) []htmlToken {
	var tokens []htmlToken
	text = newlinesOnly.Replace(text)
	for start, at := 0, 0; start < len(text); {
		size := markupAt(text, at)
		if at < len(text) && size == 0 {
			at++
			continue
		}
		if at > start {
			tokens = append(tokens, htmlToken{kind: textToken, text: html.UnescapeString(text[start:at])})
		}
		if at == len(text) || size < 0 {
			return tokens
		}
		token := readMarkup(text[at : at+size])
		tokens = append(tokens, token)
		at += size
		start = at
		if rawElements[token.name] && (token.kind == startToken || token.kind == selfClosingToken) {
			at = rawEnd(text, at, token.name)
			if at > start {
				tokens = append(tokens, htmlToken{kind: textToken, text: rawText(token.name, text[start:at])})
			}
			start = at
		}
	}
	return tokens
}

// markupAt is the length of the tag or comment that starts at `at`: 0 when there
// is none, -1 when a tag does not end.
func markupAt(text string, at int) int {
	rest := text[at:]
	if len(rest) < 2 || rest[0] != '<' {
		return 0
	}
	switch {
	case letter(rest[1]):
		return tagEnd(rest)
	case rest[1] == '/' && len(rest) == 2:
		return 0
	case rest[1] == '/' && letter(rest[2]):
		return tagEnd(rest)
	case strings.HasPrefix(rest, "<!--"):
		return through(rest, "-->")
	case rest[1] == '/' || rest[1] == '!' || rest[1] == '?':
		return through(rest, ">")
	}
	return 0
}

func letter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

// through is the length up to and with the end mark, or all of it.
func through(text, mark string) int {
	if at := strings.Index(text, mark); at >= 0 {
		return at + len(mark)
	}
	return len(text)
}

// tagEnd is the length of a tag; a ">" in a quoted value does not end it.
func tagEnd(text string) int {
	for at := 1; at < len(text); at++ {
		switch text[at] {
		case '>':
			return at + 1
		case '=':
			value := at + 1 + leadingBlanks(text[at+1:])
			if value < len(text) && (text[value] == '"' || text[value] == '\'') {
				size := strings.IndexByte(text[value+1:], text[value])
				if size < 0 {
					return -1
				}
				at = value + 1 + size
			}
		}
	}
	return -1
}

func leadingBlanks(text string) int { return len(text) - len(strings.TrimLeft(text, blanks)) }

func readMarkup(text string) htmlToken {
	token := htmlToken{kind: startToken}
	switch {
	case letter(text[1]):
		text = text[1:]
	case text[1] == '/' && letter(text[2]):
		token.kind, text = endToken, text[2:]
	default:
		return htmlToken{kind: otherToken}
	}
	text = strings.TrimSuffix(text, ">")
	if token.kind == startToken && strings.HasSuffix(text, "/") {
		token.kind = selfClosingToken
	}
	size := strings.IndexAny(text, blanks+"/")
	if size < 0 {
		size = len(text)
	}
	token.name = strings.ToLower(text[:size])
	token.attrs = readAttributes(text[size:])
	return token
}

func readAttributes(text string) []htmlAttr {
	var attrs []htmlAttr
	for {
		text = strings.TrimLeft(text, blanks+"/")
		if text == "" {
			return attrs
		}
		size := strings.IndexAny(text[1:], blanks+"/=") + 1
		if size == 0 {
			size = len(text)
		}
		key := strings.ToLower(text[:size])
		text = strings.TrimLeft(text[size:], blanks)
		value := ""
		if strings.HasPrefix(text, "=") {
			value, text = readValue(strings.TrimLeft(text[1:], blanks))
		}
		attrs = append(attrs, htmlAttr{key, html.UnescapeString(value)})
	}
}

func readValue(text string) (value, rest string) {
	if text != "" && (text[0] == '"' || text[0] == '\'') {
		value, rest, _ = strings.Cut(text[1:], text[:1])
		return value, rest
	}
	size := strings.IndexAny(text, blanks)
	if size < 0 {
		size = len(text)
	}
	return text[:size], text[size:]
}

// rawEnd is where the end tag of a raw element starts.
func rawEnd(text string, at int, name string) int {
	if name == "plaintext" {
		return len(text)
	}
	lower := strings.ToLower(text)
	for {
		found := strings.Index(lower[at:], "</"+name)
		if found < 0 {
			return len(text)
		}
		at += found
		after := at + len("</"+name)
		if after < len(text) && strings.IndexByte(blanks+"/>", text[after]) >= 0 {
			return at
		}
		at = after
	}
}

func rawText(name, text string) string {
	if name == "textarea" || name == "title" {
		return html.UnescapeString(text)
	}
	return text
}

// htmlPolicy has the attributes of each element that may stay.
type htmlPolicy map[string]map[string]bool

var (
	strictPolicy  = htmlPolicy{}
	relaxedPolicy = newRelaxedPolicy()

	globalAttributes = words("style class id bgcolor color background")
	// without their content
	skippedElements = words("frame frameset iframe noembed noframes noscript nostyle object script style title embed")
	// these need an attribute that may stay, or they go
	needAttributes = words("a img font")
)

func newRelaxedPolicy() htmlPolicy {
	policy := htmlPolicy{}
	for element := range words("p br strong em u b i h1 h2 h3 h4 h5 h6 div span center ul ol li blockquote cite " +
		"table tbody thead tr td th img a font style") {
		policy[element] = map[string]bool{}
	}
	for element, names := range map[string]string{
		"table": "width height border cellpadding cellspacing", "td": "align valign colspan rowspan",
		"th": "align valign colspan rowspan", "tr": "align", "img": "src alt width height align",
		"a": "href", "font": "size face", "style": "type",
	} {
		policy[element] = words(names)
	}
	for element := range words("p div h1 h2 h3 h4 h5 h6") {
		policy[element] = words("align")
	}
	return policy
}

// cleaning is the state of one run of bluemonday's sanitize.
type cleaning struct {
	policy   htmlPolicy
	out      strings.Builder
	latest   string   // the start tag seen last, until its end tag
	skipping int      // depth of elements that go with their content
	dropped  []string // start tags that went, whose end tags go too
}

func (p htmlPolicy) sanitize(text string) string {
	if strings.TrimSpace(text) == "" {
		return text
	}
	c := cleaning{policy: p}
	for _, token := range htmlTokens(text) {
		if token.kind != textToken && (token.name == "script" || token.name == "style") {
			c.note(token)
			continue
		}
		switch token.kind {
		case textToken:
			if c.skipping == 0 && c.latest != "script" && c.latest != "style" {
				c.out.WriteString(html.EscapeString(token.text))
			}
		case startToken, selfClosingToken:
			c.note(token)
			c.start(token)
		case endToken:
			c.note(token)
			c.end(token.name)
		}
	}
	return c.out.String()
}

func (c *cleaning) note(token htmlToken) {
	if token.kind == startToken {
		c.latest = token.name
	} else if token.kind == endToken && c.latest == token.name {
		c.latest = ""
	}
}

func (c *cleaning) start(token htmlToken) {
	allowed, known := c.policy[token.name]
	if !known {
		if skippedElements[token.name] && token.kind == startToken {
			c.skipping++
		}
		return
	}
	attrs := cleanAttributes(token, allowed)
	if len(attrs) == 0 && needAttributes[token.name] {
		if token.kind == startToken {
			c.dropped = append(c.dropped, token.name)
		}
		return
	}
	if c.skipping > 0 {
		return
	}
	c.out.WriteString("<" + token.name)
	for _, attr := range attrs {
		c.out.WriteString(" " + attr.key + `="` + html.EscapeString(attr.value) + `"`)
	}
	if token.kind == selfClosingToken {
		c.out.WriteString("/")
	}
	c.out.WriteString(">")
}

func (c *cleaning) end(name string) {
	if last := len(c.dropped) - 1; last >= 0 && c.dropped[last] == name {
		c.dropped = c.dropped[:last]
		return
	}
	if _, known := c.policy[name]; !known {
		if skippedElements[name] {
			c.skipping--
		}
		return
	}
	if c.skipping == 0 {
		c.out.WriteString("</" + name + ">")
	}
}

// cleanAttributes keeps links to http, https and mailto only: an inline picture
// (cid:) loses its address, and then the whole <img> goes.
func cleanAttributes(token htmlToken, allowed map[string]bool) []htmlAttr {
	var kept []htmlAttr
	external, linked := false, false
	for _, attr := range token.attrs {
		if !allowed[attr.key] && !globalAttributes[attr.key] {
			continue
		}
		if token.name == "a" && attr.key == "href" || token.name == "img" && attr.key == "src" {
			parsed, err := url.Parse(strings.TrimSpace(attr.value))
			if err != nil || strings.ContainsAny(strings.TrimSpace(attr.value), " \t\n") ||
				parsed.Scheme != "http" && parsed.Scheme != "https" && parsed.Scheme != "mailto" {
				continue
			}
			attr.value = parsed.String()
			linked, external = token.name == "a", parsed.Host != ""
		}
		kept = append(kept, attr)
	}
	switch {
	case linked && external:
		kept = append(kept, htmlAttr{"rel", "nofollow noreferrer noopener"}, htmlAttr{"target", "_blank"})
	case linked:
		kept = append(kept, htmlAttr{"rel", "nofollow noreferrer"})
	}
	return kept
}
