-- One hash a lane: `failures` in a row, `open_until`, and `probe_until` while a single probe is out.

local function breaker_load(key)
  local saved = redis.call('HMGET', key, 'failures', 'open_until', 'probe_until')
  return {
    key = key,
    failures = tonumber(saved[1]) or 0,
    open_until = tonumber(saved[2]) or 0,
    probe_until = tonumber(saved[3]) or 0,
  }
end

local function breaker_save(breaker, now)
  redis.call('HSET', breaker.key, 'failures', breaker.failures, 'open_until', string.format('%.3f', breaker.open_until),
    'probe_until', string.format('%.3f', breaker.probe_until))
  local furthest = math.max(now, breaker.open_until, breaker.probe_until)
  redis.call('PEXPIRE', breaker.key, math.ceil(furthest - now) + 600000)
end

-- How many calls may be sent at most (nil: any number), and how long to wait when that is none.
local function breaker_room(breaker, now)
  if breaker.open_until == 0 then return nil, 0 end
  local shut = math.max(breaker.open_until, breaker.probe_until)
  if now < shut then
    -- A probe usually comes back long before its time is up.
    return 0, now < breaker.open_until and breaker.open_until - now or math.min(1000, shut - now)
  end
  return 1, 0
end

local function breaker_probe(breaker, now, length)
  breaker.probe_until = now + length
  breaker_save(breaker, now)
end

local function breaker_answered(breaker)
  if breaker.failures > 0 or breaker.open_until > 0 then redis.call('DEL', breaker.key) end
end

local function breaker_failed(breaker, now, threshold, cooldown)
  breaker.failures = breaker.failures + 1
  -- A call sent before the breaker opened tells nothing new while it is open.
  if breaker.failures >= threshold and now >= breaker.open_until then
    breaker.open_until = now + cooldown
    breaker.probe_until = 0
  end
  breaker_save(breaker, now)
end

-- The call told nothing: cancelled, or never sent. A probe that was lost that way may be sent again.
local function breaker_unknown(breaker, now)
  if breaker.probe_until > 0 then
    breaker.probe_until = 0
    breaker_save(breaker, now)
  end
end
