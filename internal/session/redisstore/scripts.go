package redisstore

import "github.com/redis/rueidis"

// scripts are the calls that need more than one command at once. The time is
// that of Redis throughout, so that the clocks of nodes need not agree.
type scripts struct {
	swap, compareDelete, remove  *rueidis.Lua
	mark, lease, renew, release  *rueidis.Lua
	putListing, listings, forget *rueidis.Lua
}

// now is the time of Redis in milliseconds.
const now = `
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
`

// keep sees to it that a sorted set lives as long as its last member.
const keep = `
local function keep(key, ttl)
  if redis.call('PTTL', key) < tonumber(ttl) then redis.call('PEXPIRE', key, ttl) end
end
`

func newScripts() scripts {
	return scripts{
		// version, channel, key, new value, ttl
		swap: rueidis.NewLuaScript(checkVersion + `
redis.call('SET', KEYS[1], ARGV[4], 'PX', ARGV[5])
redis.call('PUBLISH', ARGV[2], ARGV[3])
return 1`),
		// version, channel, key
		compareDelete: rueidis.NewLuaScript(checkVersion + `
redis.call('DEL', KEYS[1])
redis.call('PUBLISH', ARGV[2], ARGV[3])
return 1`),
		// channel, key
		remove: rueidis.NewLuaScript(`
redis.call('DEL', KEYS[1])
redis.call('PUBLISH', ARGV[1], ARGV[2])
return 1`),
		// mark, ttl, limit
		mark: rueidis.NewLuaScript(now + keep + `
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if redis.call('ZSCORE', KEYS[1], ARGV[1]) then return 0 end
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[3]) then return 2 end
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
keep(KEYS[1], ARGV[2])
return 1`),
		// owner, ttl. A fence is the time in microseconds or more than the last
		// one, so that it grows even where the last one was evicted.
		lease: rueidis.NewLuaScript(`
if not redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return 0 end
local t = redis.call('TIME')
local last = tonumber(redis.call('GET', KEYS[2]) or '0')
local fence = string.format('%.0f', math.max(last + 1, t[1] * 1000000 + t[2]))
redis.call('SET', KEYS[2], fence, 'PX', 86400000)
return tonumber(fence)`),
		// owner, ttl
		renew: rueidis.NewLuaScript(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1`),
		// owner
		release: rueidis.NewLuaScript(`
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 1`),
		// key, data, ttl; the keys are the listing and its finders
		putListing: rueidis.NewLuaScript(now + keep + `
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
for i = 2, #KEYS do
  redis.call('ZREMRANGEBYSCORE', KEYS[i], '-inf', now)
  redis.call('ZADD', KEYS[i], now + ARGV[3], ARGV[1])
  keep(KEYS[i], ARGV[3])
end
return 1`),
		// limit
		listings: rueidis.NewLuaScript(now + `
return redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. string.format('%.0f', now), '+inf', 'LIMIT', 0, ARGV[1])`),
		// keys that are gone
		forget: rueidis.NewLuaScript(`return redis.call('ZREM', KEYS[1], unpack(ARGV))`),
	}
}
