// What has to be done in Redis in one piece. Time is Redis' own, so that members' clocks don't matter.

const NOW = `
local time = redis.call("TIME")
local now = time[1] * 1000 + math.floor(time[2] / 1000)
`;

/**
 * A member says that it is there, and takes, renews or resigns the lease. What it held before and holds no more is let go
 * of; what it holds is written again, also after a flush.
 * KEYS version, lease, fence, members, seen, taken, fleets; ARGV version, name, member, report, wants the lease, lease ms, forget ms,
 * then job and claim for each that it holds.
 * Returns now, lease holder, its token, ms left of the lease, members, seen, taken.
 */
const BEAT = `${NOW}
local version = redis.call("GET", KEYS[1])
if version and version ~= ARGV[1] then return redis.error_reply("FLEETVERSION " .. version) end
if not version then redis.call("SET", KEYS[1], ARGV[1]) end
local me = ARGV[3]
redis.call("SADD", KEYS[7], ARGV[2])
redis.call("HSET", KEYS[4], me, ARGV[4])
redis.call("ZADD", KEYS[5], now, me)
for _, gone in ipairs(redis.call("ZRANGEBYSCORE", KEYS[5], "-inf", now - ARGV[7])) do
  redis.call("ZREM", KEYS[5], gone)
  redis.call("HDEL", KEYS[4], gone)
end

local held = {}
for i = 8, #ARGV, 2 do
  held[ARGV[i]] = true
  redis.call("HSETNX", KEYS[6], ARGV[i], ARGV[i + 1])
end
local taken = redis.call("HGETALL", KEYS[6])
for i = 1, #taken, 2 do
  if not held[taken[i]] and cjson.decode(taken[i + 1]).member == me then redis.call("HDEL", KEYS[6], taken[i]) end
end

local lease = redis.call("GET", KEYS[2])
local token, holder
if lease then token, holder = string.match(lease, "^(%d+) (.*)$") end
if ARGV[5] == "1" then
  if not lease then
    holder = me
    token = string.format("%.0f", math.max(now, tonumber(redis.call("GET", KEYS[3]) or "0") + 1))
    redis.call("SET", KEYS[3], token)
    redis.call("SET", KEYS[2], token .. " " .. me, "PX", ARGV[6])
  elseif holder == me then
    redis.call("PEXPIRE", KEYS[2], ARGV[6])
  end
elseif holder == me then
  redis.call("DEL", KEYS[2])
  holder = nil
end
return {now, holder or "", token or "0", redis.call("PTTL", KEYS[2]), redis.call("HGETALL", KEYS[4]),
  redis.call("ZRANGE", KEYS[5], 0, -1, "WITHSCORES"), redis.call("HGETALL", KEYS[6])}
`;

/**
 * A member leaves. Its claims stay: its transactions may still be under way.
 * KEYS lease, members, seen; ARGV member.
 */
const LEAVE = `
local lease = redis.call("GET", KEYS[1])
if lease and string.match(lease, "^%d+ (.*)$") == ARGV[1] then redis.call("DEL", KEYS[1]) end
redis.call("HDEL", KEYS[2], ARGV[1])
return redis.call("ZREM", KEYS[3], ARGV[1])
`;

/**
 * What a watcher needs to know before it publishes.
 * KEYS lease, rest; ARGV token, member. Returns 1 while it holds the lease, and the jobs at rest.
 */
const OUTLOOK = `
local holds = redis.call("GET", KEYS[1]) == ARGV[1] .. " " .. ARGV[2]
return {holds and 1 or 0, redis.call("HGETALL", KEYS[2])}
`;

/**
 * A member claims a job, on the state of a block.
 * KEYS fence, taken, seen, settled, counts; ARGV job, claim, member, block, token of its assignment or 0, ms for which a member counts
 * as alive, ms for which a job counts as settled, 1 to claim what a dead member left.
 * Returns "ok"; "stale" for an assignment of a watcher that was replaced; "settled" where the block is older than what came of the job
 * just now; "busy" where a living member has it; "left", the claim, and ms since it was seen, where a dead one had it.
 */
const CLAIM = `${NOW}
local job, me = ARGV[1], ARGV[3]
local token = tonumber(ARGV[5])
if token > 0 and token < tonumber(redis.call("GET", KEYS[1]) or "0") then return {"stale"} end
local block, at = string.match(redis.call("HGET", KEYS[4], job) or "-1 0", "^(%S+) (%S+)$")
if tonumber(ARGV[4]) < tonumber(block) and now - tonumber(at) < tonumber(ARGV[7]) then return {"settled"} end
local claim = redis.call("HGET", KEYS[2], job)
if claim then
  local holder = cjson.decode(claim).member
  if holder ~= me then
    local seen = redis.call("ZSCORE", KEYS[3], holder)
    local age = now - tonumber(seen or "0")
    if age < tonumber(ARGV[6]) then return {"busy"} end
    if ARGV[8] ~= "1" then return {"left", claim, string.format("%.0f", age)} end
    redis.call("HINCRBY", KEYS[5], "takenOver", 1)
  end
end
redis.call("HSET", KEYS[2], job, ARGV[2])
return {"ok"}
`;

/**
 * A member lets go of a job. One that failed rests for 1, 2, 4 … blocks.
 * KEYS taken, settled, rest, counts; ARGV job, member, result or "", block, longest rest, keep seconds.
 */
const RELEASE = `${NOW}
local job, result, block = ARGV[1], ARGV[3], tonumber(ARGV[4])
local claim = redis.call("HGET", KEYS[1], job)
if claim and cjson.decode(claim).member == ARGV[2] then redis.call("HDEL", KEYS[1], job) end
if result == "" then return 0 end
redis.call("HINCRBY", KEYS[4], result, 1)
if result == "mined" or result == "reverted" then
  redis.call("HSET", KEYS[2], job, string.format("%.0f %.0f", block, now))
  redis.call("EXPIRE", KEYS[2], ARGV[6])
end
if result == "mined" then
  redis.call("HDEL", KEYS[3], job)
elseif result == "reverted" or result == "refused" then
  local failures = tonumber(string.match(redis.call("HGET", KEYS[3], job) or "0 0", "^(%d+)")) + 1
  local blocks = math.min(tonumber(ARGV[5]), 2 ^ math.min(failures - 1, 30))
  redis.call("HSET", KEYS[3], job, string.format("%d %.0f", failures, block + blocks))
  redis.call("EXPIRE", KEYS[3], ARGV[6])
end
return 1
`;

/**
 * KEYS lease, members, seen, taken, counts. Returns now, the lease, ms left of it, members, seen, taken, counts.
 */
const STATUS = `${NOW}
return {now, redis.call("GET", KEYS[1]) or "", redis.call("PTTL", KEYS[1]), redis.call("HGETALL", KEYS[2]),
  redis.call("ZRANGE", KEYS[3], 0, -1, "WITHSCORES"), redis.call("HGETALL", KEYS[4]), redis.call("HGETALL", KEYS[5])}
`;

/** Every script by name, with the number of its keys. */
export const SCRIPTS = {
  spillwayBeat: { numberOfKeys: 7, lua: BEAT },
  spillwayLeave: { numberOfKeys: 3, lua: LEAVE },
  spillwayOutlook: { numberOfKeys: 2, lua: OUTLOOK },
  spillwayClaim: { numberOfKeys: 5, lua: CLAIM },
  spillwayRelease: { numberOfKeys: 4, lua: RELEASE },
  spillwayStatus: { numberOfKeys: 5, lua: STATUS },
} as const;
