-- What one lane may send: requests and tokens per minute as two GCRA clocks, calls in flight, and a day's budget.
-- Times are milliseconds.
--
-- A clock's `ahead` is the moment at which everything granted so far will have drained at the steady rate. Its burst
-- and its rate together never admit more than the limit in any 60 seconds: burst + rate * 60 s <= limit.

local MINUTE = 60000
local DAY = 86400000
local BURST = 0.01            -- of a minute's requests may go at once
local TOKENS_BURST = 0.05     -- of a minute's tokens
local STEADY = 0.99           -- of the rest: room for the network's jitter
local RECOVERY = 0.2 / MINUTE -- how fast the factor climbs back to 1
local LEAST = 0.02            -- the factor never falls below this
local CUT_EVERY = 10000       -- one wave of refusals cuts once
local LONGEST_BLOCK = 3600000
local KEEP = 3600000
local ROUNDING = 0.01         -- a sum of many fractions of milliseconds that is off by this little is not late
local WINDOW = 20             -- calls in flight that a lane begins with
local WIDEST = 100000
local BUCKET = 10000          -- of what was sent lately, for screens

local function limiter_clock(ahead, start)
  return { ahead = tonumber(ahead) or 0, start = tonumber(start) or 0 }
end

local function limiter_pace(lane)
  local requests = lane.requests_limit * lane.factor
  lane.requests.burst = math.max(1, math.floor(requests * BURST))
  lane.requests.interval = requests > 0 and MINUTE / ((requests - lane.requests.burst + 1) * STEADY) or 0
  local tokens = lane.tokens_limit * lane.factor
  lane.tokens.burst = math.max(1, tokens * TOKENS_BURST)
  lane.tokens.interval = tokens > 0 and MINUTE / (tokens * (1 - TOKENS_BURST)) or 0
end

-- The smaller of what we set and what the provider told; 0 is no limit.
local function limiter_lower(set, told)
  if told and told > 0 and (set == 0 or told < set) then return told end
  return set
end

local function limiter_bound(lane)
  lane.requests_limit = limiter_lower(lane.set.requests, lane.requests_told)
  lane.tokens_limit = limiter_lower(lane.set.tokens, lane.tokens_told)
  limiter_pace(lane)
end

-- `set` is what we allow ourselves: requests, tokens, concurrency, day_requests, day_tokens, day_offset, source.
local function limiter_load(key, now, set)
  local saved = redis.call('HMGET', key, 'requests_ahead', 'requests_start', 'tokens_ahead', 'tokens_start',
    'blocked_until', 'factor', 'factor_at', 'cut_at', 'requests_told', 'tokens_told', 'window', 'calm', 'latency',
    'usual', 'day', 'day_requests', 'day_tokens', 'epoch', 'set', 'why', 'fell_at')
  local lane = {
    key = key,
    set = set,
    requests = limiter_clock(saved[1], saved[2]),
    tokens = limiter_clock(saved[3], saved[4]),
    blocked_until = tonumber(saved[5]) or 0,
    factor = tonumber(saved[6]) or 1,
    cut_at = tonumber(saved[8]) or -CUT_EVERY,
    requests_told = tonumber(saved[9]),
    tokens_told = tonumber(saved[10]),
    window = tonumber(saved[11]) or WINDOW,
    calm = tonumber(saved[12]) or WIDEST,
    latency = tonumber(saved[13]),
    usual = tonumber(saved[14]),
    day = math.floor((now + set.day_offset * 1000) / DAY),
    day_requests = tonumber(saved[16]) or 0,
    day_tokens = tonumber(saved[17]) or 0,
    epoch = saved[18] or nil,
    was_set = saved[19] or '',
    why = saved[20] or '',
    fell_at = tonumber(saved[21]),
  }
  local day = tonumber(saved[15])
  lane.day_known = day ~= nil
  lane.day_saved = lane.day_known
  if day ~= lane.day then lane.day_requests, lane.day_tokens = 0, 0 end
  local since = math.max(0, now - (tonumber(saved[7]) or now))
  lane.factor = math.min(1, lane.factor + since * RECOVERY)
  if lane.factor == 1 then lane.why = '' end
  limiter_bound(lane)
  return lane
end

local function limiter_save(lane, now)
  local function exact(number) return string.format('%.3f', number) end
  local fields = {
    'requests_ahead', exact(lane.requests.ahead), 'requests_start', exact(lane.requests.start),
    'tokens_ahead', exact(lane.tokens.ahead), 'tokens_start', exact(lane.tokens.start),
    'blocked_until', exact(lane.blocked_until), 'factor', string.format('%.6f', lane.factor),
    'factor_at', exact(now), 'cut_at', exact(lane.cut_at), 'window', exact(lane.window), 'calm', exact(lane.calm),
    'why', lane.why }
  local function also(name, value)
    if value then fields[#fields + 1], fields[#fields + 2] = name, value end
  end
  also('requests_told', lane.requests_told)
  also('tokens_told', lane.tokens_told)
  also('latency', lane.latency and exact(lane.latency))
  also('usual', lane.usual and exact(lane.usual))
  also('epoch', lane.epoch)
  also('fell_at', lane.fell_at and exact(lane.fell_at))
  if lane.day_known then
    also('day', lane.day)
    also('day_requests', lane.day_requests)
    also('day_tokens', lane.day_tokens)
  end
  if lane.day_saved and not lane.day_known then redis.call('HDEL', lane.key, 'day') end
  if lane.was_set ~= lane.set.told then also('set', lane.set.told) end
  redis.call('HSET', lane.key, unpack(fields))
  local furthest = math.max(now, lane.requests.ahead, lane.tokens.ahead, lane.blocked_until)
  -- The day's count outlives the lane's silence.
  local keep = lane.day_known and DAY or KEEP
  redis.call('PEXPIRE', lane.key, math.ceil(furthest - now) + keep)
end

-- When `cost` may go at the earliest. A cost above the burst waits for an empty clock, or it could never go.
local function limiter_earliest(clock, cost)
  return clock.ahead - math.max(0, clock.burst - cost) * clock.interval
end

local function limiter_charge(clock, at, cost)
  if clock.ahead <= at then
    clock.ahead = at
    clock.start = at
  end
  clock.ahead = clock.ahead + cost * clock.interval
end

-- A lane that nobody knows begins without its burst, and owes the slots that its caller still holds: they were granted
-- before everything was forgotten. A caller that knew the lane waits a turn besides: it may have sent just now.
local function limiter_begin(lane, now, epoch, known, owed, tokens)
  if not lane.epoch then
    lane.epoch = epoch
    limiter_charge(lane.requests, now, lane.requests.burst - (known == '' and 1 or 0))
    limiter_charge(lane.tokens, now, math.max(0, lane.tokens.burst - tokens))
  end
  if known ~= '' and known ~= lane.epoch then
    limiter_charge(lane.requests, now, owed)
    limiter_charge(lane.tokens, now, owed * tokens)
  end
end

-- How many more calls the day leaves, and milliseconds until the next one begins.
local function limiter_day(lane, now, tokens)
  local left = WIDEST
  if lane.set.day_requests > 0 then left = lane.set.day_requests - lane.day_requests end
  if lane.set.day_tokens > 0 then
    left = math.min(left, math.floor((lane.set.day_tokens - lane.day_tokens) / math.max(1, tokens)))
  end
  return math.max(0, left), (lane.day + 1) * DAY - lane.set.day_offset * 1000 - now
end

-- Microseconds from now at which each call may be sent, and milliseconds until asking for more makes sense.
local function limiter_take(lane, now, want, horizon, tokens)
  local slots = {}
  while #slots < want do
    local at = math.max(now, lane.blocked_until, limiter_earliest(lane.requests, 1),
      limiter_earliest(lane.tokens, tokens))
    if at < now + ROUNDING then at = now end
    if at > now + horizon + ROUNDING then return slots, at - now - horizon end
    -- When a refusal ends there is room for one more there, not for a burst.
    local clock = lane.requests
    clock.ahead = math.max(clock.ahead, lane.blocked_until + (clock.burst - 1) * clock.interval)
    limiter_charge(clock, at, 1)
    limiter_charge(lane.tokens, at, tokens)
    slots[#slots + 1] = math.ceil((at - now) * 1000)
  end
  return slots, 0
end

-- Never below the start of the busy period: what drained before it is gone.
local function limiter_refund(clock, cost)
  clock.ahead = math.max(clock.ahead - cost * clock.interval, math.min(clock.ahead, clock.start))
end

-- What a call reserved against what it used; `age` is how long ago it was sent.
local function limiter_settle(lane, now, reserved, used, age)
  local clock, more = lane.tokens, used - reserved
  if more > 0 then
    local charged = math.max(clock.ahead, now) + more * clock.interval
    -- After a minute the provider has forgotten it too.
    clock.ahead = math.max(clock.ahead, math.min(charged, now + MINUTE))
  elseif more < 0 and now - age >= clock.start then
    limiter_refund(clock, -more)
  end
  lane.day_tokens = math.max(0, lane.day_tokens + more)
end

-- Slower, and fewer at a time.
local function limiter_cut(lane, now, by, why)
  if now - lane.cut_at < CUT_EVERY then return end
  lane.cut_at = now
  lane.window = math.max(1, lane.window * by)
  lane.calm = lane.window
  if why == '' then return end
  lane.factor = math.max(LEAST, lane.factor * by)
  lane.why = why
  limiter_pace(lane)
end

-- The provider refused: slower at once, and nothing at all for `wait` milliseconds (below 0: it did not say). Where it
-- said as well which lower limit it was, that limit is answer enough.
local function limiter_refused(lane, now, wait, explained)
  limiter_cut(lane, now, 0.5, explained and '' or 'refused')
  if wait < 0 then wait = math.max(2000, math.min(lane.requests.interval, MINUTE)) end
  if wait > 0 then lane.blocked_until = math.max(lane.blocked_until, now + math.min(wait, LONGEST_BLOCK)) end
end

-- Whether less than a tenth is left although we did not take the rest: somebody else sends with the same key. A lane
-- at its full pace leaves next to nothing of a sliding minute by itself, which is no reason to slow down.
local function limiter_short(limit, left, sent)
  if not limit or not left or left * 10 >= limit then return false end
  return sent() + left < limit * 0.85
end

-- What the provider's headers say of a limit, as (limit, left), each nil where they are silent. A limit that falls
-- counts at once; one that rises is climbed to, unless a call tells it that was sent before the last one fell. Whether
-- one fell below what counted before. `sent` tells how many requests ('r') or tokens ('t') went out within the last
-- minute.
local function limiter_learn(lane, now, age, requests, requests_left, tokens, tokens_left, sent)
  local before, tokens_before = lane.requests_limit, lane.tokens_limit
  local short = limiter_short(requests, requests_left, function() return sent('r') end)
    or limiter_short(tokens, tokens_left, function() return sent('t') end)
  local function told(figure, was)
    if lane.fell_at and now - age <= lane.fell_at and figure and was and figure > was then return was end
    return figure or was
  end
  lane.requests_told = told(requests, lane.requests_told)
  lane.tokens_told = told(tokens, lane.tokens_told)
  limiter_bound(lane)
  local fell = lane.requests_limit < before or lane.tokens_limit < tokens_before
  if fell then lane.fell_at = now end
  if fell and lane.why == 'raised' and lane.requests_limit > 0 then
    lane.factor = math.min(1, lane.factor * before / lane.requests_limit)
    limiter_pace(lane)
  end
  if lane.requests_limit > before and before > 0 then
    lane.factor = math.max(LEAST, lane.factor * before / lane.requests_limit)
    if lane.factor < 1 then lane.why = 'raised' end
    limiter_pace(lane)
  end
  if short and not fell then limiter_cut(lane, now, 0.8, 'low') end
  return fell
end

-- Room for one more at a time where the lane is well used, nobody refuses, and answers take no longer than usual.
local function limiter_grow(lane, in_flight, age)
  lane.latency = lane.latency and lane.latency + (age - lane.latency) * 0.1 or age
  lane.usual = lane.usual and lane.usual + (age - lane.usual) * 0.001 or age
  if in_flight * 2 < lane.window or lane.latency > lane.usual * 2 then return end
  local step = lane.window < lane.calm and 1 or 1 / lane.window
  lane.window = math.min(WIDEST, lane.window + step)
end

-- Calls in flight: a set of tickets by the moment at which they count as lost.
local function flights_count(key, now)
  redis.call('ZREMRANGEBYSCORE', key, '-inf', now)
  return redis.call('ZCARD', key)
end

local function flights_hold(key, now, tickets, until_each)
  local members = {}
  for index, ticket in ipairs(tickets) do
    members[#members + 1] = string.format('%.0f', until_each[index])
    members[#members + 1] = ticket
  end
  redis.call('ZADD', key, unpack(members))
  redis.call('PEXPIRE', key, KEEP)
end

local function flights_release(key, tickets)
  if #tickets > 0 then redis.call('ZREM', key, unpack(tickets)) end
end

-- How much was sent in each of the last few spans of time, for screens.
local function sent_count(key, now, slots, tokens)
  local spans = {}
  for _, slot in ipairs(slots) do
    local span = math.floor((now + slot / 1000) / BUCKET)
    spans[span] = (spans[span] or 0) + 1
  end
  for span, count in pairs(spans) do
    redis.call('HINCRBY', key, 'r' .. span, count)
    if tokens > 0 then redis.call('HINCRBY', key, 't' .. span, math.floor(tokens * count)) end
  end
  local old = math.floor(now / BUCKET) - 8
  redis.call('HDEL', key, 'r' .. old, 't' .. old, 'r' .. old - 1, 't' .. old - 1)
  redis.call('PEXPIRE', key, 2 * MINUTE)
end

-- What went out within the last minute, and a little before.
local function sent_lately(key, now, kind)
  local total, this = 0, math.floor(now / BUCKET)
  for span = this - MINUTE / BUCKET, this do
    total = total + (tonumber(redis.call('HGET', key, kind .. span)) or 0)
  end
  return total
end
