package admin

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// section is a part of a conversation: "-- name --" on a line, then data.
type section struct{ name, data string }

func parseConversation(text string) (comment string, sections []section) {
	at := &comment
	for line := range strings.Lines(text) {
		name, isMarker := strings.CutPrefix(strings.TrimSpace(line), "-- ")
		if name, closed := strings.CutSuffix(name, " --"); isMarker && closed {
			sections = append(sections, section{name: name})
			at = &sections[len(sections)-1].data
			continue
		}
		*at += line
	}
	return comment, sections
}

func formatConversation(comment string, sections []section) string {
	for _, s := range sections {
		comment += "-- " + s.name + " --\n" + s.data
	}
	return comment
}

// Each archive in testdata is a conversation with a fresh node. A file named
// by method and path holds the headers and the body of a request; the one
// after it is named by the status of the answer and holds its JSON, members
// sorted. Ids count up and the clock stands still, so that answers are
// compared as they are. UPDATE_GOLDEN=1 writes the answers anew.
func TestGoldenConversations(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join("testdata", "*.golden"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no conversations: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".golden"), func(t *testing.T) {
			t.Parallel()
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			comment, sections := parseConversation(string(want))
			n := newNode(t, func(o *Options) { o.ReadOnly = strings.Contains(file, "readonly") })
			got := formatConversation(comment, converse(t, n, sections))
			if os.Getenv("UPDATE_GOLDEN") != "" {
				if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// converse sends the requests among the sections and gives them back, each
// with its answer.
func converse(t *testing.T, n *node, sections []section) (got []section) {
	t.Helper()
	for _, f := range sections {
		method, path, isRequest := strings.Cut(f.name, " ")
		if !isRequest {
			continue
		}
		head, body, _ := strings.Cut(f.data, "\n\n")
		var header []string
		for line := range strings.Lines(head) {
			name, value, found := strings.Cut(strings.TrimSpace(line), ": ")
			if !found {
				t.Fatalf("%s: header %q", f.name, line)
			}
			header = append(header, name, value)
		}
		a := n.ask(method, path, "", strings.TrimSuffix(body, "\n"), header...)
		got = append(got, f, section{name: strconv.Itoa(a.status), data: indent(t, a)})
	}
	return got
}

func indent(t *testing.T, a answer) string {
	t.Helper()
	if a.raw == "" {
		return ""
	}
	var out bytes.Buffer
	if err := json.Indent(&out, []byte(a.raw), "", "  "); err != nil {
		t.Fatal(err)
	}
	return out.String() + "\n"
}
