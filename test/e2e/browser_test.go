//go:build integration

package e2e

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/storage"
	"github.com/chromedp/chromedp"
)

// browser is one headless Chromium with a profile of its own.
type browser struct {
	t   *testing.T
	ctx context.Context //nolint:containedctx // chromedp hands out its browser as a context
}

// startBrowser starts Chromium; every host in hosts is loopback for it.
func startBrowser(t *testing.T, hosts ...string) *browser {
	t.Helper()
	profile, err := os.MkdirTemp("", "sallyport-chromium-") //nolint:usetesting // Chromium writes to it until after the test
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { removeSoon(t, profile) })
	rules := ""
	for _, host := range hosts {
		rules += "MAP " + host + " 127.0.0.1,"
	}
	alloc, cancelAlloc := chromedp.NewExecAllocator(context.Background(),
		chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck,
		chromedp.UserDataDir(profile),
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-dev-shm-usage", true),
		chromedp.Flag("host-resolver-rules", rules),
		chromedp.WSURLReadTimeout(60*time.Second),
	)
	t.Cleanup(cancelAlloc)
	ctx, cancel := chromedp.NewContext(alloc)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("Chromium does not start (make deps installs it): %v", err)
	}
	return &browser{t, ctx}
}

// removeSoon waits for Chromium to let go of its profile.
func removeSoon(t *testing.T, dir string) {
	for range 50 {
		if os.RemoveAll(dir) == nil {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Logf("profile %s could not be removed", dir)
}

// do runs actions and shows the page when they fail or take too long.
func (b *browser) do(what string, actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ask(b, what, chromedp.Steps(actions...))
}

// ask runs an action that has a result.
func ask[T any](b *browser, what string, action chromedp.Action[T]) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	result, err := chromedp.Run(ctx, action)
	if err != nil {
		b.t.Fatalf("browser: %s: %v\n%s", what, err, b.page())
	}
	return result
}

// patience is for a machine that does other things as well.
const patience = 2 * time.Minute

// page is address and text of what the browser shows.
func (b *browser) page() string {
	ctx, cancel := context.WithTimeout(b.ctx, 5*time.Second)
	defer cancel()
	page, err := chromedp.Run(ctx, chromedp.Evaluate[string](`location.href + "\n" + document.documentElement.outerHTML`))
	if err != nil {
		return err.Error()
	}
	return page
}

func (b *browser) open(url string) {
	b.t.Helper()
	b.do("open "+url, chromedp.Navigate(url))
}

// logIn fills in Keycloak's login page.
func (b *browser) logIn(user, password string) {
	b.t.Helper()
	b.do("Keycloak's login page",
		chromedp.WaitVisible(chromedp.CSS("#username")),
		chromedp.SendKeys(chromedp.CSS("#username"), user),
		chromedp.SendKeys(chromedp.CSS("#password"), password),
		chromedp.Click(chromedp.CSS("#kc-login")),
	)
}

// consent presses Yes on Keycloak's consent page.
func (b *browser) consent() {
	b.t.Helper()
	b.do("Keycloak's consent page",
		chromedp.WaitVisible(chromedp.CSS("[name=accept]")),
		chromedp.Click(chromedp.CSS("[name=accept]")),
	)
}

// deny presses No there.
func (b *browser) deny() {
	b.t.Helper()
	b.do("Keycloak's consent page",
		chromedp.WaitVisible(chromedp.CSS("[name=cancel]")),
		chromedp.Click(chromedp.CSS("[name=cancel]")),
	)
}

// arrive waits until the browser shows a whole page of the given origin that
// holds a text, and returns the page's address and text. Pages on the way that
// move on by themselves do not count.
func (b *browser) arrive(origin, holding string) (address, text string) {
	b.t.Helper()
	const look = `location.origin && document.readyState === "complete" && document.body ? [location.origin, location.href, document.body.innerText] : []`
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		ctx, cancel := context.WithTimeout(b.ctx, patience)
		seen, err := chromedp.Run(ctx, chromedp.Evaluate[[]string](look)) // fails in the middle of a navigation
		cancel()
		if err == nil && len(seen) == 3 && seen[0] == origin && strings.Contains(seen[2], holding) {
			return seen[1], seen[2]
		}
	}
	b.t.Fatalf("browser: never arrived at %q of %s\n%s", holding, origin, b.page())
	return "", ""
}

// cookies are all cookies of the browser, those of every host.
func (b *browser) cookies() []*network.Cookie {
	b.t.Helper()
	return ask(b, "cookies", func(ctx context.Context, t *chromedp.Target) ([]*network.Cookie, error) {
		result, err := cdp.Call(ctx, t, storage.GetCookies, storage.GetCookiesParams{})
		if err != nil {
			return nil, err
		}
		return result.Cookies, nil
	})
}
