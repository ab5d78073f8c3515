-- KEYS: the lane's limiter, the lane's breaker (one hash tag, so one slot of a cluster).
-- ARGV: operation, clock in milliseconds or empty for the server's own, requests and tokens per minute, then its own.

local operation = ARGV[1]
local now = tonumber(ARGV[2])
if not now then
  local time = redis.call('TIME')
  now = tonumber(time[1]) * 1000 + tonumber(time[2]) / 1000
end
local lane = limiter_load(KEYS[1], now, tonumber(ARGV[3]), tonumber(ARGV[4]))
local breaker = breaker_load(KEYS[2])

local function given(index) return tonumber(ARGV[index]) end
local function microseconds(milliseconds) return math.ceil(milliseconds * 1000) end

local operations = {}

-- want, horizon, tokens each, length of a probe -> whether the breaker is open, microseconds to wait, slots...
function operations.grant()
  local want = given(5)
  local room, wait = breaker_room(breaker, now)
  if room == 0 then return { 1, microseconds(wait) } end
  local slots, again = limiter_take(lane, now, math.min(want, room or want), given(6), given(7))
  if #slots > 0 then
    limiter_save(lane, now)
    if room == 1 then breaker_probe(breaker, now, slots[1] / 1000 + given(8)) end
  end
  return { 0, microseconds(again), unpack(slots) }
end

-- count, tokens each
function operations.give_back()
  limiter_refund(lane.requests, given(5))
  limiter_refund(lane.tokens, given(5) * given(6))
  limiter_save(lane, now)
  breaker_unknown(breaker, now)
end

-- tokens reserved, tokens used, age, verdict, threshold, cooldown, wait after a refusal or empty,
-- told: requests per minute, requests left, tokens per minute, tokens left, each or empty
function operations.finish()
  limiter_settle(lane, now, given(5), given(6), given(7))
  limiter_learn(lane, now, given(12), given(13), given(14), given(15))
  if given(11) then limiter_refused(lane, now, given(11)) end
  limiter_save(lane, now)
  local verdict = ARGV[8]
  if verdict == 'answered' then breaker_answered(breaker) end
  if verdict == 'failed' then breaker_failed(breaker, now, given(9), given(10)) end
  if verdict == 'unknown' then breaker_unknown(breaker, now) end
end

return operations[operation]()
