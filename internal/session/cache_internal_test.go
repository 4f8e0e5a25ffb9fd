package session

import (
	"strings"
	"testing"
)

// keep puts a record of n bytes under an id that begins with i.
func keep(c *Cache, m *Manager, i, n int, now int64) *[idSize]byte {
	id := &[idSize]byte{0, 1, byte(i >> 16), byte(i >> 8), byte(i)} // one shard
	c.put(m, id, &cached{text: strings.Repeat("t", n), record: &record{}}, now)
	c.put(m, id, &cached{text: strings.Repeat("t", n), record: &record{}}, now)
	return id
}

// held counts what c holds by walking it.
func held(c *Cache) (items, size int) {
	for i := range c.shards {
		items += len(c.shards[i].items)
		for _, item := range c.shards[i].items {
			size += item.size()
		}
	}
	return items, size
}

func TestACacheStaysWithinItsLimit(t *testing.T) {
	t.Parallel()
	c, m := &Cache{Limit: 16 * 20_000}, &Manager{}
	for i := range 1000 {
		keep(c, m, i, 1000, 1)
		if _, size := held(c); size > 20_000 || size != c.shards[0].size {
			t.Fatalf("after %d records it holds %d bytes and believes %d", i+1, size, c.shards[0].size)
		}
	}
	if items, _ := held(c); items != 9 { // 20,000 / (1,000 + 1,024)
		t.Errorf("%d records", items)
	}
	id := keep(c, m, 1, 1000, 1)
	keep(c, m, 1, 500, 1)
	if _, size := held(c); size != c.shards[0].size {
		t.Errorf("a replaced record counts twice: %d and %d", size, c.shards[0].size)
	}
	keep(c, m, 1, 30_000, 1)
	if c.get(m, id, 1) != nil {
		t.Error("what is larger than the room was kept, or left what it replaces")
	}
	if _, size := held(c); size != c.shards[0].size {
		t.Errorf("%d and %d", size, c.shards[0].size)
	}
}

func TestACacheForgetsWhatNobodyAsksFor(t *testing.T) {
	t.Parallel()
	c, m := &Cache{}, &Manager{}
	idle, used := keep(c, m, 1, 10, 1000), keep(c, m, 2, 10, 1000)
	c.get(m, used, 1000+cacheIdle)
	keep(c, m, 3, 10, 1001+cacheIdle)
	if c.get(m, idle, 1001+cacheIdle) != nil {
		t.Error("what was not asked for is still there")
	}
	if c.get(m, used, 1001+cacheIdle) == nil {
		t.Error("what was asked for is gone")
	}
	c.drop(m, used)
	if c.get(m, used, 1001+cacheIdle) != nil {
		t.Error("what was dropped is still there")
	}
	other := keep(c, m, 3, 10, 1001+cacheIdle)
	if c.get(m, other, 1001+cacheIdle) == nil || c.get(&Manager{}, other, 1001+cacheIdle) != nil {
		t.Error("another manager finds it, or its own does not")
	}
}

func TestACacheKeepsWhatIsOpenedASecondTime(t *testing.T) {
	t.Parallel()
	c, m, id := &Cache{}, &Manager{}, &[idSize]byte{7, 7, 7, 7}
	c.put(m, id, &cached{record: &record{}}, 1)
	if c.get(m, id, 1) != nil {
		t.Error("kept at once")
	}
	c.put(m, id, &cached{record: &record{}}, 1)
	if c.get(m, id, 1) == nil {
		t.Error("not kept")
	}
	replaced := &cached{record: &record{}}
	c.put(m, id, replaced, 1)
	if c.get(m, id, 1) != replaced {
		t.Error("not replaced")
	}
}

func TestSame(t *testing.T) {
	t.Parallel()
	whole := strings.Repeat("abcdefghij", 5)
	for cut := range len(whole) + 1 {
		if !same(whole, []string{whole[:cut], "", whole[cut:]}) {
			t.Errorf("cut at %d: not the same", cut)
		}
	}
	for i := range len(whole) {
		if other := whole[:i] + "X" + whole[i+1:]; same(whole, []string{other[:17], other[17:]}) {
			t.Errorf("another character at %d is the same", i)
		}
		if same(whole, []string{whole[:i]}) || same(whole[:i], []string{whole}) {
			t.Errorf("of %d characters is the same", i)
		}
	}
}
