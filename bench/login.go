package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// crowd logs browsers in. They share connections, so that a login is not
// measured with the making of three of them.
type crowd struct {
	idp       *identity
	transport *http.Transport
}

// atOnce is how many logins go on at the same time.
const atOnce = 4

func newCrowd(idp *identity) *crowd {
	return &crowd{idp: idp, transport: &http.Transport{
		MaxIdleConnsPerHost: atOnce,
		// Every name is one of this machine.
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, "127.0.0.1:"+port(address))
		},
	}}
}

// logIn walks through a login, until it is sent back to where it started, and
// gives the cookies, as name=value; name=value. Ours are without the one that
// is gone after a minute.
func (c *crowd) logIn(ctx context.Context, start string) (string, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return "", err
	}
	browser := &http.Client{
		Jar: jar, Timeout: 20 * time.Second, Transport: c.transport,
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			switch {
			case r.URL.String() == start:
				return http.ErrUseLastResponse
			case len(via) > 10:
				return errors.New("too many redirects")
			}
			return nil
		},
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, start, nil)
	if err != nil {
		return "", err
	}
	r.Header.Set("Accept", "text/html") // who asks for less gets 401 from some
	res, err := browser.Do(r)
	if err != nil {
		return "", err
	}
	if err := res.Body.Close(); err != nil {
		return "", err
	}
	if back := res.Header.Get("Location"); back == "" || res.StatusCode/100 != 3 {
		return "", fmt.Errorf("a login ended with status %d at %s", res.StatusCode, res.Request.URL.Redacted())
	}
	home, err := url.Parse(start)
	if err != nil {
		return "", err
	}
	var cookies []string
	for _, cookie := range jar.Cookies(home) {
		if cookie.Name != browserKey {
			cookies = append(cookies, cookie.Name+"="+cookie.Value)
		}
	}
	if len(cookies) == 0 {
		return "", errors.New("a login set no cookie")
	}
	return strings.Join(cookies, "; "), nil
}

// logInAs logs one account in.
func (c *crowd) logInAs(ctx context.Context, name, start string) (string, error) {
	c.idp.LogInAs(name)
	return c.logIn(ctx, start)
}

// logInMany makes n sessions and gives their cookies.
func (c *crowd) logInMany(ctx context.Context, start string, n int) ([]string, error) {
	cookies := make([]string, n)
	group, ctx := errgroup.WithContext(ctx)
	for worker := range atOnce {
		group.Go(func() error {
			for i := worker; i < n; i += atOnce {
				// Another worker may change the account in between: then two
				// sessions are of one user, which is as good.
				var err error
				if cookies[i], err = c.logInAs(ctx, account(i), start); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return cookies, group.Wait()
}

// measureLogins tells what one login costs a proxy.
func (c *crowd) measureLogins(ctx context.Context, proxy *process, start string, n int) (figures, error) {
	before, err := proxy.cpu()
	if err != nil {
		return figures{}, err
	}
	if _, err := c.logInMany(ctx, start, n); err != nil {
		return figures{}, err
	}
	after, err := proxy.cpu()
	return figures{cpu: (after - before) / time.Duration(n)}, err
}
