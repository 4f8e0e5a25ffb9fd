package openidconnect

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// relayScript is the only script we serve; its hash is in the policy below.
const relayScript = "document.forms[0].submit()"

// relayCSP lets the one script run and nothing else. It has no form-action:
// browsers check that directive on every redirect hop of the answer.
var relayCSP = func() string {
	sum := sha256.Sum256([]byte(relayScript))
	return "default-src 'none'; script-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; base-uri 'none'; frame-ancestors 'none'"
}()

var relayPost = template.Must(template.New("relay post").Parse(`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Signing in</title></head>
<body>
<form method="post" action="{{.Action}}">
{{range .Pairs}}<input type="hidden" name="{{index . 0}}" value="{{index . 1}}">
{{end}}<button type="submit">Continue signing in</button>
</form>
<script>` + relayScript + `</script>
</body>
</html>
`))

var relayGet = template.Must(template.New("relay get").Parse(`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta http-equiv="refresh" content="0;url={{.}}"><title>Signing in</title></head>
<body>
<p><a href="{{.}}">Continue</a></p>
</body>
</html>
`))

// writeRelayPost answers a cross-site callback POST with a page of our own
// origin that posts the same fields once more, marked: then the browser sends
// the cookies that it withholds from a cross-site POST (decision 12). action
// must be the redirect URI inside the opened state.
func writeRelayPost(w http.ResponseWriter, action string, c *callbackParams) error {
	var b bytes.Buffer
	pairs := append(c.pairs(), [2]string{relayMark, "1"})
	if err := relayPost.Execute(&b, map[string]any{"Action": action, "Pairs": pairs}); err != nil {
		return err
	}
	return writePage(w, relayCSP, b.Bytes())
}

// writeRelayGet is the same for a callback by GET: the browser asks for the
// same URL again, now from our own origin.
func writeRelayGet(w http.ResponseWriter, action string, c *callbackParams) error {
	values := url.Values{relayMark: {"1"}}
	for _, p := range c.pairs() {
		values.Set(p[0], p[1])
	}
	separator := "?"
	if strings.Contains(action, "?") {
		separator = "&"
	}
	return writeMoveOn(w, action+separator+values.Encode())
}

// writeMoveOn answers with a page of our own origin that goes to target by
// itself: a redirect after a cross-site callback would not carry a Strict
// session cookie (decision 13). target must have passed checkTarget.
func writeMoveOn(w http.ResponseWriter, target string) error {
	var b bytes.Buffer
	if err := relayGet.Execute(&b, target); err != nil {
		return err
	}
	return writePage(w, relayCSP, b.Bytes())
}

func writePage(w http.ResponseWriter, csp string, body []byte) error {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", csp)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(http.StatusOK)
	_, err := w.Write(body)
	return err
}
