package redisstore

import "testing"

// 100,000 marks were too few: so many bogus callbacks kept every user out.
func TestDefaultBoundOfMarks(t *testing.T) {
	t.Parallel()
	for want, opts := range map[string]Options{"1000000": {}, "7": {MaxMarks: 7}} {
		s, err := New(opts)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Close)
		if s.maxMarks != want {
			t.Errorf("%s marks, want %s", s.maxMarks, want)
		}
	}
}
