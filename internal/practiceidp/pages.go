package practiceidp

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"html/template"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// pageData is what the page template shows; all texts are escaped.
type pageData struct {
	Title, Text, Alert string
	// Action is where the form goes; empty means no form.
	Action string
	Hidden []field
	// Login shows the credential fields, Hint fills the user name.
	Login bool
	Hint  string
	// Consent lists what the application asks for.
	Consent []string
	// Button is the label of a plain form's button.
	Button string
	// Submit lets a script press the button.
	Submit bool

	Style, Script template.HTML
}

type field struct{ Name, Value string }

// scopeTexts say what a scope means, in words for the consent page.
var scopeTexts = map[string]string{
	"openid":         "Know who you are",
	"profile":        "See your name and profile",
	"email":          "See your e-mail address",
	"phone":          "See your phone number",
	"address":        "See your postal address",
	"groups":         "See the groups you belong to",
	"offline_access": "Stay connected while you are away",
}

func (p *Provider) loginPage(w http.ResponseWriter, r *http.Request, q *authRequest, alert string) {
	status := http.StatusOK
	if alert != "" {
		status = http.StatusUnauthorized
	}
	hint := r.PostForm.Get("username")
	if hint == "" {
		hint = q.loginHint
	}
	p.page(w, status, pageData{
		Title: "Log in", Text: "to continue to " + q.client.Name, Alert: alert, Login: true, Hint: hint,
		Action: p.base + "/login", Hidden: p.hidden(w, r, endpointLogin, q.raw),
	})
}

func (p *Provider) consentPage(w http.ResponseWriter, r *http.Request, q *authRequest, session *login) {
	var asks []string
	for _, scope := range q.scope {
		text, ok := scopeTexts[scope]
		if !ok {
			text = "Use the permission “" + scope + "”"
		}
		asks = append(asks, text)
	}
	p.page(w, http.StatusOK, pageData{
		Title: "Allow access?", Text: q.client.Name + " would like, as " + session.user.Name + ", to:", Consent: asks,
		Action: p.base + "/consent", Hidden: p.hidden(w, r, endpointConsent, q.raw),
	})
}

func (p *Provider) logoutPage(w http.ResponseWriter, browser string, values url.Values) {
	packed := values.Encode()
	p.page(w, http.StatusOK, pageData{
		Title: "Sign out?", Text: "You are about to sign out of the practice IdP.", Button: "Sign out",
		Action: p.base + "/logout",
		Hidden: []field{{"request", packed}, {"csrf", p.formToken(endpointLogout, browser, packed)}},
	})
}

// hidden are the fields that carry an authorization request through a page and
// bind the page to the browser.
func (p *Provider) hidden(w http.ResponseWriter, r *http.Request, step string, request url.Values) []field {
	packed := request.Encode()
	return []field{{"request", packed}, {"csrf", p.formToken(step, p.browserOf(w, r), packed)}}
}

// formPostPage posts the response to the redirect URI (OAuth 2.0 Form Post
// Response Mode), by itself where scripts run and by its button where not.
func (p *Provider) formPostPage(w http.ResponseWriter, target string, v url.Values) {
	var fields []field
	for _, name := range slices.Sorted(maps.Keys(v)) {
		for _, value := range v[name] {
			fields = append(fields, field{name, value})
		}
	}
	p.page(w, http.StatusOK, pageData{
		Title: "Almost there", Text: "Your browser returns to the application by itself. If nothing happens, press the button.",
		Action: target, Hidden: fields, Button: "Continue", Submit: true,
	})
}

func (p *Provider) errorPage(w http.ResponseWriter, status int, text string) {
	p.page(w, status, pageData{Title: "This did not work", Alert: text})
}

// page renders. The policy allows the one style block and the one script of
// the page by their hashes. It has no form-action: browsers hold that against
// every redirect that follows a form.
func (p *Provider) page(w http.ResponseWriter, status int, d pageData) {
	d.Style, d.Script = pageStyle, submitScript
	var b bytes.Buffer
	if err := pageTemplate.Execute(&b, d); err != nil {
		http.Error(w, "cannot render the page", http.StatusInternalServerError)
		return
	}
	policy := "default-src 'none'; style-src '" + hashOf(pageStyle) + "'; base-uri 'none'; frame-ancestors 'none'"
	if d.Submit {
		policy += "; script-src '" + hashOf(submitScript) + "'"
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", policy)
	h.Set("Cache-Control", "no-store")
	// As Keycloak does: the callback's Origin is null. The other pages post to
	// ourselves, where the Origin is checked.
	referrer := "same-origin"
	if d.Submit {
		referrer = "no-referrer"
	}
	h.Set("Referrer-Policy", referrer)
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // the browser may be gone
}

// hashOf is the CSP source of an inline element, given with its tags.
func hashOf(element template.HTML) string {
	text := string(element)
	text = text[strings.IndexByte(text, '>')+1 : strings.LastIndexByte(text, '<')]
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

const submitScript template.HTML = `<script>document.forms[0].submit()</script>`

const pageStyle template.HTML = `<style>
*{box-sizing:border-box}
:root{color-scheme:light dark;--ink:#1c2333;--soft:#5b6478;--card:#fff;--line:#d9dee8;--accent:#3556c8;--bad:#a3262e;--badbg:#fdecec}
body{margin:0;min-height:100vh;display:grid;place-items:center;padding:1.5rem;font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:linear-gradient(160deg,#e8edf9,#f6f1fa)}
main{width:100%;max-width:25rem;background:var(--card);border:1px solid var(--line);border-radius:14px;padding:2rem;box-shadow:0 12px 32px rgba(28,35,51,.09)}
header{display:flex;align-items:center;gap:.6rem;color:var(--soft);font-size:.85rem;letter-spacing:.02em}
header span{display:grid;place-items:center;width:2rem;height:2rem;border-radius:9px;background:var(--accent);color:#fff;font-weight:700}
h1{margin:1.1rem 0 .2rem;font-size:1.5rem;line-height:1.25}
p{margin:.2rem 0 1rem;color:var(--soft);overflow-wrap:anywhere}
label{display:block;margin:.9rem 0 .3rem;font-weight:600;font-size:.92rem}
input{width:100%;padding:.65rem .8rem;font:inherit;color:inherit;background:transparent;border:1px solid #8a93a8;border-radius:8px}
button{width:100%;margin-top:1.2rem;padding:.7rem 1rem;font:inherit;font-weight:600;color:#fff;background:var(--accent);border:1px solid var(--accent);border-radius:8px;cursor:pointer}
button.plain{margin-top:.6rem;color:var(--ink);background:transparent;border-color:#8a93a8}
input:focus-visible,button:focus-visible{outline:3px solid #8fa6f2;outline-offset:2px}
ul{margin:.4rem 0 0;padding:0;list-style:none}
li{padding:.6rem 0;border-bottom:1px solid var(--line)}
li::before{content:"✓";margin-right:.6rem;color:var(--accent);font-weight:700}
.alert{margin:1rem 0 0;padding:.7rem .9rem;border-radius:8px;color:var(--bad);background:var(--badbg);overflow-wrap:anywhere}
footer{margin-top:1.6rem;font-size:.8rem;color:var(--soft)}
@media (prefers-color-scheme:dark){:root{--ink:#e9ecf4;--soft:#a3abbd;--card:#1b2130;--line:#333c50;--accent:#5470dc;--bad:#ffb3b8;--badbg:#44242a}body{background:#10141e}}
</style>`

var pageTemplate = template.Must(template.New("page").Parse(`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{.Title}} · Practice IdP</title>
{{.Style}}
</head>
<body>
<main>
<header><span aria-hidden="true">P</span>Practice IdP</header>
<h1>{{.Title}}</h1>
{{with .Text}}<p>{{.}}</p>
{{end}}{{with .Alert}}<div class="alert" role="alert">{{.}}</div>
{{end}}{{with .Consent}}<ul>
{{range .}}<li>{{.}}</li>
{{end}}</ul>
{{end}}{{if .Action}}<form method="post" action="{{.Action}}">
{{range .Hidden}}<input type="hidden" name="{{.Name}}" value="{{.Value}}">
{{end}}{{if .Login}}<label for="username">User name</label>
<input id="username" name="username" value="{{.Hint}}" autocomplete="username" autocapitalize="none" spellcheck="false" required{{if not .Hint}} autofocus{{end}}>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required{{if .Hint}} autofocus{{end}}>
<button type="submit">Log in</button>
{{else if .Consent}}<button type="submit" name="answer" value="allow">Allow</button>
<button type="submit" name="answer" value="deny" class="plain">Deny</button>
{{else}}<button type="submit">{{.Button}}</button>
{{end}}</form>
{{end}}<footer>For demonstrations and tests only.</footer>
</main>
{{if .Submit}}{{.Script}}
{{end}}</body>
</html>
`))
