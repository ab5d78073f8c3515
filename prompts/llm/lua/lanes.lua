-- KEYS: the lane's limiter, its breaker, its calls in flight, what it sent lately (one hash tag, so one slot of a
-- cluster).
-- ARGV: operation, clock in milliseconds or empty for the server's own, what is set (requests and tokens per minute,
-- concurrency, requests and tokens a day, seconds that the provider's day is ahead of UTC, where that comes from), then
-- the operation's own.

local OWN = 9
local operation = ARGV[1]
local now = tonumber(ARGV[2])
if not now then
  local time = redis.call('TIME')
  now = tonumber(time[1]) * 1000 + tonumber(time[2]) / 1000
end
local lane = limiter_load(KEYS[1], now, {
  requests = tonumber(ARGV[3]), tokens = tonumber(ARGV[4]), concurrency = tonumber(ARGV[5]),
  day_requests = tonumber(ARGV[6]), day_tokens = tonumber(ARGV[7]), day_offset = tonumber(ARGV[8]), source = ARGV[9],
  told = table.concat({ ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7], ARGV[8], ARGV[9] }, ' '),
})
local breaker = breaker_load(KEYS[2])

local function given(index) return tonumber(ARGV[OWN + index]) end
local function microseconds(milliseconds) return math.ceil(milliseconds * 1000) end

local FREE, OPEN, FULL, SPENT, UNKNOWN = 0, 1, 2, 3, 4
local operations = {}

local function window()
  local widest = lane.set.concurrency > 0 and lane.set.concurrency or math.huge
  return math.max(1, math.floor(math.min(lane.window, widest)))
end

-- want, horizon, tokens each, length of a probe, how long a ticket holds, prefix of the tickets, epoch that the caller
-- knows or empty, slots that it still holds, requests and tokens of the day so far or empty
-- -> why not, microseconds to wait, epoch, slots...
function operations.grant()
  local tokens, prefix = given(3), ARGV[OWN + 6]
  local budget = lane.set.day_requests > 0 or lane.set.day_tokens > 0
  if budget and not lane.day_known then
    if not given(9) then return { UNKNOWN, 0, lane.epoch or '' } end
    lane.day_known, lane.day_requests, lane.day_tokens = true, given(9), given(10)
  end
  lane.day_known = lane.day_known and budget
  limiter_begin(lane, now, prefix, ARGV[OWN + 7], given(8), tokens)

  local function refuse(why, wait)
    limiter_save(lane, now)
    return { why, microseconds(wait), lane.epoch }
  end
  local want = given(1)
  local room, wait = breaker_room(breaker, now)
  if room == 0 then return refuse(OPEN, wait) end
  local left, next_day = limiter_day(lane, now, tokens)
  if left == 0 then return refuse(SPENT, next_day) end
  local free = window() - flights_count(KEYS[3], now)
  if free <= 0 then return refuse(FULL, 500) end

  local slots, again = limiter_take(lane, now, math.min(want, room or want, free, left), given(2), tokens)
  if #slots == 0 then return refuse(FREE, again) end
  local tickets, untils = {}, {}
  for index, slot in ipairs(slots) do
    tickets[index] = prefix .. index
    untils[index] = now + slot / 1000 + given(5)
  end
  flights_hold(KEYS[3], now, tickets, untils)
  sent_count(KEYS[4], now, slots, tokens)
  lane.day_requests = lane.day_requests + #slots
  lane.day_tokens = lane.day_tokens + #slots * tokens
  limiter_save(lane, now)
  if room == 1 then breaker_probe(breaker, now, slots[1] / 1000 + given(4), tickets[1]) end
  return { FREE, 0, lane.epoch, unpack(slots) }
end

-- tokens each, then tickets
function operations.give_back()
  local tickets, tokens = { unpack(ARGV, OWN + 2) }, given(1)
  limiter_refund(lane.requests, #tickets)
  limiter_refund(lane.tokens, #tickets * tokens)
  lane.day_requests = math.max(0, lane.day_requests - #tickets)
  lane.day_tokens = math.max(0, lane.day_tokens - #tickets * tokens)
  limiter_save(lane, now)
  flights_release(KEYS[3], tickets)
  local span = math.floor(now / BUCKET)
  redis.call('HINCRBY', KEYS[4], 'r' .. span, -#tickets)
  redis.call('PEXPIRE', KEYS[4], 2 * MINUTE)
  for _, ticket in ipairs(tickets) do breaker_unknown(breaker, now, ticket) end
end

-- how long a ticket holds, then tickets
function operations.renew()
  local tickets, untils = { unpack(ARGV, OWN + 2) }, {}
  for index in ipairs(tickets) do untils[index] = now + given(1) end
  flights_hold(KEYS[3], now, tickets, untils)
end

-- threshold, cooldown, then for each call: ticket, tokens reserved, tokens used, age, verdict, wait after a refusal or
-- empty, told: requests per minute, requests left, tokens per minute, tokens left, each or empty
function operations.finish()
  local threshold, cooldown, tickets = given(1), given(2), {}
  local in_flight = flights_count(KEYS[3], now)
  for at = 3, #ARGV - OWN, 10 do
    local ticket, verdict, age = ARGV[OWN + at], ARGV[OWN + at + 4], given(at + 3)
    if ticket ~= '' then tickets[#tickets + 1] = ticket end
    limiter_settle(lane, now, given(at + 1), given(at + 2), age)
    local refusal = given(at + 5)
    local function left(index) return not refusal and given(at + index) or nil end
    local function sent(kind) return sent_lately(KEYS[4], now, kind) end
    local fell = limiter_learn(lane, now, age, given(at + 6), left(7), given(at + 8), left(9), sent)
    if refusal then
      limiter_refused(lane, now, refusal, fell)
    elseif verdict == 'answered' then
      limiter_grow(lane, in_flight, age)
    end
    if verdict == 'answered' then breaker_answered(breaker) end
    if verdict == 'failed' then breaker_failed(breaker, now, threshold, cooldown, ticket) end
    if verdict == 'unknown' then breaker_unknown(breaker, now, ticket) end
  end
  flights_release(KEYS[3], tickets)
  limiter_save(lane, now)
end

return operations[operation]()
