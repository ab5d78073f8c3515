-- Requests and tokens per minute of one lane: two GCRA clocks in one hash. Times are milliseconds.
--
-- A clock's `ahead` is the moment at which everything granted so far will have drained at the steady rate. Its burst
-- and its rate together never admit more than the limit in any 60 seconds: burst + rate * 60 s <= limit.

local MINUTE = 60000
local BURST = 0.05            -- of a minute's limit may go at once
local STEADY = 0.99           -- of the rest: room for the network's jitter
local RECOVERY = 0.2 / MINUTE -- how fast the factor climbs back to 1
local LEAST = 0.02            -- the factor never falls below this
local CUT_EVERY = 10000       -- one wave of refusals cuts once
local LONGEST_BLOCK = 3600000
local KEEP = 3600000
local ROUNDING = 0.01         -- a sum of many fractions of milliseconds that is off by this little is not late

local function limiter_clock(ahead, start)
  return { ahead = tonumber(ahead) or 0, start = tonumber(start) or 0 }
end

local function limiter_pace(lane)
  local requests = lane.requests_limit * lane.factor
  lane.requests.burst = math.max(1, math.floor(requests * BURST))
  lane.requests.interval = requests > 0 and MINUTE / ((requests - lane.requests.burst + 1) * STEADY) or 0
  local tokens = lane.tokens_limit * lane.factor
  lane.tokens.burst = math.max(1, tokens * BURST)
  lane.tokens.interval = tokens > 0 and MINUTE / (tokens * (1 - BURST)) or 0
end

-- The smaller of what we set and what the provider told; 0 is no limit.
local function limiter_lower(set, told)
  if told and told > 0 and (set == 0 or told < set) then return told end
  return set
end

local function limiter_load(key, now, requests_limit, tokens_limit)
  local saved = redis.call('HMGET', key, 'requests_ahead', 'requests_start', 'tokens_ahead', 'tokens_start',
    'blocked_until', 'factor', 'factor_at', 'cut_at', 'requests_told', 'tokens_told')
  local lane = {
    key = key,
    requests = limiter_clock(saved[1], saved[2]),
    tokens = limiter_clock(saved[3], saved[4]),
    blocked_until = tonumber(saved[5]) or 0,
    factor = tonumber(saved[6]) or 1,
    cut_at = tonumber(saved[8]) or -CUT_EVERY,
    requests_told = tonumber(saved[9]),
    tokens_told = tonumber(saved[10]),
  }
  local since = math.max(0, now - (tonumber(saved[7]) or now))
  lane.factor = math.min(1, lane.factor + since * RECOVERY)
  lane.requests_limit = limiter_lower(requests_limit, lane.requests_told)
  lane.tokens_limit = limiter_lower(tokens_limit, lane.tokens_told)
  limiter_pace(lane)
  return lane
end

local function limiter_save(lane, now)
  local function exact(number) return string.format('%.3f', number) end
  redis.call('HSET', lane.key,
    'requests_ahead', exact(lane.requests.ahead), 'requests_start', exact(lane.requests.start),
    'tokens_ahead', exact(lane.tokens.ahead), 'tokens_start', exact(lane.tokens.start),
    'blocked_until', exact(lane.blocked_until), 'factor', string.format('%.6f', lane.factor),
    'factor_at', exact(now), 'cut_at', exact(lane.cut_at))
  if lane.requests_told then redis.call('HSET', lane.key, 'requests_told', lane.requests_told) end
  if lane.tokens_told then redis.call('HSET', lane.key, 'tokens_told', lane.tokens_told) end
  local furthest = math.max(now, lane.requests.ahead, lane.tokens.ahead, lane.blocked_until)
  redis.call('PEXPIRE', lane.key, math.ceil(furthest - now) + KEEP)
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

-- Microseconds from now at which each call may be sent, and milliseconds until asking for more makes sense.
local function limiter_take(lane, now, want, horizon, tokens)
  local slots = {}
  while #slots < want do
    local at = math.max(now, lane.blocked_until, limiter_earliest(lane.requests, 1),
      limiter_earliest(lane.tokens, tokens))
    if at < now + ROUNDING then at = now end
    if at > now + horizon + ROUNDING then return slots, at - now - horizon end
    limiter_charge(lane.requests, at, 1)
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
end

local function limiter_cut(lane, now, by)
  if now - lane.cut_at < CUT_EVERY then return end
  lane.factor = math.max(LEAST, lane.factor * by)
  lane.cut_at = now
  limiter_pace(lane)
end

-- The provider refused: slower at once, and nothing at all for `wait` milliseconds (below 0: it did not say).
local function limiter_refused(lane, now, wait)
  limiter_cut(lane, now, 0.5)
  if wait < 0 then wait = math.max(2000, math.min(lane.requests.interval, MINUTE)) end
  lane.blocked_until = math.max(lane.blocked_until, now + math.min(wait, LONGEST_BLOCK))
end

-- What the provider's headers say of a limit, as (limit, left), each nil where they are silent.
local function limiter_learn(lane, now, requests, requests_left, tokens, tokens_left)
  lane.requests_told = requests or lane.requests_told
  lane.tokens_told = tokens or lane.tokens_told
  local function low(limit, left) return limit and left and left * 50 < limit end
  if low(requests, requests_left) or low(tokens, tokens_left) then limiter_cut(lane, now, 0.8) end
end
