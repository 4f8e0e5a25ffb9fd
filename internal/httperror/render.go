package httperror

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"html/template"
	"net/http"
	"strconv"
)

// Request is what Render must know of the request it answers.
type Request struct {
	Method, Accept, ContentType string
	RequestID                   string
}

// Render writes err as the response: a redirect, a page, or a body in the type
// that the request accepts. It must be called before the head was written.
// Every answer is Cache-Control: no-store.
func Render(w http.ResponseWriter, r Request, err error) {
	e := From(err)
	h := w.Header()
	for name, values := range e.Header {
		h[name] = append([]string(nil), values...)
	}
	h.Set("Cache-Control", "no-store")
	if e.RedirectTo != "" {
		h.Set("Location", e.RedirectTo)
		w.WriteHeader(RedirectStatus(r.Method))
		return
	}
	kind := negotiate(r, e.Shape)
	body := encode(kind, e, r.RequestID)
	h.Set("Content-Type", kind.contentType())
	h.Set("X-Content-Type-Options", "nosniff")
	if kind == kindHTML {
		h.Set("Content-Security-Policy", PageCSP)
		h.Set("Referrer-Policy", "no-referrer")
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(e.Status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // the client may be gone; nothing is left to tell it
	}
}

// RedirectStatus is 302 for GET and HEAD and 303 for every other method, since
// after a 302 a browser repeats a DELETE (design decision 16).
func RedirectStatus(method string) int {
	if method == http.MethodGet || method == http.MethodHead {
		return http.StatusFound
	}
	return http.StatusSeeOther
}

// PageCSP is the Content-Security-Policy of error pages: a style block of
// ours, no script, no frame.
const PageCSP = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"

func encode(kind kind, e *Error, requestID string) []byte {
	var b bytes.Buffer
	switch kind {
	case kindHTML:
		p := e.Page
		if p == nil {
			p = &Page{Title: "Error", Paragraphs: []string{e.Message + "."}}
		}
		err := pageTemplate.Execute(&b, map[string]any{
			"Page": p, "Status": e.Status, "RequestID": requestID, "FlowID": e.FlowID,
		})
		if err != nil {
			return []byte("An unexpected error occurred")
		}
	case kindXML:
		b.WriteString("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<error>\n  <message>")
		_ = xml.EscapeText(&b, []byte(e.Message))
		b.WriteString("</message>\n  <requestid>" + requestID + "</requestid>\n</error>\n")
	case kindPlain:
		b.WriteString(e.Message + "\nrequest_id: " + requestID + "\n")
	case kindJSON:
		encodeJSON(&b, e, requestID)
	}
	return b.Bytes()
}

func encodeJSON(b *bytes.Buffer, e *Error, requestID string) {
	message, _ := json.Marshal(e.Message)
	if e.Shape == Gateway {
		b.WriteString("{\n  \"message\":" + string(message) + ",\n  \"request_id\":\"" + requestID + "\"\n}")
		return
	}
	b.WriteString(`{"message":` + string(message))
	if e.FlowID != "" {
		flowID, _ := json.Marshal(e.FlowID)
		b.WriteString(`,"flow_id":` + string(flowID))
	}
	b.WriteByte('}')
}

var pageTemplate = template.Must(template.New("error").Parse(`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
{{with .Page.RefreshTo}}<meta http-equiv="refresh" content="{{$.Page.RefreshAfter}};url={{.}}">{{end}}
<title>{{.Page.Title}}</title>
<style>
body{font:16px/1.5 system-ui,sans-serif;margin:0;background:#f4f5f7;color:#1d2430}
main{max-width:34rem;margin:12vh auto;background:#fff;border:1px solid #dfe3e8;border-radius:10px;padding:2rem 2.25rem}
h1{font-size:1.35rem;margin:0 0 .75rem}
p{margin:.5rem 0}
a.b{display:inline-block;margin:1rem .75rem 0 0;padding:.5rem 1rem;border-radius:6px;background:#1f5fbf;color:#fff;text-decoration:none}
footer{margin-top:1.75rem;font-size:.8rem;color:#66707d;overflow-wrap:anywhere}
@media (prefers-color-scheme:dark){body{background:#14181e;color:#e6e9ee}main{background:#1c222b;border-color:#303946}footer{color:#98a2b0}}
</style>
</head>
<body>
<main>
<h1>{{.Page.Title}}</h1>
{{range .Page.Paragraphs}}<p>{{.}}</p>
{{end}}{{range .Page.Links}}<a class="b" href="{{.URL}}" rel="noreferrer">{{.Text}}</a>
{{end}}<footer>{{.Status}}{{with .FlowID}} · flow_id: {{.}}{{end}}{{with .RequestID}} · request_id: {{.}}{{end}}</footer>
</main>
</body>
</html>
`))
