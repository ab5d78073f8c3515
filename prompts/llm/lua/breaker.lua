-- One hash a lane: `failures` in a row, `open_until`, and while a single probe is out its ticket and `probe_until`.

local function breaker_load(key)
  local saved = redis.call('HMGET', key, 'failures', 'open_until', 'probe_until', 'probe')
  return {
    key = key,
    failures = tonumber(saved[1]) or 0,
    open_until = tonumber(saved[2]) or 0,
    probe_until = tonumber(saved[3]) or 0,
    probe = saved[4] or '',
  }
end

local function breaker_save(breaker, now)
  redis.call('HSET', breaker.key, 'failures', breaker.failures, 'open_until', string.format('%.3f', breaker.open_until),
    'probe_until', string.format('%.3f', breaker.probe_until), 'probe', breaker.probe)
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

local function breaker_probe(breaker, now, length, ticket)
  breaker.probe_until = now + length
  breaker.probe = ticket
  breaker_save(breaker, now)
end

local function breaker_answered(breaker)
  if breaker.failures == 0 and breaker.open_until == 0 then return end
  redis.call('DEL', breaker.key)
  breaker.failures, breaker.open_until, breaker.probe_until, breaker.probe = 0, 0, 0, ''
end

local function breaker_failed(breaker, now, threshold, cooldown, ticket)
  breaker.failures = breaker.failures + 1
  -- A call sent before the breaker opened tells nothing new, neither while it is open nor while the probe is out.
  local waits = now < breaker.open_until or (now < breaker.probe_until and ticket ~= breaker.probe)
  if breaker.failures >= threshold and not waits then
    breaker.open_until = now + cooldown
    breaker.probe_until = 0
    breaker.probe = ''
  end
  breaker_save(breaker, now)
end

-- The call told nothing: cancelled, or never sent. A probe that was lost that way may be sent again.
local function breaker_unknown(breaker, now, ticket)
  if breaker.probe_until > 0 and ticket == breaker.probe then
    breaker.probe_until = 0
    breaker.probe = ''
    breaker_save(breaker, now)
  end
end
